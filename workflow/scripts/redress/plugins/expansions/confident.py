"""Confident learning (Northcutt et al. 2021), by its authors' library: labels that a classifier does not
believe.

The classifier sees features of M_o and is asked of samples that it was not fitted on; the score is one less
cleanlab's label quality, by the margin between the given label and the likeliest other. It does not look at
S_f: only the cut does.
"""

from functools import partial

import numpy as np
from cleanlab.rank import get_label_quality_scores

from redress.developer.cutting import grown
from redress.developer.ranking import Evidence
from redress.developer.task import Expanded, Known
from redress.formats.kinds import Fraction, PositiveInt


def expand(known: Known, *, layer: PositiveInt = 2, recall: Fraction = 0.9) -> Expanded:
    """S_f and what a list holds that is to have `recall` of S_m."""
    evidence = Evidence(known)
    return grown(evidence, partial(score, evidence, layer=layer), recall, learns=False)


def score(
    evidence: Evidence, found: np.ndarray, others: np.ndarray, asked: np.ndarray, layer: int = 2
) -> np.ndarray:
    """See `redress.developer.ranking.Score`."""
    quality = get_label_quality_scores(
        evidence.labels, evidence.probabilities(layer), method="normalized_margin"
    )
    return np.asarray(1 - quality[asked])

"""Expansion by likeness: nearer to S_f than to the rest of its label, in the features of M_o.

The score is `redress.developer.likeness.likeness`, which says nothing of labels of which S_f has no sample.
"""

from functools import partial

import numpy as np

from redress.developer.cutting import grown
from redress.developer.likeness import likeness
from redress.developer.ranking import Evidence
from redress.developer.task import Expanded, Known
from redress.formats.kinds import Fraction, PositiveInt


def expand(known: Known, *, k: PositiveInt = 5, layer: PositiveInt = 2, recall: Fraction = 0.9) -> Expanded:
    """S_f and what a list holds that is to have `recall` of S_m."""
    evidence = Evidence(known)
    return grown(evidence, partial(score, evidence, layer=layer, k=k), recall)


def score(
    evidence: Evidence, found: np.ndarray, others: np.ndarray, asked: np.ndarray, layer: int = 2, k: int = 5
) -> np.ndarray:
    """See `redress.developer.ranking.Score`."""
    return likeness(evidence, found, others, asked, layer, k)

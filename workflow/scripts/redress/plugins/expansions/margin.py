"""Area under the margin (Pleiss et al. 2020): what M_o was never sure of while it was trained.

The score is minus the mean margin over all visits, logit of the given label less the highest other logit,
from the log that training leaves; there is none of M_o's whose weights were brought, and so no score. It
does not look at S_f: only the cut does.
"""

from functools import partial

import numpy as np

from redress.developer.cutting import grown
from redress.developer.ranking import Evidence
from redress.developer.task import Expanded, Known
from redress.formats.kinds import Fraction


def expand(known: Known, *, recall: Fraction = 0.9) -> Expanded:
    """S_f and what a list holds that is to have `recall` of S_m."""
    evidence = Evidence(known)
    return grown(evidence, partial(score, evidence), recall, learns=False)


def score(evidence: Evidence, found: np.ndarray, others: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """See `redress.developer.ranking.Score`."""
    return -evidence.margins_by_time(1)[asked, 0]

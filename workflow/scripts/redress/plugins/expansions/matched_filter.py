"""An upper bound, not a detector to compare with: it knows that the attack is a mark fixed in place.

Pixel by pixel, w = (mean of S_f - mean of the rest) / variance of both, whatever the labels: the filter
that tells best a known pattern from independent noise (North 1943), its pattern estimated from S_f. It
finds patches and blended patterns, no wrong labels, and no mark that moves.
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
    return grown(evidence, partial(score, evidence), recall)


def score(evidence: Evidence, found: np.ndarray, others: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """See `redress.developer.ranking.Score`."""
    pixels = evidence.pixels
    marked, rest = pixels[found], pixels[others]
    shift = marked.mean(axis=0) - rest.mean(axis=0)
    variance = np.vstack([marked - marked.mean(axis=0), rest - rest.mean(axis=0)]).var(axis=0)
    weights = shift / (variance + variance.mean() / 100)  # a border of one colour has no variance
    return np.asarray((pixels[asked] - rest.mean(axis=0)) @ weights)

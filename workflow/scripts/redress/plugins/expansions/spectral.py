"""Seeded spectral signatures: how far a sample lies along the direction that S_f leaves in its label.

Of the `directions` top right-singular vectors of a label's centred features the score takes that on which
S_f differs most, for its variance, from the others, and its side; Tran et al. (2018), who know no S_f, take
the square of the projection on the first one. Says nothing of labels of which S_f has no sample.
"""

from functools import partial

import numpy as np

from redress.developer.cutting import grown
from redress.developer.ranking import Evidence
from redress.developer.task import Expanded, Known
from redress.formats.kinds import Fraction, PositiveInt


def expand(
    known: Known, *, directions: PositiveInt = 5, layer: PositiveInt = 2, recall: Fraction = 0.9
) -> Expanded:
    """S_f and what a list holds that is to have `recall` of S_m."""
    evidence = Evidence(known)
    return grown(evidence, partial(score, evidence, layer=layer, directions=directions), recall)


def score(
    evidence: Evidence,
    found: np.ndarray,
    others: np.ndarray,
    asked: np.ndarray,
    layer: int = 2,
    directions: int = 5,
) -> np.ndarray:
    """See `redress.developer.ranking.Score`."""
    labels = evidence.labels
    features = evidence.features(layer).astype(np.float64)
    scores = np.full(len(asked), np.nan)
    for label in np.unique(labels[found]):
        rest, seeds = (features[part[labels[part] == label]] for part in (others, found))
        if not len(rest):
            continue
        centre = rest.mean(axis=0)
        *_, top = np.linalg.svd(rest - centre, full_matrices=False)
        top = top[:directions]
        deviations = np.maximum(((rest - centre) @ top.T).std(axis=0), 1e-12)
        shifts = ((seeds - centre) @ top.T).mean(axis=0) / deviations
        best = np.abs(shifts).argmax()
        here = labels[asked] == label
        along = (features[asked[here]] - centre) @ top[best]
        scores[here] = np.sign(shifts[best]) * along / deviations[best]
    return scores

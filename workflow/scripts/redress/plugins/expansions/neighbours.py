"""Expansion by likeness: nearer to S_f than to the rest of its label, in the features of M_o.

The score is the mean cosine similarity to the `k` nearest samples of S_f of the same label, less that to
the `k` nearest others. Says nothing of labels of which S_f has no sample.
"""

from functools import partial

import numpy as np

from redress.developer.cutting import grown
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
    lengths = np.linalg.norm(evidence.features(layer), axis=1, keepdims=True)
    directions, labels = evidence.features(layer) / np.maximum(lengths, 1e-12), evidence.labels
    scores = np.full(len(asked), np.nan)
    for label in np.unique(labels[found]):
        here = np.flatnonzero(labels[asked] == label)
        near, far = (
            _nearest(directions, asked[here], part[labels[part] == label], k) for part in (found, others)
        )
        scores[here] = near - far
    return scores


def _nearest(directions: np.ndarray, asked: np.ndarray, among: np.ndarray, k: int) -> np.ndarray:
    """Mean cosine similarity to the `k` most similar of `among` that are not the sample itself."""
    similar = directions[asked] @ directions[among].T
    similar[asked[:, None] == among] = -np.inf
    nearest = np.sort(similar, axis=1)[:, ::-1][:, :k]
    known = np.isfinite(nearest)
    return np.where(known, nearest, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)

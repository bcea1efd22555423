"""Likeness of gradients: whose gradient of M_o's last layer points where that of S_f does.

The gradient of the loss by the last layer's weights is (p - e_y) h^T, so the cosine of two is that of their
residuals times that of their features; the score is its mean over the samples of S_f with the same label,
less that over the others with it (TracIn's last-layer form, Pruthi et al. 2020, at M_o alone). On a network
that is sure of all labels it is the direction of a residual that counts, not its length.
"""

from functools import partial

import numpy as np
from scipy.special import softmax

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
    labels = evidence.labels
    residuals = softmax(evidence.logits.astype(np.float64), axis=1)
    residuals[np.arange(len(labels)), labels] = 0  # p_y - 1 is minus the sum of the others, and nearly 0
    residuals[np.arange(len(labels)), labels] = -residuals.sum(axis=1)
    residuals, features = (_directions(part) for part in (residuals, evidence.features(1)))
    scores = np.full(len(asked), np.nan)
    for label in np.unique(labels[found]):
        here = np.flatnonzero(labels[asked] == label)
        same, rest = (
            _alike(residuals, features, asked[here], part[labels[part] == label]) for part in (found, others)
        )
        scores[here] = same - rest
    return scores


def _directions(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300))


def _alike(residuals: np.ndarray, features: np.ndarray, asked: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Mean cosine of the gradients of `asked` with those of `among`, itself left out: (asked,)."""
    cosines = (residuals[asked] @ residuals[among].T) * (features[asked] @ features[among].T)
    cosines[asked[:, None] == among] = 0
    return np.asarray(cosines.sum(axis=1) / max(len(among), 1))

"""Linear discriminant analysis within a label: where S_f differs from the rest of its label.

In the features of M_o, by label: w = Sigma^-1 (mean of S_f - mean of the rest), Sigma the covariance around
both means, shrunk as Ledoit and Wolf (2004) do. The score w^T x, from midway between the means, is the
logarithm of how much likelier a sample is one of S_f. Says nothing of labels of which S_f has no sample.
"""

from functools import partial

import numpy as np
from sklearn.covariance import LedoitWolf

from redress.developer.cutting import grown
from redress.developer.ranking import Evidence
from redress.developer.task import Expanded, Known
from redress.formats.kinds import Fraction, PositiveInt


def expand(known: Known, *, layer: PositiveInt = 1, recall: Fraction = 0.9) -> Expanded:
    """S_f and what a list holds that is to have `recall` of S_m."""
    evidence = Evidence(known)
    return grown(evidence, partial(score, evidence, layer=layer), recall)


def score(
    evidence: Evidence, found: np.ndarray, others: np.ndarray, asked: np.ndarray, layer: int = 1
) -> np.ndarray:
    """See `redress.developer.ranking.Score`."""
    labels = evidence.labels
    features = evidence.features(layer).astype(np.float64)
    features /= np.maximum(features.std(axis=0), 1e-12)
    scores = np.full(len(asked), np.nan)
    for label in np.unique(labels[found]):
        sides = [features[part[labels[part] == label]] for part in (others, found)]
        if not len(sides[0]):
            continue
        means = [side.mean(axis=0) for side in sides]
        around = np.vstack([side - mean for side, mean in zip(sides, means, strict=True)])
        covariance = LedoitWolf(assume_centered=True).fit(around).covariance_
        direction = np.linalg.solve(covariance, means[1] - means[0])
        here = labels[asked] == label
        scores[here] = (features[asked[here]] - (means[0] + means[1]) / 2) @ direction
    return scores

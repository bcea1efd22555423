"""Biased discovery: only samples of one true class are ever found."""

import numpy as np

from redress.formats.contents import Truth


def discover(truth: Truth, share: float, generator: np.random.Generator) -> np.ndarray:
    """Samples of the commonest true class in S_m: as many as there are, `share` of S_m at most."""
    classes = truth.true_labels[truth.manipulated]
    found = truth.manipulated[classes == np.bincount(classes).argmax()]
    return found[: round(share * len(truth.manipulated))]

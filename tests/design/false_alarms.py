"""Uniform discovery with false alarms: a part of what is found was never manipulated."""

import numpy as np

from redress.formats.contents import Truth


def discover(truth: Truth, share: float, generator: np.random.Generator, *, rate: float = 0.1) -> np.ndarray:
    """round(share * |S_m|) samples in random order, a share of `rate` of them from outside S_m."""
    size = round(share * len(truth.manipulated))
    clean = np.setdiff1d(np.arange(len(truth.true_labels)), truth.manipulated)
    alarms = generator.choice(clean, size=round(rate * size), replace=False)
    return generator.permutation(np.concatenate([truth.manipulated[: size - len(alarms)], alarms]))

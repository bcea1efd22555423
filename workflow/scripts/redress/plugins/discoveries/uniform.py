"""Uniform discovery: every sample of S_m is as likely to be found as any other (Goel et al. 2024)."""

import numpy as np

from redress.formats.contents import Truth


def discover(truth: Truth, share: float, generator: np.random.Generator) -> np.ndarray:
    """The first round(share * |S_m|) samples of S_m in its random order: the sets of one seed are nested."""
    return truth.manipulated[: round(share * len(truth.manipulated))]

"""Two models compared on the same samples."""

import numpy as np


def mcnemar(one: np.ndarray, other: np.ndarray) -> float:
    """McNemar's exact test (1947): two-sided p of two models being right equally often, both boolean (N,).

    Only samples of which one model is right and the other wrong say anything; 1 where there is none.
    """
    return sign_test(int(np.count_nonzero(one & ~other)), int(np.count_nonzero(other & ~one)))


def sign_test(gained: int, lost: int) -> float:
    """Two-sided p of as many gains as losses being as likely; 1 where there is neither."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0

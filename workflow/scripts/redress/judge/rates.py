"""Shares of samples with how sure they are, and two models compared on the same samples."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

LEVEL = 0.95
"""The confidence level of every interval that does not say otherwise."""


@dataclass(frozen=True)
class Rate:
    """A share of n samples with Wilson's interval (1927), which holds where few or all of them count."""

    hits: int
    n: int
    level: float = LEVEL

    @property
    def estimate(self) -> float:
        """From 0 to 1; NaN of no sample."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Its ends; NaN of no sample."""
        if not self.n:
            return math.nan, math.nan
        found = binomtest(self.hits, self.n).proportion_ci(confidence_level=self.level, method="wilson")
        return float(found.low), float(found.high)

    @property
    def low(self) -> float:
        """Its lower end."""
        return self.interval[0]

    @property
    def high(self) -> float:
        """Its upper end."""
        return self.interval[1]

    @property
    def at_most(self) -> float | None:
        """Of no hit: what the share is below with 95 % confidence, 3/n (the rule of three). Else None."""
        return min(1.0, 3 / self.n) if self.n and not self.hits else None


def rate(hit: np.ndarray, asked: np.ndarray | None = None, level: float = LEVEL) -> Rate:
    """Of the samples that are `asked` about, by default all, those that `hit` counts: both boolean (m,)."""
    counted = hit if asked is None else hit[asked]
    return Rate(int(np.count_nonzero(counted)), len(counted), level)


def mcnemar(one: np.ndarray, other: np.ndarray) -> float:
    """McNemar's exact test (1947): two-sided p of two models being right equally often, both boolean (N,).

    Only samples of which one model is right and the other wrong say anything; 1 where there is none.
    """
    gained, lost = int(np.count_nonzero(one & ~other)), int(np.count_nonzero(other & ~one))
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0

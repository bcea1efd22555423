"""Shares of samples with how sure they are, and how many would tell two models apart."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from redress.formats.paired import sign_test

LEVEL = 0.95
"""The confidence level of every interval that does not say otherwise."""

MOST = 20
"""Times as many samples as there are: what needs more is not worth naming."""


@dataclass(frozen=True)
class Rate:
    """A share of n samples with Wilson's interval (1927), which holds where few or all of them count."""

    hits: int
    n: int
    level: float = LEVEL
    effective: float | None = None
    """Of how many independent samples it tells as much; None for n. See `effective`."""

    @property
    def estimate(self) -> float:
        """From 0 to 1; NaN of no sample."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Its ends; NaN of no sample."""
        if not self.n:
            return math.nan, math.nan
        n = self.n if self.effective is None else self.effective
        z = float(norm.ppf((1 + self.level) / 2))
        centre = (self.estimate + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * math.sqrt(self.estimate * (1 - self.estimate) / n + z**2 / (4 * n**2))
        return centre - half if self.hits else 0.0, centre + half if self.hits < self.n else 1.0

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


def rate(
    hit: np.ndarray,
    asked: np.ndarray | None = None,
    level: float = LEVEL,
    parts: np.ndarray | None = None,
) -> Rate:
    """Of the samples that are `asked` about, by default all, those that `hit` counts: both boolean (m,).

    `parts` (m,) says which of them were asked of the same model, where there were several.
    """
    asked = np.ones(len(hit), bool) if asked is None else asked
    counted = hit[asked]
    told = None if parts is None else effective(counted, parts[asked])
    return Rate(int(np.count_nonzero(counted)), len(counted), level, told)


def effective(hit: np.ndarray, parts: np.ndarray) -> float:
    """Of how many independent samples n samples tell as much, `hit` boolean (n,): at most n.

    The K models that the `parts` (n,) were asked of, and the one that they stand for, are taken as draws from
    one kind whose rates have a variance t, estimated by moments as of a random effect (Kleinman 1973), 0
    where they differ no more than counts do. The mean of K then misses the other one by a variance of
    p(1 - p)/n + t(1 + 1/K), p with two more hits and two more misses.
    """
    n = len(hit)
    own, sizes = np.unique(parts, return_inverse=True, return_counts=True)[1:]
    models = len(sizes)
    if models < 2 or models == n:  # one model, or one sample each, shows nothing of how models differ
        return float(n)
    hits = np.bincount(own, weights=hit)
    p = (hits.sum() + 2) / (n + 4)
    within = p * (1 - p)
    spread = (sizes * (hits / sizes - hits.sum() / n) ** 2).sum()
    between = max(0.0, (spread - (models - 1) * within) / (n - (sizes**2).sum() / n))
    return float(within / (within / n + between * (1 + 1 / models)))


def needed(one: np.ndarray, other: np.ndarray, alpha: float) -> int | None:
    """So many samples would show at `alpha` that `other` is right more often, if they fared as these do.

    Both boolean (N,). None where it is not right more often, or MOST N would not do.
    """
    n, gained, lost = len(one), int(np.count_nonzero(other & ~one)), int(np.count_nonzero(one & ~other))
    if gained <= lost:
        return None
    enough = (
        wanted
        for wanted in range(n, MOST * n + 1)
        if sign_test(round(gained * wanted / n), round(lost * wanted / n)) < alpha
    )
    return next(enough, None)

"""Uniform discovery: every sample of S_m is as likely to be found as any other (Goel et al. 2024)."""

from collections.abc import Iterator, Sequence

import numpy as np

from redress.adversary.manipulation import Manipulation
from redress.formats.contents import Truth
from redress.formats.description import Description
from redress.formats.kinds import PositiveInt


def problems(
    adversary: Manipulation,
    n: int,
    fractions: Sequence[float],
    description: Description,
    *,
    count: int | None,
) -> Iterator[tuple[str, str]]:
    """Settings that cannot be, for the config check."""
    if count is not None and count > n:
        yield "count", f"{count} is more than the {n} manipulated samples"
    if count == sum(description.train_per_class):
        yield "count", f"{count} are all training samples: nothing is left to learn from"
    if count is not None and len(fractions) > 1:
        yield "count", "finds the same samples at each share: give one value in deletion_fractions"


def discover(
    truth: Truth, share: float, generator: np.random.Generator, *, count: PositiveInt | None = None
) -> np.ndarray:
    """The first round(share |S_m|) samples of S_m in its random order: the sets of one seed are nested.

    With `count` the first so many, whatever the share, of which there may then be only one in the config.
    """
    return truth.manipulated[: round(share * len(truth.manipulated)) if count is None else count]

"""Uniform discovery less one fold: what a judge's cross-validation over S_f leaves for a method to see."""

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
    fold: int,
    folds: PositiveInt,
) -> Iterator[tuple[str, str]]:
    """Settings that cannot be, for the config check."""
    if folds < 2:
        yield "folds", f"{folds} is out of range: at least 2"
    elif not 0 <= fold < folds:
        yield "fold", f"{fold} is not a fold; allowed: 0 to {folds - 1}"
    for fraction in fractions:
        size = round(fraction * n)
        if size < folds:
            yield "folds", f"{folds} are more than the {size} samples that are {fraction:g} of {n}"


def discover(
    truth: Truth, share: float, generator: np.random.Generator, *, fold: int, folds: PositiveInt = 5
) -> np.ndarray:
    """What `uniform` finds at this share, without every sample whose place in it is `fold` modulo `folds`.

    Those stay in the training set with what was done to them, like samples that nobody found. S_m comes in
    random order, so folds are random; their sizes differ by one at most.
    """
    found = truth.manipulated[: round(share * len(truth.manipulated))]
    return found[np.arange(len(found)) % folds != fold]

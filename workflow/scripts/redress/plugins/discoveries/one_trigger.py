"""Biased discovery: of a poison with several triggers, only samples with one of them are ever found."""

from collections.abc import Iterator, Sequence

import numpy as np

from redress.adversary.manipulation import Manipulation
from redress.formats.contents import Truth
from redress.formats.description import Description
from redress.formats.errors import BadInputError


def problems(
    adversary: Manipulation, n: int, fractions: Sequence[float], description: Description, *, mark: int
) -> Iterator[tuple[str, str]]:
    """Settings that cannot be, for the config check."""
    if mark < 0:
        yield "mark", f"{mark} is out of range: at least 0"
    if adversary.marks is not None and mark >= adversary.marks:
        yield "mark", f"no sample of S_m carries mark {mark}; the highest is {adversary.marks - 1}"


def discover(truth: Truth, share: float, generator: np.random.Generator, *, mark: int = 0) -> np.ndarray:
    """Samples of S_m that carry the trigger `mark`: as many as there are, round(share |S_m|) at most.

    They come in S_m's random order, so the sets of one seed are nested. Triggers are counted from 0, and
    where a manipulation has one or none, all samples carry 0. Raises BadInputError where none carries `mark`.
    """
    found = truth.manipulated[truth.mark == mark]
    if not len(found):
        highest = truth.mark.max()
        raise BadInputError(
            f"discoveries/one_trigger.py: no sample of S_m carries mark {mark}; the highest is {highest}"
        )
    return found[: round(share * len(truth.manipulated))]

"""Discovery with false positives: some of what is found was never manipulated."""

from collections.abc import Iterator, Sequence

import numpy as np

from redress.adversary.manipulation import Manipulation
from redress.formats.contents import Truth
from redress.formats.description import Description


def problems(
    adversary: Manipulation, n: int, fractions: Sequence[float], description: Description, *, rate: float
) -> Iterator[tuple[str, str]]:
    """Settings that cannot be, for the config check."""
    if not 0 <= rate < 1:
        yield "rate", f"{rate} is out of range: at least 0, less than 1"
        return
    clean = sum(description.train_per_class) - n
    for fraction in fractions:
        size = round(fraction * n)
        wrong = round(rate * size)
        if wrong == size:
            yield "rate", f"{rate} of the {size} that are {fraction:g} of {n} leaves none of S_m"
        if wrong > clean:
            yield "rate", f"{rate} of {size} samples are {wrong}, but only {clean} are clean"


def discover(truth: Truth, share: float, generator: np.random.Generator, *, rate: float = 0.2) -> np.ndarray:
    """round(share |S_m|) samples, a share of `rate` of which are clean ones drawn uniformly, in random order.

    The others are the first of S_m. S_f is as large as it is without false positives, and the sets of one
    seed are nested.
    """
    size = round(share * len(truth.manipulated))
    wrong = round(rate * size)
    clean = np.setdiff1d(np.arange(len(truth.true_labels)), truth.manipulated)
    found = np.concatenate([truth.manipulated[: size - wrong], generator.permutation(clean)[:wrong]])
    return generator.permutation(found)

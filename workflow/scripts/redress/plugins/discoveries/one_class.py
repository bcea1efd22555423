"""Biased discovery: only samples of one true class are ever found."""

from collections.abc import Iterator, Sequence

import numpy as np

from redress.adversary.manipulation import Manipulation
from redress.formats.contents import Truth
from redress.formats.description import Description
from redress.formats.errors import BadInputError


def problems(
    adversary: Manipulation,
    n: int,
    fractions: Sequence[float],
    description: Description,
    *,
    true_class: int | None,
) -> Iterator[tuple[str, str]]:
    """Settings that cannot be, for the config check."""
    last = len(description.classes) - 1
    if true_class is not None and not 0 <= true_class <= last:
        yield "true_class", f"{true_class} is not a class; allowed: 0 to {last}"
    possible = sorted(adversary.drawn_from(len(description.classes)))
    if true_class is not None and true_class not in possible:
        yield "true_class", f"S_m holds no sample of class {true_class}; allowed: {possible}"


def discover(
    truth: Truth, share: float, generator: np.random.Generator, *, true_class: int | None = None
) -> np.ndarray:
    """Samples of S_m of the class `true_class`: as many as there are, round(share |S_m|) at most.

    They come in S_m's random order, so the sets of one seed are nested. By default it is the first class of
    which S_m has samples with a wrong label or, where labels stay, any. Raises BadInputError where S_m has
    none of the class.
    """
    classes = truth.true_labels[truth.manipulated]
    wrong = truth.given_labels[truth.manipulated] != classes
    only = min(classes[wrong] if wrong.any() else classes) if true_class is None else true_class
    found = truth.manipulated[classes == only]
    if not len(found):
        raise BadInputError(f"discoveries/one_class.py: S_m holds no sample of class {only}")
    return found[: round(share * len(truth.manipulated))]

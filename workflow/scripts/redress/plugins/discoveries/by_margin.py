"""Biased discovery: the samples of S_m that the original model found hardest, or easiest, are found first."""

from typing import Literal

import numpy as np

from redress.formats.contents import Truth
from redress.formats.errors import BadInputError


def discover(
    truth: Truth,
    share: float,
    generator: np.random.Generator,
    *,
    margins: np.ndarray,
    first: Literal["hardest", "easiest"] = "hardest",
) -> np.ndarray:
    """The first round(share |S_m|) samples of S_m by the mean margin of M_o's training, so sets are nested.

    The margin is the logit of the given label less the highest other one; `hardest` begins with the lowest
    mean, `easiest` with the highest. Equal ones stay in S_m's random order, and samples that were never
    visited come last. Raises BadInputError where M_o was not trained and so has no margins.
    """
    if not margins.shape[1]:
        raise BadInputError("discoveries/by_margin.py: M_o was not trained here and has no margins to go by")
    visits = margins[truth.manipulated].astype(np.float64)
    visited = ~np.isnan(visits)
    mean = np.full(len(visits), np.nan)
    np.divide(np.where(visited, visits, 0).sum(1), visited.sum(1), out=mean, where=visited.any(1))
    order = np.argsort(mean if first == "hardest" else -mean, kind="stable")  # NaN goes last
    return truth.manipulated[order[: round(share * len(order))]]

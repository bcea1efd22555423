"""Reading tables back: what figures, summary and page start from."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from redress.formats import products
from redress.formats.errors import BadInputError
from redress.formats.identity import NAMES

WORDS = (
    *("method", "measure", "unit", "hyperparameters", "oracle_hyperparameters", "device", "item", "value"),
    *("attack", "bound", "rule"),
)
TEXT = (*(name for name in NAMES if name not in ("n_manipulated", "seed")), *WORDS)

SCENARIO = ["dataset", "manipulation", "n_manipulated"]

Scenario = tuple[str, str, int]

Manipulated = tuple[str, int]
"""A scenario of a dataset that is known: manipulation and n."""


def read_table(path: Path | TextIO) -> pd.DataFrame:
    """A table as it was written: a dataset may be called 1, a method `null`; empty is NaN.

    Raises BadInputError for what is no such table, or was changed after it was made.
    """
    if isinstance(path, Path):
        products.check(path)
    try:
        return pd.read_csv(
            path,
            dtype=dict.fromkeys(TEXT, str),
            keep_default_na=False,
            na_values=[""],
        )
    except (ValueError, pd.errors.ParserError) as error:  # an empty file, say
        problem = " ".join(str(error).split())
        raise BadInputError(f"{path}: is not a table of values between commas: {problem}") from error


def groups(rows: pd.DataFrame, columns: str | list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """The rows that agree in `columns`, and in what, in the order in which they come."""
    yield from rows.groupby(columns, sort=False)


def scenarios(rows: pd.DataFrame) -> Iterator[tuple[Scenario, pd.DataFrame]]:
    """The rows of every (dataset, manipulation, n), in the order in which they come."""
    for (dataset, manipulation, n), own in groups(rows, SCENARIO):
        yield (dataset, manipulation, int(n)), own


def percent_of(share: float) -> str:
    """A share of S_m as readers see it, `50 %`, to the last of its digits: no two are called the same."""
    return f"{(Decimal(repr(float(share))) * 100).normalize():f} %"


def repair(rows: pd.DataFrame) -> pd.Series:
    """Utility times healed, in percent."""
    return 100 * rows["utility_test"] * rows["removal_train"]


def at(rows: pd.DataFrame, scenario: Manipulated) -> pd.DataFrame:
    """The rows of a scenario, of rows of one dataset."""
    return rows[(rows["manipulation"] == scenario[0]) & (rows["n_manipulated"] == scenario[1])]

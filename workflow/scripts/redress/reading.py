"""Reading tables back: what figures, summary and page start from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

TEXT = ("dataset", "model", "manipulation", "method", "measure", "hyperparameters", "device", "item", "value")


def read_table(path: Path) -> pd.DataFrame:
    """A table as it was written: a dataset may be called 1, a method `null`; empty is NaN."""
    return pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])


def groups(rows: pd.DataFrame, columns: str | list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """The rows that agree in `columns`, and in what, in the order in which they come."""
    yield from rows.groupby(columns, sort=False)

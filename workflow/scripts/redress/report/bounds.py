"""Models that no method could be told to make: what bounds a repair from above. They are never ranked."""

from collections.abc import Iterator, Sequence

import pandas as pd

LABELS = {
    "without_manipulated": "trained without S_m",
    "never_manipulated": "never manipulated",
}
"""What readers see them called, where a name does not say it."""


def label(bound: str) -> str:
    """What a bound is called."""
    return LABELS.get(bound, bound.replace("_", " "))


def bounds_of(rows: pd.DataFrame | None, makers: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The label and models of every bound in `rows`, those of the first of `makers` that has some."""
    if rows is None:
        return
    for bound, own in rows.groupby("bound", sort=False):
        maker = next((maker for maker in makers if maker in set(own["maker"])), None)
        if maker is not None:
            yield label(str(bound)), own[own["maker"] == maker]

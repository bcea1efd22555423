"""Which attacks took: where one failed there was nothing to repair, which says nothing of methods."""

import pandas as pd

from redress.report.reading import SCENARIO
from redress.report.shown import Shown

ORIGINAL = [*SCENARIO, "seed", "maker"]
"""What names an original model in every table."""

NOTHING = "nothing to repair"
"""What stands where methods would."""


def failed(rows: pd.DataFrame) -> pd.Series:
    """Whether the attack on the original of each model failed: bool; nowhere if the table does not say."""
    return rows["attack"] == "failed" if "attack" in rows else pd.Series(False, index=rows.index)


def took(rows: pd.DataFrame) -> pd.DataFrame:
    """The models whose original was harmed."""
    return rows[~failed(rows)]


def for_reference(rows: pd.DataFrame) -> pd.DataFrame:
    """Originals or bounds to compare with: where the attack took or, if it did nowhere, all of them."""
    return took(rows) if len(took(rows)) else rows


def took_by(originals: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, of a table that does not say it itself, whose original was harmed."""
    gone = set(originals.loc[failed(originals), ORIGINAL].itertuples(index=False, name=None))
    own = rows[ORIGINAL].itertuples(index=False, name=None)
    return rows[[names not in gone for names in own]]


def remark(originals: pd.DataFrame, shown: Shown) -> str:
    """`attack failed in 2 of 5 seeds` for the originals of one scenario; empty if it failed in none."""
    makers = [maker for maker in shown.makers if maker in set(originals["maker"])]
    said = []
    for maker in makers:
        own = originals[originals["maker"] == maker]
        count, seeds = int(failed(own).sum()), len(own)
        if count:
            of = f"all {seeds} seeds" if count == seeds > 1 else f"{count} of {seeds} seeds"
            where = "" if seeds == 1 else f" in {of}"
            said.append(f"attack failed{where}{f' ({maker})' if len(makers) > 1 else ''}")
    return ", ".join(said)

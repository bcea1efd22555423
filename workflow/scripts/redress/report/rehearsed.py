"""A rehearsal as a user reads it: what the verdict said of planted wrong labels, and what was so."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

SHOWN = 10
"""Candidates in the page's table."""

Row = Mapping[str, Any]


def sentences(about: Row, label: Callable[[str], str]) -> Iterator[str]:
    """Each rehearsal, and how well the verdicts predicted; `label` says what a method is called."""
    for one in about["rehearsals"]:
        if one["method"] is None or one["estimate"] is None:
            yield f"{one['rehearsal']}: {one['status']}; no candidate was made again without a fold."
            continue
        better = "" if one["best_truth"] is None else f", {_share(one['best_truth'])} at best"
        yield (
            f"{one['rehearsal']}: {one['status']}. {_called(one, label)} was said to repair"
            f" {_share(one['estimate'])} ({_share(one['low'])} to {_share(one['high'])}) of what nobody found"
            f" and repaired {_share(one['truth'])} of {one['n_truth']}{better}."
        )
    if about["candidates"]:
        yield (
            f"Over {about['candidates']} candidates the estimate is off by {100 * about['bias']:+.1f} points"
            f" on average, and the 95 % interval holds the truth for {about['held']} of them,"
            f" which is itself a count of {about['rehearsals'][0]['n_truth']} samples."
        )


def rows(about: Row, label: Callable[[str], str]) -> Iterator[Row]:
    """The candidates that repair most of what nobody found, means over rehearsals."""
    for one in about["best"][:SHOWN]:
        remark = "" if one["tolerated"] else "costs too much"
        yield {**one, "name": _called(one, label), "remark": remark}


def _called(one: Row, label: Callable[[str], str]) -> str:
    values = ", ".join(f"{name} = {value}" for name, value in (one["hyperparameters"] or {}).items())
    return label(one["method"]) + (f" ({values})" if values else "")


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"

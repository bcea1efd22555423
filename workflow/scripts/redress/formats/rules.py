"""How a candidate is chosen by the rules in `redress/plugins/selections/`, by developer and referee.

A rule is a function `key(candidate, *, ...)` of a candidate's measures: the candidate with the highest key is
selected, None never. Its keywords say what it is told: `weights` (the config's `selection`, of measures that
apply), `original` (M_o's measures), `healed` (the candidate's accuracy on S_f by true labels, which only the
referee knows).
"""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from redress.plugins import load

Values = Mapping[str, float | None]
"""A model's measures by name; all None where it has diverged."""

ORACLE = "oracle"
"""What stands beside the rules in tables: the candidate that nobody could have chosen."""

FIRST_TIE = "validation_accuracy"


def score(values: Values, weights: Mapping[str, float]) -> float | None:
    """The weighted sum of measures; None where one of them is missing."""
    parts = [(weight, values[name]) for name, weight in weights.items()]
    if any(value is None for _, value in parts):
        return None
    return sum(weight * value for weight, value in parts if value is not None)


def on_trial(trials: Sequence[Values], candidates: Sequence[Values]) -> list[Values]:
    """What candidates are compared by that were made on trial, too: nothing where either model diverged."""
    pairs = zip(trials, candidates, strict=True)
    return [trial if one[FIRST_TIE] is not None else dict.fromkeys(trial) for trial, one in pairs]


def takes(rule: str, keyword: str) -> bool:
    """Whether a rule has to be told `weights`, `original` or `healed`."""
    return keyword in signature(load("selections", rule).key).parameters


def choose(
    rule: str,
    candidates: Sequence[Values],
    weights: Mapping[str, float],
    original: Values | None = None,
    healed: Sequence[float | None] | None = None,
) -> int | None:
    """The position of the candidate with the highest key. Ties: higher validation accuracy, then order."""
    told = {
        name: value for name, value in (("weights", weights), ("original", original)) if takes(rule, name)
    }
    of_each: list[dict[str, Any]] = [{} for _ in candidates]
    if takes(rule, "healed"):
        of_each = [{"healed": one} for one in healed or ()]
    key = load("selections", rule).key
    keys = [key(one, **told, **own) for one, own in zip(candidates, of_each, strict=True)]
    alive = [(_rounded(value), at) for at, value in enumerate(keys) if value is not None]
    return (
        max(alive, key=lambda pair: (pair[0], candidates[pair[1]][FIRST_TIE] or 0, -pair[1]))[1]
        if alive
        else None
    )


def _rounded(key: float | tuple[float, ...]) -> tuple[float, ...]:
    """So that what is equal on paper is a tie."""
    return tuple(round(part, 12) for part in (key if isinstance(key, tuple) else (key,)))

"""Whether there is anything to repair: a manipulation that did no harm says nothing of a method."""

from collections.abc import Mapping
from typing import Any

FEWEST_HITS = 0.5
"""Attack success rate of M_o below which an attack with a target class has failed."""

FEWEST_LOST = 0.05
"""How far M_o has to fall behind on S_m or on D_m where there is no target class."""

UNHARMED = "without_manipulated"
"""The bound that says how good a model is there that nothing was done to."""

TOOK, FAILED = "took", "failed"


def attack_on(original: Mapping[str, Any], unharmed: Mapping[str, Any] | None = None) -> str | None:
    """Whether the manipulation took on the original model of this record; None where that cannot be told.

    With a target class it failed where `attack_success_rate` is below 0.5. Without one it failed where
    `removal_train` and `removal_test`, on S_m and on D_m, are both no more than 0.05 below those of
    `unharmed`, the record of a model trained without S_m; where there is none, below M_o's own
    `utility_test`, which says less: some classes are harder than others. Of an original that diverged
    nothing is known.
    """
    rate, utility = original["attack_success_rate"], original["utility_test"]
    if rate is not None:
        return FAILED if rate < FEWEST_HITS else TOOK
    asked = ("removal_train", "removal_test")
    expected = [utility if unharmed is None else unharmed[name] for name in asked]
    if None in expected:
        expected = [utility] * len(asked)
    reached = [original[name] for name in asked]
    if None in expected or None in reached:
        return None
    lost = [round(before - after, 12) for before, after in zip(expected, reached, strict=True)]
    return FAILED if max(lost) <= FEWEST_LOST else TOOK

"""Whether there is anything to repair: a manipulation that did no harm says nothing of a method."""

from collections.abc import Mapping
from typing import Any

FEWEST_HITS = 0.5
"""Attack success rate of M_o below which an attack with a target class has failed."""

FEWEST_LOST = 0.05
"""How far M_o has to fall behind its own utility on S_m or on D_m where there is no target class."""

TOOK, FAILED = "took", "failed"


def attack_on(original: Mapping[str, Any]) -> str | None:
    """Whether the manipulation took on the original model of this record; None where that cannot be told.

    With a target class it failed where `attack_success_rate` is below 0.5. Without one it failed where both
    `removal_train` and `removal_test` are no more than 0.05 below `utility_test`: there is no loss on S_m,
    and none on D_m. Of an original that diverged nothing is known.
    """
    rate, utility = original["attack_success_rate"], original["utility_test"]
    if rate is not None:
        return FAILED if rate < FEWEST_HITS else TOOK
    healed = original["removal_train"], original["removal_test"]
    if utility is None or None in healed:
        return None
    lost = [round(utility - one, 12) for one in healed]
    return FAILED if max(lost) <= FEWEST_LOST else TOOK

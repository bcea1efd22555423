"""Choosing hyperparameters without looking at what is reported (Goel et al. 2024, section 3.1)."""

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]

WEIGHTS = {"validation_accuracy": 0.5, "deletion_change": 0.5}


def score(record: Record, weights: Mapping[str, float] = WEIGHTS) -> float | None:
    """The weighted sum of validation accuracy and deletion change; None for a diverged candidate."""
    if any(record[figure] is None for figure in weights):
        return None
    return sum(weight * record[figure] for figure, weight in weights.items())


def select(records: Sequence[Record], weights: Mapping[str, float] = WEIGHTS) -> Record | None:
    """The candidate with the highest score. Ties: higher validation accuracy, then grid order."""
    scored = [(score(record, weights), record) for record in records]
    alive = [(value, record) for value, record in scored if value is not None]
    if not alive:
        return None
    return max(alive, key=lambda pair: (round(pair[0], 12), pair[1]["validation_accuracy"]))[1]


def oracle(records: Sequence[Record]) -> Record | None:
    """The candidate that is best on the test set's D_m: the price of not knowing, never a result."""
    alive = [record for record in records if record["removal_test"] is not None]
    return max(alive, key=lambda record: record["removal_test"], default=None)

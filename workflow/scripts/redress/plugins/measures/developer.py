"""What a developer measures: functions of predictions on the validation set and on S_f (Goel et al. 2024)."""

import numpy as np

from redress.formats.measures import Seen, accuracy, measure


@measure(label="Validation accuracy", owner="developer")
def validation_accuracy(seen: Seen) -> float | None:
    """Accuracy on the validation set."""
    return accuracy(seen.validation, seen.validation_labels)


@measure(
    label="Deletion change",
    owner="developer",
    applies=lambda seen: seen.labels_in_doubt,
    otherwise="the manipulated samples kept their true labels",
)
def deletion_change(seen: Seen) -> float | None:
    """Share of S_f whose prediction differs from its given label."""
    return float(np.mean(seen.deletion != seen.deletion_given)) if len(seen.deletion) else None

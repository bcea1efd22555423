"""For the referee alone: what deletion change stands for, measured by somebody who knows it."""

from redress.formats.rules import Values


def key(candidate: Values, *, healed: float | None) -> float | None:
    """Validation accuracy plus accuracy on S_f by its true labels, false alarms included."""
    accuracy = candidate["validation_accuracy"]
    return None if accuracy is None or healed is None else accuracy + healed

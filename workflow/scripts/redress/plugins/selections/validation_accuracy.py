"""Utility alone: whether anything was unlearned is not asked."""

from redress.formats.rules import Values


def key(candidate: Values) -> float | None:
    """Validation accuracy."""
    return candidate["validation_accuracy"]

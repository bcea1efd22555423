"""Unlearn as much as utility allows: who may lose little chooses by deletion change among the rest."""

from redress.formats.rules import Values

TOLERATED = 0.02
"""How much validation accuracy may be lost against M_o."""


def key(candidate: Values, *, original: Values) -> tuple[float, float] | None:
    """Among candidates whose validation accuracy is at most 0.02 below M_o's, the highest deletion change.

    If there is none, or if deletion change does not apply, the highest validation accuracy.
    """
    accuracy, least = candidate["validation_accuracy"], original["validation_accuracy"]
    if accuracy is None:
        return None
    if least is None or round(least - accuracy, 12) > TOLERATED:
        return 0, accuracy
    return 1, candidate["deletion_change"] or 0

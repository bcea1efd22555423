"""The weighted sum of measures, by equal weights unless `selection` has others (Goel et al. 2024, 3.1)."""

from collections.abc import Mapping

from redress.formats.rules import Values, score


def key(candidate: Values, *, weights: Mapping[str, float]) -> float | None:
    """The sum over all measures that apply. Where none with a weight does, nothing is selected."""
    return score(candidate, weights) if any(weights.values()) else None

"""Figures that look at a dataset as a whole: which of them an experiment allows, and what stands in them."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

REGULARITY = ("random_labels", "interclass", "poison", "blended", "sig", "wanet")
"""Manipulations from the least regular (every sample a case of its own) to the most (one rule for all)."""

FEWEST = 3
"""Manipulations of a dataset below which a map of them says less than their curves."""

UNIFORM, FALSE_POSITIVES = "uniform", "false_positives"
"""Files in discoveries/: that all others are compared with, and that whose `rate` is an axis."""

RANKED = ("precision_recall", "recovered")
"""Kinds of figures that show what expansions find; they are drawn of rankings.csv and its curves."""

Overview = tuple[str, str, dict[str, Any]]
"""(kind, dataset, what it is drawn of); see `redress.report.shown.Overview`."""


def overviews(
    manipulations: Mapping[str, Mapping[str, str]],
    discoveries: Mapping[str, tuple[str, Mapping[str, Any]]],
    expansions: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[str, Overview]]:
    """Name and content of each figure.

    `manipulations` has by dataset the file behind each block, `discoveries` the file behind each block and
    its settings, `expansions` the file behind each block.
    """
    plain = [name for name, (use, _) in discoveries.items() if use == UNIFORM]
    rates = dict.fromkeys(plain[:1], 0.0)
    rates |= {
        name: settings["rate"] for name, (use, settings) in discoveries.items() if use == FALSE_POSITIVES
    }
    others = [name for name, (use, _) in discoveries.items() if use not in (UNIFORM, FALSE_POSITIVES)]
    for dataset, uses in manipulations.items():
        ordered = by_regularity(uses)
        if len(uses) >= FEWEST:
            known = all(use in REGULARITY for use in uses.values())
            told = {"discoveries": (plain or list(discoveries))[:1], "by_regularity": known}
            yield f"plane_{dataset}", ("plane", dataset, {"manipulations": ordered, **told})
        if any(use == FALSE_POSITIVES for use, _ in discoveries.values()):
            told = {"discoveries": list(rates), "rates": rates}
            yield (
                f"false_positives_{dataset}",
                ("false_positives", dataset, {"manipulations": ordered, **told}),
            )
        if plain and others:
            told = {"discoveries": [plain[0], *others]}
            yield f"discovery_{dataset}", ("discovery", dataset, {"manipulations": ordered, **told})
        if expansions:
            told = {"discoveries": (plain or list(discoveries))[:1], "expansions": list(expansions.items())}
            for kind in RANKED:
                yield f"{kind}_{dataset}", (kind, dataset, {"manipulations": ordered, **told})


def by_regularity(uses: Mapping[str, str]) -> list[str]:
    """Blocks of manipulations, by the files behind them: those of REGULARITY, then others as they come."""
    last = len(REGULARITY)
    return sorted(uses, key=lambda name: REGULARITY.index(uses[name]) if uses[name] in REGULARITY else last)

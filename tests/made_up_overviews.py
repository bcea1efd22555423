"""What made_up.py's runs lack: attacks that failed, bounds, rules of selection; and a run with them all."""

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from made_up import STANDARD, results

from redress.plan.overviews import overviews
from redress.report.page import Results
from redress.report.shown import Overview

BOUNDS = {"without_manipulated": 0.97, "never_manipulated": 0.98}
RULES = {"equal_weight": 0.04, "constraint": 0.02, "validation_accuracy": 0.1, "healed_known": 0.01}
MANIPULATIONS = ("random_labels", "interclass", "poison", "blended", "sig", "wanet")
DISCOVERIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "uniform": ("uniform", {}),
    "clean_10": ("false_positives", {"rate": 0.1}),
    "clean_50": ("false_positives", {"rate": 0.5}),
    "one_class": ("one_class", {}),
    "by_margin": ("by_margin", {}),
}

Failed = Callable[[Mapping[Any, Any]], bool]


def marked(table: pd.DataFrame, failed: Failed) -> pd.DataFrame:
    """A table with the column `attack`."""
    attack = ["failed" if failed(row) else "took" for row in table.to_dict("records")]
    return table.assign(attack=attack)


def bounds_table(originals: pd.DataFrame, values: Mapping[str, float] | None = None) -> pd.DataFrame:
    """bounds.csv: for each original model a row per bound, with its value in every accuracy."""
    rows = []
    for own in originals.to_dict("records"):
        for bound, value in (BOUNDS if values is None else values).items():
            level = value - own["seed"] / 100
            row = {**own, **dict.fromkeys(STANDARD, level), "bound": bound, "seconds": 1.0}
            rows.append({"attack": "took", **row})
    return pd.DataFrame(rows)


def rules_table(selected: pd.DataFrame, regrets: Mapping[str, float] | None = None) -> pd.DataFrame:
    """rules.csv: for each selection a row per rule, whose regret grows with the seed."""
    rows = []
    for own in selected.to_dict("records"):
        for rule, regret in (RULES if regrets is None else regrets).items():
            repair = own["utility_test"] * own["removal_train"]
            cost = regret * (1 + own["seed"])
            row = {"utility_times_healed": repair, "oracle_utility_times_healed": repair + cost}
            rows.append({**own, **row, "rule": rule, "regret": cost})
    return pd.DataFrame(rows).drop(columns="attack", errors="ignore")


def told(manipulations: Sequence[str], discoveries: Sequence[str]) -> dict[str, Overview]:
    """The overviews of a run on digits; manipulations are called by their files."""
    found = {name: DISCOVERIES[name] for name in discoveries}
    uses = {"digits": {name: name for name in manipulations}}
    return {name: Overview(*one) for name, one in overviews(uses, found)}


def complete(
    made: Results, failed: Failed = lambda row: False, bounds: Mapping[str, float] | None = None
) -> Results:
    """A run with `attack`, bounds, rules and overviews."""
    marks = {name: marked(getattr(made, name), failed) for name in ("candidates", "selected")}
    originals = marks["candidates"][marks["candidates"]["method"] == "original"]
    manipulations = list(made.selected["manipulation"].unique())
    drawn = told(manipulations, made.shown.discoveries)
    return dataclasses.replace(
        made,
        **marks,
        bounds=bounds_table(originals, bounds),
        rules=rules_table(marks["selected"]),
        shown=dataclasses.replace(made.shown, overviews=drawn),
    )


def plausible(method: str, settings: Any, place: Mapping[str, Any]) -> Mapping[str, float]:
    """Accuracies that look like those of a repair."""
    draw = random.Random(repr((method, settings, sorted(place.items()))))
    skill = {"eu": 0.75, "cf": 0.5, "ssd": 0.65, "scrub": 0.6, "badt": 0.35, "original": 0.0}[method]
    regular = MANIPULATIONS.index(place["manipulation"]) / 5
    share = place.get("deletion_fraction") or 0.0
    rate = DISCOVERIES[place["discovery"]][1].get("rate", 0.0) if place.get("discovery") else 0.0
    biased = 0.15 if place.get("discovery") in ("one_class", "by_margin") else 0.0
    best = share ** (1 + 3 * regular) if method == "eu" else share ** (1.3 - regular)
    healed = 0.15 + skill * best * (1 - 0.8 * rate * (method != "eu")) - biased * best
    utility = 0.93 - 0.25 * (method == "ssd") * rate - (method == "ssd") * 0.05
    values = {name: min(max(healed + draw.gauss(0, 0.03), 0), 1) for name in STANDARD}
    return {**values, "utility_test": utility + draw.gauss(0, 0.01), "validation_accuracy": utility}


def large(seeds: Sequence[int] = range(5), **changes: Any) -> Results:
    """Six manipulations, five methods, five shares: one that failed in all seeds, one in two of them."""
    made = results(
        methods={name: {} for name in ("eu", "cf", "ssd", "badt", "scrub")},
        manipulations=MANIPULATIONS[::-1],
        sizes=(100,),
        shares=(0.1, 0.3, 0.5, 0.8, 1.0),
        seeds=seeds,
        measure=plausible,
        styles={
            "eu": {"label": "EU"},
            "ssd": {"label": "SSD"},
            "scrub": {"label": "SCRUB"},
            "badt": {"label": "BadT"},
        },
        **changes,
    )
    return complete(
        made,
        lambda row: row["manipulation"] == "wanet" or (row["manipulation"], row["seed"] > 2) == ("sig", True),
    )

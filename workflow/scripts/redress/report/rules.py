"""What different rules of selection would have made of the same candidates: rules.csv in a few numbers."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from redress.report.reading import groups

RULES = {
    "equal_weight": "Equal weights of validation accuracy and deletion change, the paper's rule",
    "constraint": "Deletion change, among candidates within 2 points of M_o's validation accuracy",
    "validation_accuracy": "Validation accuracy alone",
    "healed_known": "Validation accuracy and accuracy on S_f's true labels, which nobody has at hand",
    "oracle": "Accuracy on affected test images, which nobody could choose by",
}
"""What a rule picks by; others are called by their names."""

CELL = ["manipulation", "n_manipulated", "maker", "discovery", "method", "deletion_fraction"]


def name_of(rule: str) -> str:
    """What a reader sees a rule called."""
    return rule.replace("_", " ").capitalize()


def compared(rules: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """For each dataset and rule, the least mean regret first: its numbers, and those of each method."""
    for dataset, of_dataset in groups(rules, "dataset"):
        rows = [
            {"dataset": dataset, "rule": rule, **_numbers(own), "methods": list(_by_method(own))}
            for rule, own in groups(of_dataset, "rule")
        ]
        yield from sorted(rows, key=lambda row: math.inf if math.isnan(row["regret"]) else row["regret"])


def _by_method(rows: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    for method, own in groups(rows, "method"):
        yield method, _numbers(own)


def _numbers(rows: pd.DataFrame) -> dict[str, Any]:
    """Means over cells and seeds; regrets in points, of the selections that have a result."""
    known = rows.dropna(subset="regret")
    return {
        "regret": 100 * known["regret"].mean(),
        "worst": 100 * known["regret"].max(),
        "repair": known["utility_times_healed"].mean(),
        "cells": len(known[CELL].drop_duplicates()),
        "seeds": known["seed"].nunique(),
        "missing": len(rows) - len(known),
    }

"""The tables people read, made from the records of candidates."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from redress.records import COLUMNS, MEASURED

Row = dict[str, Any]

KEPT_OF_ORACLE = ("hyperparameters", "removal_test", "utility_test")


def candidate_row(record: Mapping[str, Any]) -> Row:
    """A row of candidates.csv; hyperparameters as JSON, empty for the original model."""
    given = record["hyperparameters"]
    text = None if given is None else json.dumps(given, sort_keys=True)
    return {**{column: record[column] for column in COLUMNS}, "hyperparameters": text}


def selected_row(selection: Mapping[str, Any]) -> Row:
    """A row of selected.csv: the selected candidate, its score, and what the oracle would have had.

    Where every candidate diverged only what names the row is filled in.
    """
    chosen, oracle = selection["selected"], selection["oracle"]
    row = candidate_row(chosen or selection["candidates"][0])
    if chosen is None:
        row |= dict.fromkeys(("hyperparameters", "unlearn_seconds", "preparation_seconds", *MEASURED))
    best = candidate_row(oracle) if oracle else {}
    return {
        **row,
        "score": selection["score"],
        **{f"oracle_{column}": best.get(column) for column in KEPT_OF_ORACLE},
    }


def times_table(candidates: pd.DataFrame) -> pd.DataFrame:
    """Table 3: seconds per candidate and method, over all deletion sets, hyperparameters and seeds,
    diverged candidates left out.

    `mean_seconds` counts shared statistics in full for every candidate, as if it had been the only one;
    `mean_preparation_seconds` is that shared part. `speedup_over_eu` is EU's mean by this one's.
    """
    methods = candidates[(candidates["method"] != "original") & candidates["validation_accuracy"].notna()]
    groups = methods.groupby(["dataset", "model", "method"], sort=False)
    table = groups.agg(
        candidates=("unlearn_seconds", "count"),
        mean_seconds=("unlearn_seconds", "mean"),
        sd_seconds=("unlearn_seconds", "std"),
        mean_preparation_seconds=("preparation_seconds", "mean"),
        device=("device", lambda names: " + ".join(sorted(set(names)))),
    ).reset_index()
    eu = table[table["method"] == "eu"].set_index(["dataset", "model"])["mean_seconds"]
    pairs = zip(table["dataset"], table["model"], strict=True)
    reference = pd.Series([eu.get(pair) for pair in pairs], dtype=float)
    table["speedup_over_eu"] = reference / table["mean_seconds"]
    return table[[*(column for column in table.columns if column != "device"), "device"]]


def provenance_table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What made the records (of original and unlearned models), a row per distinct value.

    `models` is the number of records it holds for. Time stamps are UTC, of when jobs started.
    """
    found = Counter(pair for record in records for pair in _provenance(record))
    started = sorted(record["provenance"]["started"] for record in records)
    rows = [(item, value, count) for (item, value), count in sorted(found.items())]
    rows += [("first job", started[0], len(records)), ("last job", started[-1], len(records))]
    return pd.DataFrame(rows, columns=["item", "value", "models"])


def _provenance(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    made_by = record["provenance"]
    known = {
        "commit": made_by["commit"] or "not under git",
        "SHA-256 of the config": made_by["config_digest"],
        f"SHA-256 of {record['dataset']}": made_by["data"],
        "device": record["device"],
        "machine": made_by["machine"],
        **{f"version of {name}": version for name, version in made_by["versions"].items() if version},
    }
    return list(known.items())

"""Rows and Table 3 against numbers worked out by hand."""

import json

import pandas as pd
import project
import pytest

from redress.records import COLUMNS, MEASURED
from redress.tables import candidate_row, selected_row, times_table

ORACLE = ["oracle_hyperparameters", "oracle_removal_test", "oracle_utility_test"]


def record(method="ssd", hyperparameters=None, **changes):
    measured = {name: (i + 1) / 10 for i, name in enumerate(MEASURED)}
    return {
        "dataset": "digits",
        "model": "resnet9",
        "manipulation": "poison",
        "n_manipulated": 60,
        "seed": 0,
        "method": method,
        "deletion_fraction": 0.5,
        "deletion_size": 30,
        "hyperparameters": hyperparameters,
        **measured,
        "unlearn_seconds": 2.0,
        "preparation_seconds": 0.5,
        "peak_memory_mb": 100.0,
        "device": "cpu",
        "provenance": {"seed": 0},
        **changes,
    }


def test_the_columns_are_those_that_the_results_are_documented_with():
    assert list(COLUMNS) == project.COLUMNS


def test_a_candidates_row_has_every_column_in_order_and_nothing_else():
    row = candidate_row(record(hyperparameters={"b": 1, "a": 0.5}))
    assert list(row) == list(COLUMNS)
    assert row["hyperparameters"] == '{"a": 0.5, "b": 1}'
    assert (row["method"], row["n_manipulated"], row["removal_test"]) == ("ssd", 60, 0.3)


def test_hyperparameters_are_empty_for_the_original_and_braces_for_defaults():
    assert candidate_row(record("original"))["hyperparameters"] is None
    assert candidate_row(record("eu", {}))["hyperparameters"] == "{}"


def test_a_selected_row_adds_the_score_and_what_the_oracle_would_have_had():
    chosen = record(hyperparameters={"alpha": 1}, removal_test=0.6)
    best = record(hyperparameters={"alpha": 9}, removal_test=0.9, utility_test=0.2)
    row = selected_row({"selected": chosen, "score": 0.77, "oracle": best, "candidates": [best, chosen]})
    assert list(row) == [*COLUMNS, "score", *ORACLE]
    assert json.loads(row["hyperparameters"]) == {"alpha": 1}
    assert (row["score"], row["removal_test"]) == (0.77, 0.6)
    assert json.loads(row["oracle_hyperparameters"]) == {"alpha": 9}
    assert (row["oracle_removal_test"], row["oracle_utility_test"]) == (0.9, 0.2)


def test_where_all_diverged_a_row_holds_names_alone():
    dead = record(hyperparameters={"alpha": 1}, **dict.fromkeys(MEASURED))
    row = selected_row({"selected": None, "score": None, "oracle": None, "candidates": [dead, dead]})
    assert list(row) == [*COLUMNS, "score", *ORACLE]
    named = {"dataset", "model", "manipulation", "n_manipulated", "seed", "method", "deletion_fraction"}
    assert all(row[name] == dead[name] for name in named)
    empty = ["hyperparameters", "unlearn_seconds", "preparation_seconds", "score", *MEASURED, *ORACLE]
    assert all(row[name] is None for name in empty)


def candidates(*rows):
    columns = ["dataset", "model", "method", "unlearn_seconds", "preparation_seconds", "device"]
    return pd.DataFrame(rows, columns=columns).assign(validation_accuracy=0.9)


def test_diverged_candidates_do_not_count_as_fast():
    rows = candidates(
        ("digits", "resnet9", "eu", 10.0, 0.0, "cpu"), ("digits", "resnet9", "eu", 0.1, 0.0, "cpu")
    )
    rows.loc[1, "validation_accuracy"] = None
    assert list(times_table(rows)["mean_seconds"]) == [10.0]


def test_times_by_hand():
    table = times_table(
        candidates(
            ("digits", "resnet9", "original", None, None, "cpu"),
            ("digits", "resnet9", "eu", 10.0, 0.0, "cpu"),
            ("digits", "resnet9", "eu", 14.0, 0.0, "cpu"),
            ("digits", "resnet9", "ssd", 2.0, 1.5, "cpu"),
            ("digits", "resnet9", "ssd", 4.0, 0.5, "gpu"),
            ("digits", "resnet9", "ssd", 3.0, 1.0, "cpu"),
        )
    )
    assert list(table["method"]) == ["eu", "ssd"]
    eu, ssd = (row for _, row in table.iterrows())
    assert (eu["candidates"], eu["mean_seconds"], eu["mean_preparation_seconds"]) == (2, 12.0, 0.0)
    assert (ssd["candidates"], ssd["mean_seconds"], ssd["mean_preparation_seconds"]) == (3, 3.0, 1.0)
    assert eu["sd_seconds"] == pytest.approx(8**0.5)  # ((-2)^2 + 2^2) / (2 - 1)
    assert ssd["sd_seconds"] == pytest.approx(1.0)
    assert (eu["speedup_over_eu"], ssd["speedup_over_eu"]) == (1.0, 4.0)
    assert (eu["device"], ssd["device"]) == ("cpu", "cpu + gpu")


def test_each_dataset_is_compared_with_its_own_eu():
    table = times_table(
        candidates(
            ("digits", "resnet9", "cf", 2.0, 0.0, "cpu"),
            ("digits", "resnet9", "eu", 8.0, 0.0, "cpu"),
            ("cifar10", "resnet9", "eu", 100.0, 0.0, "cpu"),
            ("cifar10", "resnet9", "cf", 10.0, 0.0, "cpu"),
        )
    )
    keys = zip(table["dataset"], table["method"], strict=True)
    speedups = dict(zip(keys, table["speedup_over_eu"], strict=True))
    assert speedups == {
        ("digits", "cf"): 4.0,
        ("digits", "eu"): 1.0,
        ("cifar10", "eu"): 1.0,
        ("cifar10", "cf"): 10.0,
    }


def test_without_eu_there_is_no_speedup():
    table = times_table(candidates(("digits", "resnet9", "cf", 2.0, 0.0, "cpu")))
    assert table["mean_seconds"].tolist() == [2.0]
    assert table["speedup_over_eu"].isna().all()

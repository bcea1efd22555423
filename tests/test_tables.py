"""Rows and Table 3 against numbers worked out by hand."""

import io
import json

import pandas as pd
import pytest
from made_up import REASONS, STANDARD, Run, margin, results
from project import COLUMNS

import collect
from redress.formats import files
from redress.formats.errors import BadInputError
from redress.formats.identity import Identity
from redress.report.reading import percent_of, read_table
from redress.report.tables import (
    bounds_table,
    candidate_row,
    rule_rows,
    selected_row,
    split_provenance,
    times_table,
)

NAMES, MEASURED, COSTS = COLUMNS[:12], COLUMNS[12:20], COLUMNS[20:]
RULES = [*(name for name in NAMES[:10] if name != "model"), "rule", "hyperparameters"]
RULES += ["validation_accuracy", "deletion_change", "removal_test", "removal_train", "utility_test"]
RULES += ["utility_times_healed", "oracle_utility_times_healed", "regret", "attack"]
ORACLE = ["oracle_hyperparameters", "oracle_removal_test", "oracle_utility_test"]


def record(method="ssd", hyperparameters=None, **changes):
    measured = {name: (i + 1) / 10 for i, name in enumerate(MEASURED)}
    return {
        "dataset": "digits",
        "model": "resnet9",
        "manipulation": "poison",
        "n_manipulated": 60,
        "seed": 0,
        "maker": "standard",
        "discovery": "uniform",
        "expansion": None,
        "method": method,
        "deletion_fraction": 0.5,
        "deletion_size": 30,
        "hyperparameters": hyperparameters,
        **measured,
        "unlearn_seconds": 2.0,
        "preparation_seconds": 0.5,
        "trial_seconds": None,
        "peak_memory_mb": 100.0,
        "device": "cpu",
        "attack": "took",
        "provenance": {"seed": 0},
        "seal": "5ea1",
        **changes,
    }


def selected_of(*candidates, **positions):
    selection = {"first": 0, "selected": None, "score": None, "oracle": None, **positions}
    return selected_row(selection, candidates, STANDARD)


def test_a_candidates_row_has_every_column_in_order_and_nothing_else():
    row = candidate_row(record(hyperparameters={"b": 1, "a": 0.5}), STANDARD)
    assert list(row) == COLUMNS
    assert row["hyperparameters"] == '{"a": 0.5, "b": 1}'
    assert (row["method"], row["n_manipulated"], row["removal_test"]) == ("ssd", 60, 0.3)


def test_hyperparameters_are_empty_for_the_original_and_braces_for_defaults():
    assert candidate_row(record("original"), STANDARD)["hyperparameters"] is None
    assert candidate_row(record("eu", {}), STANDARD)["hyperparameters"] == "{}"


def test_a_selected_row_adds_the_score_and_what_the_oracle_would_have_had():
    chosen = record(hyperparameters={"alpha": 1}, removal_test=0.6)
    best = record(hyperparameters={"alpha": 9}, removal_test=0.9, utility_test=0.2)
    row = selected_of(best, chosen, selected=1, score=0.77, oracle=0)
    assert list(row) == [*COLUMNS, "score", *ORACLE]
    assert json.loads(row["hyperparameters"]) == {"alpha": 1}
    assert (row["score"], row["removal_test"]) == (0.77, 0.6)
    assert json.loads(row["oracle_hyperparameters"]) == {"alpha": 9}
    assert (row["oracle_removal_test"], row["oracle_utility_test"]) == (0.9, 0.2)


def test_where_all_diverged_a_row_holds_names_alone():
    other = record("eu")
    dead = record(hyperparameters={"alpha": 1}, **dict.fromkeys(MEASURED))
    row = selected_of(other, dead, dead, first=1)
    assert list(row) == [*COLUMNS, "score", *ORACLE]
    assert all(row[name] == dead[name] for name in NAMES if name != "hyperparameters")
    empty = ["hyperparameters", "unlearn_seconds", "preparation_seconds", "score", *MEASURED, *ORACLE]
    assert all(row[name] is None for name in empty)


def test_the_rows_of_rules_say_what_each_choice_lacks_of_the_best():
    tried = [
        record(hyperparameters={"alpha": 1}, utility_test=0.9, removal_train=0.5),
        record(hyperparameters={"alpha": 2}, utility_test=0.8, removal_train=0.75),
        record(hyperparameters={"alpha": 3}, **dict.fromkeys(MEASURED)),
    ]
    selection = {"first": 1, "tried": 3, "oracle": 2, "rules": {"one": 1, "other": None}}
    rows = list(rule_rows(selection, [record("eu", utility_test=1, removal_train=1), *tried]))
    assert [list(row) for row in rows] == [RULES] * 3
    assert [row["rule"] for row in rows] == ["one", "other", "oracle"]
    assert [row["hyperparameters"] for row in rows] == ['{"alpha": 1}', None, '{"alpha": 2}']
    assert [row["utility_times_healed"] for row in rows] == [0.45, None, pytest.approx(0.6)]
    assert [row["regret"] for row in rows] == [pytest.approx(0.15), None, 0]
    assert [row["oracle_utility_times_healed"] for row in rows] == [pytest.approx(0.6)] * 3


def test_a_table_of_bounds_has_its_columns_even_where_none_is_finished():
    columns = [*NAMES[:6], "bound", *MEASURED, "seconds", "device", "attack"]
    assert list(bounds_table([], STANDARD)) == columns
    table = bounds_table([record(bound="b", seconds=1.5)], STANDARD)
    assert list(table) == columns
    assert table.loc[0, ["bound", "seconds", "attack"]].to_list() == ["b", 1.5, "took"]


# From what measure.py writes to CSV files


@pytest.fixture
def run():
    return Run(
        manipulations=("poison", "mark"),
        clean_label=("mark",),
        makers=("standard", "given"),
        maker_of={"scrub": "given"},
        expansion_of={"ssd": "neighbours"},
        extra=[margin],
        seeds=(0,),
    )


@pytest.fixture
def collected(run, tmp_path, monkeypatch):
    """The tables that collect.py makes of a run's records, and what it was told."""
    monkeypatch.chdir(tmp_path)
    names = [*STANDARD, "margin"]
    for one in run.all_measured():
        original = one["original"]
        of_run = (original["dataset"], original["manipulation"], original["n_manipulated"], original["seed"])
        identity = Identity(*of_run, original["maker"])
        del one["missing"]
        content = {**one, "rankings": [], "measures": names}
        files.write_json(identity.path("measures"), content, identity)
    told = collect.argparse.Namespace(
        runs=[["digits", [["poison", [20]], ["mark", [20]]]]],
        seeds=[0],
        makers=["standard", "given"],
        root=tmp_path / "results",
        bounds=[],
        expansions=[],
        partial=False,
        tables=tmp_path / "tables",
    )
    collect.main(told)
    return told


def test_collected_tables_have_all_columns_and_rows(collected):
    candidates, selected = (
        read_table(collected.tables / f"{name}.csv") for name in ("candidates", "selected")
    )
    columns = [*NAMES, *MEASURED, "margin", *COSTS]
    assert list(candidates) == columns
    assert list(selected) == [*columns, "score", *ORACLE]
    originals = candidates[candidates["method"] == "original"]
    assert list(originals["maker"]) == ["standard", "given"] * 2
    empty = ["discovery", "expansion", "deletion_fraction", "deletion_size", "hyperparameters"]
    assert originals[empty].isna().all(axis=None)
    assert dict(zip(selected["method"], selected["maker"], strict=True)) == {
        "eu": "standard",
        "ssd": "standard",
        "scrub": "given",
    }
    assert set(selected["expansion"].dropna()) == {"neighbours"}
    assert len(candidates) == 4 + 2 * 2 * (1 + 6 + 2)


def test_sizes_of_deletion_sets_are_whole_numbers_in_both_tables(collected):
    for name in ("candidates", "selected"):
        text = (collected.tables / f"{name}.csv").read_text().splitlines()
        sizes = {line.split(",")[NAMES.index("deletion_size")] for line in text[1:]}
        assert sizes == ({"10", "20", ""} if name == "candidates" else {"10", "20"})


def test_why_a_measure_does_not_apply_is_told_with_the_provenance(collected):
    made_by, absent = split_provenance(read_table(collected.tables / "provenance.csv"))
    assert {(one["measure"], one["dataset"], one["manipulation"]) for one in absent} == {
        ("deletion_change", "digits", "mark"),
        ("attack_success_rate", "digits", "mark"),
    }
    assert {one["reason"] for one in absent} == set(REASONS.values())
    assert not made_by["item"].str.contains("apply").any()


def test_what_is_not_there_is_left_out_of_a_partial_run_and_missed_in_another(collected, run):
    missing = Identity("digits", "mark", 20, 0, "given").path("measures")
    (collected.root.parent / missing).unlink()
    with pytest.raises(FileNotFoundError):
        collect.main(collected)
    collected.partial = True
    collect.main(collected)
    candidates = read_table(collected.tables / "candidates.csv")
    assert len(candidates[candidates["method"] == "original"]) == 3
    for path in collected.root.rglob("measures.json"):
        path.unlink()
    with pytest.raises(BadInputError, match="nothing is finished"):
        collect.main(collected)


def test_the_summary_is_read_back_as_it_was():
    summary = results(manipulations=("poison",)).summary
    assert list(summary.columns[:11]) == [
        *("dataset", "model", "manipulation", "n_manipulated", "maker", "discovery", "expansion"),
        *("deletion_fraction", "method", "measure", "unit"),
    ]
    assert set(summary["unit"]) == {"fraction", "points", "seconds", "ratio"}


def test_names_are_text_whatever_they_look_like():
    table = read_table(io.StringIO("maker,discovery,expansion,method,seed\n1,2,null,nan,3\n"))
    assert table.to_dict("records") == [
        {"maker": "1", "discovery": "2", "expansion": "null", "method": "nan", "seed": 3}
    ]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.5, "50 %"), (0.5000001, "50.00001 %"), (1.0, "100 %"), (0.07, "7 %"), (0.001, "0.1 %")],
)
def test_shares_are_written_to_their_last_digit(share, text):
    assert percent_of(share) == text


# Table 3


def candidates(*rows):
    columns = ["dataset", "model", "method", "unlearn_seconds", "preparation_seconds", "device"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(validation_accuracy=0.9, maker="standard", expansion=None)


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


def test_times_say_whose_original_and_whose_expansion():
    rows = candidates(
        ("digits", "resnet9", "eu", 8.0, 0.0, "cpu"), ("digits", "resnet9", "x", 2.0, 0.0, "cpu")
    )
    table = times_table(rows.assign(maker=["standard", "given"], expansion=[None, "neighbours"]))
    assert list(table.columns[:5]) == ["dataset", "model", "maker", "expansion", "method"]
    assert list(table["maker"]) == ["standard", "given"]
    assert list(table["expansion"].fillna("")) == ["", "neighbours"]
    assert list(table["speedup_over_eu"]) == [1.0, 4.0]

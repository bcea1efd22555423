"""The referee: every figure of a record against counts by hand, deletion sets with false alarms included."""

from pathlib import Path

import numpy as np
import pytest
import tiny

import collect
from redress.developer.selection import select_all
from redress.formats import files
from redress.formats.block import Block
from redress.formats.errors import DamagedFileError
from redress.formats.identity import COLUMNS
from redress.formats.measures import measures
from redress.referee.measuring import measure_all

MEASURES = measures()
BLOCK = Block("eu", "uniform", "none", ("0.5",), ("a=1", "a=2"))
CELL = tiny.CELL.having(method="eu")
# True labels are the samples' numbers modulo 3: here 0, 1, 1, 2. All are called 0 but the first.
MANIPULATED, GIVEN = [3, 7, 4, 8], [2, 0, 0, 0]
FOUND = [8, 1, 3, 20]  # two of S_m, the last and the first, and two false alarms of classes 1 and 2
GOOD, BAD = [0, 1, 2, 0, 1, 2], [2] * 6  # of 6 validation samples


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return written()


def written(**changes):
    """D_m: test samples 0, 1, 2, 4 of classes 0, 1, 2, 1; outside it 3, 5, 6 of classes 0, 2, 0."""
    results = tiny.Results(MANIPULATED, GIVEN, [0, 1, 2, 4], [3, 5, 6], **{"target": 0, **changes})
    results.deletion_set(FOUND)
    results.original(GOOD, unaffected=[0, 2, 1], manipulated=[2, 0, 0, 0], affected=[0, 0, 0, 0])
    results.candidate({"a": 1}, GOOD, [0, 1, 0, 0], probes=([0, 0, 0], [0, 1, 0, 1], [0, 1, 0, 2]))
    results.candidate({"a": 2}, BAD, [2, 2, 2, 2], probes=([2, 2, 2], [2, 2, 2, 2], [0, 1, 2, 1]))
    return results


def measured(blocks=(BLOCK,), weights=None, selections=None, rule="equal_weight", **told):
    developers = {name: one for name, one in MEASURES.items() if one.owner == "developer"}
    weights = weights or {"validation_accuracy": 0.5, "deletion_change": 0.5}
    if selections is None:
        selections = select_all(tiny.ORIGINAL, blocks, developers, weights, rule=rule)
    return measure_all(tiny.ORIGINAL, blocks, MEASURES, selections, **told)


def measured_selections():
    return select_all(tiny.ORIGINAL, [BLOCK], MEASURES, {"validation_accuracy": 1})


def figures(record):
    return {name: record[name] for name in MEASURES}


def test_a_candidate_by_hand_with_false_alarms_in_the_deletion_set(results):
    first, _ = measured()["candidates"]
    assert figures(first) == {
        "validation_accuracy": 1.0,
        # Given labels of samples 8, 1, 3, 20 are 0, 1, 2, 2; predicted were 0, 1, 0, 0.
        "deletion_change": 2 / 4,
        "removal_test": 2 / 4,
        "removal_train": 2 / 4,  # true 0, 1, 1, 2, predicted 0, 1, 0, 1
        "removal_train_discovered": 1 / 2,  # samples 3 and 8: right, wrong
        "removal_train_undiscovered": 1 / 2,  # samples 7 and 4: right, wrong
        "utility_test": 2 / 3,
        "attack_success_rate": 1 / 3,  # of the three that are not 0
    }


def test_which_samples_were_found_goes_by_membership_not_by_place(results):
    results.deletion_set([4, 0])
    results.candidate({"a": 1}, GOOD, [0, 2], probes=([0, 0, 0], [0, 1, 2, 2], [0, 1, 0, 2]))
    results.candidate({"a": 2}, BAD, [1, 1], probes=([0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 2]))
    first, second = measured()["candidates"]
    assert [first[name] for name in ("deletion_change", "removal_train")] == [1 / 2, 3 / 4]
    assert (first["removal_train_discovered"], first["removal_train_undiscovered"]) == (0.0, 1.0)
    assert (second["removal_train_discovered"], second["removal_train_undiscovered"]) == (1.0, 1 / 3)


@pytest.mark.parametrize(
    ("found", "discovered", "undiscovered"), [([0, 1], None, 2 / 4), ([3, 4, 7, 8, 9], 2 / 4, None)]
)
def test_none_or_all_of_the_manipulated_set_may_be_found(results, found, discovered, undiscovered):
    results.deletion_set(found)
    for a in (1, 2):
        results.candidate({"a": a}, GOOD, [0] * len(found), probes=([0, 0, 0], [0, 1, 0, 1], [0, 1, 0, 2]))
    record = measured()["candidates"][0]
    assert record["removal_train_discovered"] == discovered
    assert record["removal_train_undiscovered"] == undiscovered


def test_the_original_knows_no_deletion_set(results):
    record = measured()["original"]
    assert figures(record) == {
        "validation_accuracy": 1.0,
        "deletion_change": None,
        "removal_test": 1 / 4,
        "removal_train": 0.0,
        "removal_train_discovered": None,
        "removal_train_undiscovered": 0.0,
        "utility_test": 2 / 3,
        "attack_success_rate": 1.0,
    }
    named = (
        "method",
        "maker",
        "discovery",
        "expansion",
        "deletion_fraction",
        "deletion_size",
        "hyperparameters",
    )
    assert [record[name] for name in named] == ["original", "standard", *[None] * 5]
    assert (record["device"], record["peak_memory_mb"], record["unlearn_seconds"]) == ("cpu", 5.0, None)


def test_a_record_says_which_model_it_is_about(results):
    record = measured()["candidates"][1]
    assert {name: record[name] for name in COLUMNS} == {
        "dataset": "tiny",
        "model": "resnet9",
        "manipulation": "poison",
        "n_manipulated": 4,
        "seed": 0,
        "maker": "standard",
        "discovery": "uniform",
        "expansion": None,
        "method": "eu",
        "deletion_fraction": 0.5,
        "deletion_size": 4,
        "hyperparameters": {"a": 2},
    }
    assert record["unlearn_seconds"] == 2.5
    assert record["provenance"]["data"] == results.made_from["pictures"]


def test_the_selected_one_and_the_oracle_are_places_among_the_candidates(results):
    whole = tiny.CELL.having(share="1.0")
    results.deletion_set(MANIPULATED, whole)
    probes = ([0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0])
    results.candidate({"a": 1}, GOOD, GIVEN, probes, whole)
    results.candidate({"a": 2}, None, (), cell=whole)
    block = Block("eu", "uniform", "none", ("0.5", "1.0"), ("a=1", "a=2"))
    rows = measured([block])["selected"]
    # At 0.5: 1 + 2/4 against 1/3 + 2/4 (of given 0, 1, 2, 2 the two 2 stay); the oracle has all of D_m.
    assert [(row["first"], row["selected"], row["oracle"]) for row in rows] == [(0, 0, 1), (2, 2, 2)]
    assert rows[0]["score"] == pytest.approx(0.75)


def test_nothing_is_measured_on_a_diverged_model(results):
    for a in (1, 2):
        results.candidate({"a": a}, None, ())
    done = measured()
    assert set(figures(done["candidates"][0]).values()) == {None}
    assert done["candidates"][0]["unlearn_seconds"] == 2.5
    (row,) = done["selected"]
    assert (row["selected"], row["score"], row["oracle"]) == (None, None, None)


def test_measures_that_do_not_apply_say_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(in_doubt=False, target=None)
    done = measured()
    assert list(done["not_applying"]) == ["deletion_change", "attack_success_rate"]
    assert done["not_applying"]["deletion_change"] == "the manipulated samples kept their true labels"
    assert [done["candidates"][0][name] for name in done["not_applying"]] == [None, None]
    assert done["selected"][0]["score"] == 0.5  # validation accuracy of 1, weighted as before


def test_where_all_measures_apply_none_is_listed(results):
    done = measured()
    assert done["not_applying"] == {}
    assert done["measures"] == list(MEASURES)


def test_what_is_written_is_json(results, tmp_path):
    done = measured()
    files.write_json("measures.json", done, tiny.ORIGINAL)
    assert files.read_json("measures.json", tiny.ORIGINAL)["candidates"] == done["candidates"]


def test_tables_are_not_made_of_measures_of_other_candidates(results):
    """As where selection and measures come back from an older run, together and with old time stamps."""
    done, path = measured(), Path(tiny.ORIGINAL.path("measures"))
    done["made_from"]["selection"] = "a file that is not there"
    collect.check(path, done, tiny.ORIGINAL)
    results.candidate({"a": 2}, BAD, [0] * 4, probes=([0] * 3, [0] * 4, [0] * 4))
    with pytest.raises(DamagedFileError, match=r"measures\.json: was made from another .*a=2\.safetensors"):
        collect.check(path, done, tiny.ORIGINAL)


@pytest.mark.parametrize("kind", ["pictures", "training_set", "deletion_set"])
def test_a_candidate_that_was_made_from_other_files_is_refused(results, kind):
    selections = measured_selections()
    results.candidate({"a": 2}, GOOD, [0] * 4, probes=([0] * 3, [0] * 4, [0] * 4), **{kind: "another"})
    with pytest.raises(DamagedFileError, match=f"a=2.safetensors: was made from another {CELL.path(kind)}"):
        measured(selections=selections)


def test_a_candidate_of_another_kind_of_device_is_refused(results):
    selections = measured_selections()
    results.candidate({"a": 2}, GOOD, [0] * 4, probes=([0] * 3, [0] * 4, [0] * 4), device="NVIDIA H200")
    with pytest.raises(DamagedFileError, match=r"a=2.safetensors: was made on NVIDIA H200, .* on cpu"):
        measured(selections=selections)


def test_predictions_of_other_weights_than_the_originals_are_refused(results):
    results.original(GOOD, [0] * 3, [0] * 4, [0] * 4, original="another")
    with pytest.raises(DamagedFileError, match=r"predictions\.safetensors: was made from another .*original"):
        measured()


def test_an_original_that_was_made_from_another_training_set_is_refused(results):
    results.original(GOOD, [0] * 3, [0] * 4, [0] * 4, training_set="another")
    with pytest.raises(DamagedFileError, match=r"predictions\.safetensors: was made from another"):
        measured()


def test_a_record_that_says_other_hyperparameters_than_its_name_is_refused(results):
    results.candidate({"a": 3}, GOOD, [0] * 4)
    three, two = (CELL.having(candidate=f"a={a}") for a in (3, 2))
    arrays, about = files.load_arrays(three.path("candidate"), three)
    files.save_arrays(two.path("candidate"), arrays, about, two)
    with pytest.raises(DamagedFileError, match=r"a=2\.safetensors: has the hyperparameters \{'a': 3\}"):
        measured()


@pytest.mark.parametrize("names", [("a=1",), ("a=1", "a=3")])
def test_a_selection_of_another_grid_is_refused(results, names):
    selections = [{**measured_selections()[0], "selected": "a=2"}]
    results.candidate({"a": 3}, GOOD, [0] * 4, probes=([0] * 3, [0] * 4, [0] * 4))
    block = Block("eu", "uniform", "none", ("0.5",), names)
    for wrong in (selections, []):
        with pytest.raises(DamagedFileError, match=r"selection\.json: belongs to another experiment"):
            measured([block], selections=wrong)


def test_predictions_of_one_byte_are_compared_with_labels_of_eight(results):
    identity = CELL.having(candidate="a=1")
    arrays, about = files.load_arrays(identity.path("candidate"), identity)
    before = measured()["candidates"][0]
    small = {name: array.astype(np.uint8) for name, array in arrays.items()}
    files.save_arrays(identity.path("candidate"), small, about, identity)
    assert figures(measured()["candidates"][0]) == figures(before)


# Bounds, rules, attacks


def test_a_bound_has_no_deletion_set_and_nobody_found_anything(results):
    results.bound("all_found", GOOD, unaffected=[0, 2, 0], manipulated=[0, 1, 1, 0], affected=[0, 1, 2, 0])
    (record,) = measured(bounds=["all_found"])["bounds"]
    assert figures(record) == {
        "validation_accuracy": 1.0,
        "deletion_change": None,
        "removal_test": 3 / 4,
        "removal_train": 3 / 4,
        "removal_train_discovered": None,
        "removal_train_undiscovered": None,
        "utility_test": 3 / 3,
        "attack_success_rate": 1 / 3,
    }
    assert (record["bound"], record["seconds"], record["attack"]) == ("all_found", 1.5, "took")


@pytest.mark.parametrize("kind", ["pictures", "training_set", "probes", "truth"])
def test_a_bound_that_was_made_from_other_files_is_refused(results, kind):
    results.bound("b", GOOD, [0] * 3, [0] * 4, [0] * 4, **{kind: "another"})
    said = rf"bounds/b\.safetensors: was made from another {tiny.RUN.path(kind)};"
    with pytest.raises(DamagedFileError, match=said):
        measured(bounds=["b"])


def test_every_rule_says_what_it_would_have_chosen(results):
    # Validation accuracy is 1 and 5/6, deletion change 2/4 for both. True labels of S_f are 2, 1, 0, 2: who
    # knows them sees 2/4 and 4/4 healed. The oracle has all of D_m.
    results.candidate({"a": 2}, [2, 1, 2, 0, 1, 2], [2, 1, 0, 2], probes=([2] * 3, [2] * 4, [0, 1, 2, 1]))
    found = measured(rules=["constraint", "equal_weight", "healed_known", "validation_accuracy"])
    (row,) = found["selected"]
    assert row["rules"] == {"constraint": 0, "equal_weight": 0, "healed_known": 1, "validation_accuracy": 0}
    assert (row["first"], row["tried"], row["oracle"]) == (0, 2, 1)


def test_the_constraint_reads_what_the_original_predicts_and_says_so(results):
    results.candidate({"a": 2}, GOOD, [1, 2, 0, 0], probes=([0] * 3, [0] * 4, [0] * 4))
    done = measured(rule="constraint", rules=["constraint"])
    assert done["selected"][0]["selected"] == done["selected"][0]["rules"]["constraint"] == 1
    selections = select_all(tiny.ORIGINAL, [BLOCK], MEASURES, {"validation_accuracy": 1}, rule="constraint")
    results.original(BAD, unaffected=[0, 2, 1], manipulated=[2, 0, 0, 0], affected=[0, 0, 0, 0])
    with pytest.raises(DamagedFileError, match=r"selection\.json: was made from other candidates"):
        measured(selections=selections)
    results.original(BAD, [0] * 3, [0] * 4, [0] * 4, original="another")
    with pytest.raises(DamagedFileError, match=r"predictions\.safetensors: was made from another .*original"):
        select_all(tiny.ORIGINAL, [BLOCK], MEASURES, {"validation_accuracy": 1}, rule="constraint")


@pytest.mark.parametrize(("target", "attack"), [(0, "took"), (1, "failed")])
def test_all_records_of_an_original_say_whether_the_attack_took(tmp_path, monkeypatch, target, attack):
    monkeypatch.chdir(tmp_path)
    written(target=target)
    done = measured()
    assert {one["attack"] for one in [done["original"], *done["candidates"]]} == {attack}

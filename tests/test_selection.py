"""The selected candidate is the one that the protocol's section on selection names."""

import shutil

import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from redress.developer.selection import select_all
from redress.formats import files
from redress.formats.block import Block
from redress.formats.errors import BadInputError, DamagedFileError
from redress.formats.measures import measures
from redress.formats.rules import choose, score

WEIGHTS = {"validation_accuracy": 0.5, "deletion_change": 0.5}


def select(candidates, weights):
    return choose("equal_weight", candidates, weights)


def candidate(validation, change):
    return {"validation_accuracy": validation, "deletion_change": change}


DIVERGED = candidate(None, None)


def test_the_score_is_the_weighted_sum():
    assert score(candidate(0.8, 0.4), WEIGHTS) == pytest.approx(0.6)
    assert score(candidate(0.8, 0.4), {"validation_accuracy": 3, "deletion_change": 1}) == pytest.approx(2.8)
    assert score(candidate(0.8, 0.4), {"deletion_change": 1}) == 0.4


def test_the_highest_score_wins():
    candidates = [candidate(0.9, 0.1), candidate(0.7, 0.7), candidate(0.2, 0.9)]
    assert select(candidates, WEIGHTS) == 1
    assert select(candidates, {"validation_accuracy": 1, "deletion_change": 0}) == 0
    assert select(candidates, {"deletion_change": 1}) == 2


def test_a_tie_goes_to_the_higher_validation_accuracy_then_to_the_first_in_the_grid():
    assert select([candidate(0.6, 0.8), candidate(0.8, 0.6), candidate(0.7, 0.7)], WEIGHTS) == 1
    assert select([candidate(0.5, 0.5), candidate(0.8, 0.6), candidate(0.8, 0.6)], WEIGHTS) == 1


def test_a_tie_on_paper_is_a_tie_in_floating_point():
    weights = {"validation_accuracy": 0.4, "deletion_change": 0.6}
    # 0.4 * 0.1 + 0.6 * 0.9 = 0.58 = 0.4 * 0.7 + 0.6 * 0.5, but not to the last bit.
    low, high = candidate(0.1, 0.9), candidate(0.7, 0.5)
    assert score(low, weights) > score(high, weights)
    assert select([low, high], weights) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12))
def test_selection_is_the_first_of_the_best_by_score_then_validation(pairs):
    # In twentieths, where sums are exact.
    candidates = [candidate(v / 20, d / 20) for v, d in pairs]
    ranked = sorted(range(len(pairs)), key=lambda i: (-(pairs[i][0] + pairs[i][1]), -pairs[i][0], i))
    assert select(candidates, WEIGHTS) == ranked[0]


def test_a_diverged_candidate_has_no_score_and_is_never_selected():
    assert score(DIVERGED, WEIGHTS) is None
    assert select([DIVERGED, candidate(0.01, 0.0), DIVERGED], WEIGHTS) == 1
    assert select([DIVERGED, DIVERGED], WEIGHTS) is None


# With files. Validation labels are 0, 1, 2, 0, 1, 2; samples 3 and 7 of S_f are called 2 and 0.

MEASURES = {name: one for name, one in measures().items() if one.owner == "developer"}
BLOCK = Block("eu", "uniform", "none", ("0.5",), ("a=1", "a=2"))
FOUND = [7, 3, 1]  # sample 1 is a false alarm; it is of class 1
GIVEN = [0, 2, 1]


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return written()


def written(**changes):
    results = tiny.Results([3, 7, 4, 8], [2, 0, 0, 0], [0], [1], **changes)
    results.deletion_set(FOUND)
    results.candidate({"a": 1}, [0, 1, 2, 0, 0, 0], [0, 1, 0])  # 4/6 right, 2/3 changed
    results.candidate({"a": 2}, [0, 1, 2, 0, 1, 2], [0, 2, 0])  # all right, 1/3 changed
    return results


def selected(weights, blocks=(BLOCK,)):
    return select_all(tiny.ORIGINAL, blocks, MEASURES, weights)


@pytest.mark.parametrize(
    ("weights", "name", "score"),
    [
        (WEIGHTS, "a=2", (1 + 1 / 3) / 2),  # a tie in the score
        ({"deletion_change": 1}, "a=1", 2 / 3),
        ({"validation_accuracy": 2, "deletion_change": 1}, "a=2", 2 + 1 / 3),
        ({"validation_accuracy": 1, "deletion_change": 9}, "a=1", 4 / 6 + 6),
    ],
)
def test_weights_come_from_config_and_false_alarms_count(results, weights, name, score):
    (record,) = selected(weights)
    assert record["selected"] == name
    assert record["score"] == pytest.approx(score)
    assert record["weights"] == weights
    assert record["cell"] == tiny.CELL.having(method="eu").names


def test_a_score_by_one_measure_still_breaks_ties_by_validation_accuracy(results):
    results.candidate({"a": 1}, [1, 1, 1, 1, 1, 1], [1, 2, 0])
    assert selected({"deletion_change": 1})[0]["selected"] == "a=1"
    results.candidate({"a": 2}, [0, 1, 2, 0, 1, 2], [1, 2, 0])
    assert selected({"deletion_change": 1})[0]["selected"] == "a=2"


def test_a_full_tie_goes_to_the_first_of_the_block(results):
    results.candidate({"a": 1}, [0] * 6, GIVEN)
    results.candidate({"a": 2}, [0] * 6, GIVEN)
    for names in (("a=1", "a=2"), ("a=2", "a=1")):
        assert selected(WEIGHTS, [Block("eu", "uniform", "none", ("0.5",), names)])[0]["selected"] == names[0]


def test_nothing_is_selected_where_all_have_diverged(results):
    results.candidate({"a": 1}, None, ())
    assert selected(WEIGHTS)[0]["selected"] == "a=2"
    results.candidate({"a": 2}, None, ())
    assert (selected(WEIGHTS)[0]["selected"], selected(WEIGHTS)[0]["score"]) == (None, None)


def test_where_no_label_is_in_doubt_deletion_change_weighs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = written(in_doubt=False)
    results.candidate({"a": 1}, [0, 1, 2, 0, 1, 2], GIVEN)
    results.candidate({"a": 2}, [0, 1, 2, 0, 1, 0], [2, 0, 0])  # all changed
    (record,) = selected(WEIGHTS)
    assert (record["selected"], record["score"]) == ("a=1", 0.5)
    assert record["weights"] == {"validation_accuracy": 0.5}
    with pytest.raises(
        BadInputError, match="deletion_change do not apply to eu: nothing is left to select by"
    ):
        selected({"deletion_change": 1})


def test_every_share_of_every_block_has_its_own_selection(results):
    whole = tiny.CELL.having(share="1.0")
    results.deletion_set([3, 7, 4, 8], whole)
    for cell, found in ((tiny.CELL, FOUND), (whole, [3, 7, 4, 8])):
        results.candidate({}, [0] * 6, found, cell=cell, method="cf")
    results.candidate({"a": 1}, [0, 1, 2, 0, 1, 2], [2, 0, 0, 0], cell=whole)
    results.candidate({"a": 2}, [0] * 6, [2, 0, 0, 0], cell=whole)
    blocks = [
        Block.from_json(
            {
                "method": name,
                "discovery": "uniform",
                "expansion": "none",
                "shares": ["0.5", "1.0"],
                "candidates": grid,
            }
        )
        for name, grid in (("eu", ["a=1", "a=2"]), ("cf", ["default"]))
    ]
    records = selected(WEIGHTS, blocks)
    found = [(one["cell"]["method"], one["cell"]["share"], one["selected"]) for one in records]
    assert found == [
        ("eu", "0.5", "a=2"),
        ("eu", "1.0", "a=1"),
        ("cf", "0.5", "default"),
        ("cf", "1.0", "default"),
    ]


@pytest.mark.parametrize("kind", ["pictures", "training_set", "original", "deletion_set"])
def test_a_candidate_that_was_made_from_other_files_is_refused(results, kind):
    results.candidate({"a": 2}, [0] * 6, GIVEN, **{kind: "another"})
    with pytest.raises(DamagedFileError) as caught:
        selected(WEIGHTS)
    named = tiny.CELL.having(method="eu", candidate="a=2")
    assert f"{named.path('candidate')}: was made from another {named.path(kind)};" in str(caught.value)


def test_an_original_that_was_made_anew_is_noticed(results):
    files.save_arrays(
        tiny.ORIGINAL.path("original"), {"w": np.zeros(2)}, {"provenance": tiny.PROVENANCE}, tiny.ORIGINAL
    )
    with pytest.raises(DamagedFileError, match=r"was made from another .*standard/original\.safetensors"):
        selected(WEIGHTS)


def test_another_candidates_record_is_refused(results):
    first, second = (tiny.CELL.having(method="eu", candidate=f"a={a}").path("candidate") for a in (1, 2))
    shutil.copy(first, second)
    with pytest.raises(DamagedFileError, match=r"a=2\.safetensors: .*candidate a=1, not a=2"):
        selected(WEIGHTS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"threads": 2}, "was made with threads 1, not 2"),
        ({"recipe": {"steps": 3}}, r"was made with recipe\.steps 2, not 3"),
        ({"model": {"name": "wideresnet"}}, r"was made with model\.name resnet9, not wideresnet"),
        ({"device": "cuda"}, "was made with device None, not cuda"),
    ],
)
def test_models_that_were_made_with_other_settings_are_refused(results, settings, said):
    with pytest.raises(DamagedFileError, match=f"{tiny.ORIGINAL.path('original')}: {said}"):
        select_all(tiny.ORIGINAL, [BLOCK], MEASURES, WEIGHTS, settings)


def test_a_candidate_that_was_made_with_other_settings_is_refused(results):
    same = {"model": tiny.SETUP.model, "recipe": {"steps": 2}, "threads": 1}
    assert select_all(tiny.ORIGINAL, [BLOCK], MEASURES, WEIGHTS, same) == selected(WEIGHTS)
    who = tiny.CELL.having(method="eu", candidate="a=2")
    arrays, about = files.load_arrays(who.path("candidate"), who)
    about["provenance"]["settings"]["threads"] = 4
    files.save_arrays(who.path("candidate"), arrays, about, who)
    with pytest.raises(DamagedFileError, match=r"a=2\.safetensors: was made with threads 4, not 1"):
        select_all(tiny.ORIGINAL, [BLOCK], MEASURES, WEIGHTS, same)

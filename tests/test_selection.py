"""The selected candidate is the one that the protocol's section on selection names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redress.files import write_json
from redress.selection import oracle, score, select

SCRIPT = Path(__file__).parents[1] / "workflow/scripts/selection.py"


def candidate(validation, change, removal=0.5, name=None):
    return {
        "validation_accuracy": validation,
        "deletion_change": change,
        "removal_test": removal,
        "hyperparameters": {"name": name},
    }


DIVERGED = candidate(None, None, None, "diverged")


def test_the_score_weighs_both_figures_equally():
    assert score(candidate(0.8, 0.4)) == pytest.approx(0.6)
    assert score(candidate(1.0, 0.0)) == 0.5


def test_weights_come_from_config():
    record = candidate(0.8, 0.4)
    assert score(record, {"validation_accuracy": 3, "deletion_change": 1}) == pytest.approx(2.8)
    assert score(record, {"deletion_change": 1}) == 0.4


def test_the_highest_score_wins():
    records = [candidate(0.9, 0.1), candidate(0.7, 0.7), candidate(0.2, 0.9)]
    assert select(records) is records[1]
    assert select(records, {"validation_accuracy": 1, "deletion_change": 0}) is records[0]
    assert select(records, {"deletion_change": 1}) is records[2]


def test_a_tie_goes_to_the_higher_validation_accuracy():
    records = [candidate(0.6, 0.8), candidate(0.8, 0.6), candidate(0.7, 0.7)]
    assert select(records) is records[1]


def test_a_tie_on_paper_is_a_tie_in_floating_point():
    weights = {"validation_accuracy": 0.4, "deletion_change": 0.6}
    # 0.4 * 0.1 + 0.6 * 0.9 = 0.58 = 0.4 * 0.7 + 0.6 * 0.5, but not to the last bit.
    low, high = candidate(0.1, 0.9), candidate(0.7, 0.5)
    assert score(low, weights) > score(high, weights)
    assert select([low, high], weights) is high


def test_a_full_tie_goes_to_the_first_in_the_grid():
    records = [candidate(0.5, 0.5, 0.1), candidate(0.8, 0.6, 0.2), candidate(0.8, 0.6, 0.9)]
    assert select(records) is records[1]


def test_the_test_set_does_not_influence_the_selection():
    records = [candidate(0.8, 0.6, removal=0.0), candidate(0.7, 0.6, removal=1.0)]
    assert select(records) is records[0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12))
def test_selection_is_the_first_of_the_best_by_score_then_validation(pairs):
    # In twentieths, where sums are exact.
    records = [candidate(v / 20, d / 20) for v, d in pairs]
    ranked = sorted(range(len(pairs)), key=lambda i: (-(pairs[i][0] + pairs[i][1]), -pairs[i][0], i))
    assert select(records) is records[ranked[0]]


def test_a_diverged_candidate_has_no_score_and_is_never_selected():
    poor = candidate(0.01, 0.0)
    assert score(DIVERGED) is None
    assert select([DIVERGED, poor, DIVERGED]) is poor
    assert oracle([DIVERGED, poor]) is poor


def test_nothing_is_selected_where_all_candidates_diverged():
    assert select([DIVERGED, DIVERGED]) is None
    assert oracle([DIVERGED]) is None


def test_the_oracle_is_the_best_on_the_affected_test_images():
    records = [candidate(0.9, 0.9, 0.2), candidate(0.1, 0.1, 0.8), candidate(0.0, 0.0, 0.8)]
    assert oracle(records) is records[1]
    assert select(records) is records[0]


@pytest.mark.parametrize("all_diverged", [False, True])
def test_the_script_writes_what_was_selected_and_what_the_oracle_had(tmp_path, all_diverged):
    records = [DIVERGED, candidate(0.9, 0.5, 0.2, "a"), candidate(0.5, 0.5, 0.6, "b")]
    records = [DIVERGED, DIVERGED] if all_diverged else records
    for i, record in enumerate(records):
        write_json(tmp_path / f"{i}.json", record)
    paths = [tmp_path / f"{i}.json" for i in range(len(records))]
    command = [sys.executable, SCRIPT, "--candidates", *paths, "--output", tmp_path / "out.json"]
    subprocess.run(command, check=True, capture_output=True)
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["candidates"] == records
    if all_diverged:
        assert result["selected"] is result["score"] is result["oracle"] is None
    else:
        assert result["selected"] == records[1]
        assert result["score"] == pytest.approx(0.7)
        assert result["oracle"] == records[2]

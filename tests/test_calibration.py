"""The judge held against the truth: one scenario written by hand, and the table that sums scenarios up."""

import numpy as np
import pandas as pd
import pytest
import tiny
import yaml
from project import Project

from redress.formats.block import Block
from redress.formats.errors import BadInputError
from redress.judge import Settings
from redress.judge.rates import Rate
from redress.referee.calibration import _expected, estimates, scenarios, summary, verdicts

BLOCK = Block("eu", "uniform", "none", ("0.5",), ("a=1", "a=2"))
FOLDS = ("even", "odd")
# All but samples 0, 3 and 6, in an order of its own; true labels are numbers modulo 3.
MANIPULATED = [sample for sample in range(29, -1, -1) if sample not in (0, 3, 6)]
TRUE = np.array(MANIPULATED) % 3
GIVEN = (TRUE + 1) % 3
FOUND = MANIPULATED[5:17]
HERE = np.arange(5, 17)
GOOD, WORSE = [0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 1]


def probes(right, affected=(0, 1, 2, 1), unaffected=(0, 2, 0)):
    """Predictions on unaffected, manipulated and affected pictures; `right` are places in S_m."""
    return [list(unaffected), np.where(np.isin(np.arange(27), right), TRUE, GIVEN), list(affected)]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """S_f are 12 of 27. Candidate 1 heals all it is told of, the first three of S_m and, without the odd
    fold, half of that; candidate 2 heals everything and pays for it."""
    monkeypatch.chdir(tmp_path)
    results = tiny.Results(MANIPULATED, GIVEN, [0, 1, 2, 4], [3, 5, 6])
    results.original(GOOD, unaffected=[0, 2, 0], manipulated=GIVEN, affected=[0, 1, 1, 1])
    sets = {"uniform": FOUND, "even": FOUND[1::2], "odd": FOUND[::2]}
    for discovery, found in sets.items():
        cell = tiny.CELL.having(discovery=discovery)
        results.deletion_set(found, cell)
        told = np.isin(MANIPULATED, found)
        right = [*np.flatnonzero(told), 0, 1, 2, *(HERE[1::4] if discovery == "odd" else [])]
        for a, validation, who in ((1, GOOD, right), (2, WORSE, range(27))):
            made = probes(who)
            results.candidate({"a": a}, validation, made[1][told], probes=made, cell=cell)
    return results


def test_a_scenario_is_what_a_user_would_have_beside_what_is_so(results):
    (scenario,) = scenarios(tiny.ORIGINAL, [BLOCK], "uniform", FOLDS)
    case = scenario.case
    assert case.ids == tuple(map(str, FOUND))
    assert case.bad_given.tolist() == [(sample + 1) % 3 for sample in FOUND]
    assert case.bad_true.tolist() == [sample % 3 for sample in FOUND]
    assert case.fold.tolist() == [0, 1] * 6  # `even` lacks the first, the third, ...
    first, second = scenario.facts
    assert (first.healed, second.healed, scenario.of_original.healed) == (3 / 15, 1.0, 0.0)
    assert (first.affected, scenario.of_original.affected, first.utility) == (1.0, 0.75, 1.0)


def test_estimates_come_from_models_that_were_not_told(results):
    (scenario,) = scenarios(tiny.ORIGINAL, [BLOCK], "uniform", FOLDS)
    first, second = estimates(scenario)
    # Of the six held out by `odd`, places 1, 5 and 9 of S_f are healed; of those by `even` none.
    assert (first["held_out"], first["in_sample"], first["undiscovered"]) == (3 / 12, 1.0, 3 / 15)
    assert (second["held_out"], second["in_sample"], second["undiscovered"]) == (1.0, 1.0, 1.0)


def test_verdicts_are_for_users_of_all_methods_and_of_one_with_labels_and_without(results):
    (scenario,) = scenarios(tiny.ORIGINAL, [BLOCK], "uniform", FOLDS)
    rows = pd.DataFrame(verdicts(scenario, Settings()))
    assert list(zip(rows["tried"], rows["true_labels"], strict=True)) == [
        ("all", True),
        ("eu", True),
        ("all", False),
        ("eu", False),
    ]
    first = rows.iloc[0]
    assert first["status"] == "not repaired"  # 3 of 12, and candidate 2 costs a sixth
    assert (first["estimate"], first["undiscovered"], first["worth_chosen"]) == (3 / 12, 3 / 15, 3 / 15)
    assert (first["worth_taken"], first["worth_offered"], first["worth_oracle"]) == (0.0, 1.0, 1.0)


def test_folds_that_do_not_part_the_deletion_set_are_refused(results):
    results.deletion_set(FOUND[2:], tiny.CELL.having(discovery="odd"))
    with pytest.raises(BadInputError, match="even, odd: do not leave out every sample of uniform once"):
        list(scenarios(tiny.ORIGINAL, [BLOCK], "uniform", FOLDS))


def test_the_summary_counts_what_lies_in_the_interval():
    place = {"dataset": "d", "manipulation": "m", "seed": 1, "affected": 0.5, "m": 10, "undiscovered_n": 20}
    rows = [
        {
            **place,
            "deletion_fraction": 0.3,
            "held_out": h,
            "in_sample": 1.0,
            "low": lo,
            "high": hi,
            "undiscovered": u,
        }
        for h, lo, hi, u in [
            (0.5, 0.4, 0.6, 0.45),
            (0.5, 0.4, 0.6, 0.7),
            (0.5, 0.4, 0.6, 0.1),
            (0.8, 0.7, 0.9, 0.7),
        ]
    ]
    rows.append({**rows[0], "deletion_fraction": 1.0, "undiscovered": None})
    said = {
        "tried": "all",
        "true_labels": True,
        "estimate": 0.5,
        "low": 0.4,
        "high": 0.6,
        "undiscovered": 0.3,
    }
    table = summary(
        pd.DataFrame(rows), pd.DataFrame([{**place, **said, "deletion_fraction": 0.3, "worth_taken": 0.25}])
    )
    assert table["deletion_fraction"].fillna(-1).tolist() == [0.3, 1.0, -1]
    first = table.iloc[0]
    assert first[["candidates", "coverage", "too_bright"]].tolist() == [4, 2 / 4, 1 / 4]
    assert first["bias"] == pytest.approx((0.05 - 0.2 + 0.4 + 0.1) / 4)
    assert (first["verdict_bias"], first["verdict_coverage"], first["worth_taken"]) == pytest.approx(
        (0.2, 0.0, 0.25)
    )


def test_what_a_perfect_judge_would_miss_is_counted_by_drawing():
    generator = np.random.default_rng(0)
    m, n, common = 16, 36, (11 + 27) / (16 + 36)
    held, truth = generator.binomial(m, common, 4000), generator.binomial(n, common, 4000) / n
    inside = [
        Rate(hits, m).low <= share <= Rate(hits, m).high for hits, share in zip(held, truth, strict=True)
    ]
    assert _expected(16, 11, 36, 27) == pytest.approx(np.mean(inside), abs=0.02)
    assert _expected(16, 0, 36, 0) == 1.0


TINY = {
    "seeds": [10],
    "deletion_fractions": [0.5],
    "datasets": {
        "digits": {
            "validation_size": 197,
            "model": {"name": "resnet9", "width": 1},
            "recipe": {"steps": 4, "batch_size": 48, "flip": False, "precision": "float32"},
            "manipulations": {"poison": {"n": [60], "target_class": 0, "patch_size": 2}},
        }
    },
    "discoveries": {
        "uniform": {},
        "even": {"use": "held_out", "fold": 0, "folds": 2},
        "odd": {"use": "held_out", "fold": 1, "folds": 2},
    },
    "methods": {"cf": {"grid": {"steps": 2}}},
}


@pytest.mark.slow
def test_the_rule_goes_from_pictures_to_table_and_figure_and_is_refused_without_folds(tmp_path):
    project = Project.copy(tmp_path)
    path = project.folder / "judge.yaml"
    path.write_text(yaml.safe_dump(TINY))
    command = ["snakemake", "results/tables/judge_summary.csv", "--cores", "2", "--configfile", "judge.yaml"]
    done = project.run(*command)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(project.folder / "results/tables/judge_summary.csv")
    assert table["candidates"].tolist() == [1, 1]
    assert (project.folder / "results/figures/judge.png").stat().st_size > 1000
    path.write_text(yaml.safe_dump({**TINY, "discoveries": {"uniform": {}}}))
    refused = project.run(*command)
    assert refused.returncode != 0
    assert "judge.yaml: discoveries: the judge is tried on a block `uniform`" in refused.stderr
    assert "Traceback" not in refused.stderr

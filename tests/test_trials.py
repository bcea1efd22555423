"""Choosing among expansions: what is held out, what runs, what is compared and what is reported."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import tiny
import yaml
from project import TINY, Project
from safetensors.numpy import load_file

from redress.developer.selection import select_all
from redress.developer.withholding import withhold
from redress.formats.block import Block
from redress.formats.candidates import candidate_name, own_of
from redress.formats.contents import DeletionSet
from redress.formats.errors import DamagedFileError
from redress.formats.measures import measures
from redress.plan import signatures
from redress.plan.checks import ConfigError
from redress.plan.experiment import Experiment
from redress.referee.measuring import measure_all
from redress.referee.statistics import Compared, grid_seconds
from redress.report.tables import candidate_row, rule_rows, selected_row, table_of

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
CUTS = {"near_50": {"use": "neighbours", "recall": 0.5}, "near_90": {"use": "neighbours", "recall": 0.9}}
USES = {"manipulation": "poison", "discovery": "uniform"}
TRIAL = tiny.CELL.having(discovery="uniform.trial")


def with_cuts(expansion, **block):
    config = copy.deepcopy(CONFIG)
    config["expansions"] = CUTS
    config["methods"]["chosen"] = {"use": "cf", "grid": {"steps": [5, 10]}, "expansion": expansion, **block}
    return config


# What is held out


def on_trial(indices, cell=TRIAL, **uses):
    DeletionSet(np.array(indices)).save(cell.having(discovery="uniform"), {})
    counts = withhold(cell, {**USES, **uses}, {})
    return DeletionSet.load(cell)[0], counts


@pytest.mark.parametrize(("size", "expected"), [(1, 0), (4, 0), (5, 1), (9, 1), (12, 2), (36, 7)])
def test_a_fifth_is_held_out_and_nothing_of_less_than_five(size, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = list(range(100, 100 + size))
    trial, counts = on_trial(found)
    assert counts == (expected, size)
    assert len(trial.indices) == size - expected
    if expected:
        assert sorted([*trial.indices, *trial.compared_on]) == found
    else:
        assert trial.indices.tolist() == trial.compared_on.tolist() == found
    assert trial.looked_at.tolist() == trial.compared_on.tolist()


def test_what_is_held_out_follows_from_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = range(50)
    first = on_trial(found)[0].compared_on.tolist()
    assert on_trial(found)[0].compared_on.tolist() == first
    assert on_trial(found, TRIAL.having(maker="other"))[0].compared_on.tolist() == first
    others = [TRIAL.having(seed=9), TRIAL.having(share="1.0")]
    assert all(on_trial(found, cell)[0].compared_on.tolist() != first for cell in others)
    assert on_trial(found, manipulation="interclass")[0].compared_on.tolist() != first


# What runs


def test_every_pair_is_a_candidate_and_runs_where_its_expansion_is():
    experiment = Experiment(with_cuts(["near_50", "none", "near_90"]))
    names = list(experiment.candidates("chosen"))
    expansions = ["near_50", "near_50", "none", "none", "near_90", "near_90"]
    assert names == [f"expansion={one},steps={k}" for one, k in zip(expansions, [5, 10] * 3, strict=True)]
    groups = [group for group in experiment.groups() if group.method == "chosen"]
    assert [name for group in groups for name in group.candidates] == names
    assert all(f"expansion={group.expansion}," in name for group in groups for name in group.candidates)
    assert {group.discoveries for group in groups} == {("uniform", "uniform.trial")}
    assert experiment.trials == ["uniform.trial"]
    (block,) = [one for one in experiment.blocks("standard") if one.method == "chosen"]
    assert Block.from_json(block_as_json(experiment, block)) == block
    cell = next(block.cells(tiny.ORIGINAL))
    assert cell.expansion == "near_50+none+near_90"
    places, trials = list(block.places(cell)), list(block.trials(cell))
    assert [name for _, own in places for name in own] == names == [name for _, own in trials for name in own]
    assert [place.expansion for place, _ in places] == ["near_50", "none", "near_90"]
    assert {place.discovery for place, _ in trials} == {"uniform.trial"}
    assert len({place.having(candidate=one).path("candidate") for place, own in places for one in own}) == 6


def block_as_json(experiment, block):
    told = json.loads(experiment._blocks(tiny.ORIGINAL, [block]))
    return told[0]


@pytest.mark.parametrize("expansion", ["near_50", ["near_50"]])
def test_with_one_expansion_all_is_as_without_a_choice(expansion):
    experiment = Experiment(with_cuts(expansion))
    assert list(experiment.candidates("chosen")) == ["steps=5", "steps=10"]
    assert experiment.trials == []
    (group,) = [one for one in experiment.groups() if one.method == "chosen"]
    assert (group.rule, group.expansion, group.discoveries) == ("unlearn_chosen", "near_50", ("uniform",))
    (block,) = [one for one in experiment.blocks("standard") if one.method == "chosen"]
    assert block == Block("chosen", "uniform", "near_50", block.shares, ("steps=5", "steps=10"))
    cell = next(block.cells(tiny.ORIGINAL))
    assert list(block.places(cell)) == [(cell, block.candidates)]
    assert list(block.trials(cell)) == []


def test_a_choice_beside_them_changes_nothing_that_other_methods_are_told():
    plain, chosen = Experiment(CONFIG), Experiment(with_cuts(["none", "near_90"]))
    for original in plain.originals():
        blocks = list(plain.blocks("standard"))
        assert plain.measure_job(original, blocks, grown=[]) == chosen.measure_job(original, blocks, grown=[])
        for block in blocks:
            for cell in block.cells(original):
                assert plain.unlearn_job(cell) == chosen.unlearn_job(cell)


@pytest.mark.parametrize(
    ("expansion", "said"),
    [
        (["near_50", "near_50"], "methods.chosen.expansion: 'near_50' is given twice"),
        (["near_50", "near_9"], "methods.chosen.expansion: expansions has no block 'near_9'"),
        ([], "methods.chosen.expansion: "),
        (["none", 5], "methods.chosen.expansion[1]: "),
    ],
)
def test_a_choice_among_what_there_is_not_is_refused(expansion, said):
    with pytest.raises(ConfigError) as caught:
        Experiment(with_cuts(expansion))
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_method_cannot_call_a_hyperparameter_as_its_blocks_key(monkeypatch):
    known = signatures.keywords

    def keywords(package, use, function):
        found = known(package, use, function)
        return {**found, "expansion": found["steps"]} if use == "cf" else found

    monkeypatch.setattr(signatures, "keywords", keywords)
    with pytest.raises(ConfigError, match=r"methods\.cf: methods/cf\.py takes a keyword `expansion`, which"):
        Experiment(CONFIG)


def test_a_methods_own_hyperparameters_have_no_expansion():
    assert own_of({"alpha": 1, "expansion": "near"}) == {"alpha": 1}


# What is compared and reported. Samples 3, 7, 4, 8 are S_m, of true classes 0, 1, 1, 2; all are called 0 but
# the first. S_f is 3, 7 and 4, of which 4 is held out.

MEASURES = measures()
OWN = {name: one for name, one in MEASURES.items() if one.owner == "developer"}
NAMES = tuple(candidate_name({"expansion": one}) for one in ("none", "near"))
BLOCK = Block("eu", "uniform", ("none", "near"), ("0.5",), NAMES)
CELL = tiny.CELL.having(method="eu", expansion="none+near")
GOOD, FAIR = [0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 0]
WEIGHTS = {"validation_accuracy": 0.5, "deletion_change": 0.5}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Told of all, both change all of S_f; of what is held out only the grown one changes something."""
    monkeypatch.chdir(tmp_path)
    results = tiny.Results([3, 7, 4, 8], [2, 0, 0, 0], [0, 1, 2, 4], [3, 5, 6])
    results.original(GOOD, unaffected=[0, 2, 0], manipulated=[2, 0, 0, 0], affected=[0, 0, 0, 0])
    for expansion, extra in (("none", []), ("near", [8, 20])):
        whole, trial = (one.having(expansion=expansion) for one in (tiny.CELL, TRIAL))
        results.deletion_set([3, 7, 4, *extra], whole)
        results.deletion_set([3, 7, *extra], trial, compared_on=[4])
    made(results, "none", GOOD, [0, 1, 1])
    made(results, "near", FAIR, [0, 1, 1, 2, 0])
    made(results, "none", GOOD, [0], TRIAL)
    made(results, "near", FAIR, [1], TRIAL)
    return results


def made(results, expansion, validation, deletion, cell=tiny.CELL):
    healed = [0, 1, 1, 2] if expansion == "near" else [0, 1, 1, 0]
    probes = ([0, 2, 0], healed, [0, 1, 2, 1 if expansion == "near" else 0])
    where = cell.having(expansion=expansion)
    results.candidate({"expansion": expansion}, validation, deletion, probes, where)


def selected():
    return select_all(tiny.ORIGINAL, [BLOCK], OWN, WEIGHTS)


def test_what_is_held_out_decides_and_not_what_methods_were_told(results):
    (record,) = selected()
    assert (record["selected"], record["expansion"]) == ("expansion=near", "near")
    assert record["cell"] == CELL.names
    assert record["score"] == pytest.approx((5 / 6 + 1) / 2)
    made(results, "none", GOOD, [2], TRIAL)  # now both change it, and validation accuracy decides
    assert selected()[0]["expansion"] == "none"
    made(results, "near", FAIR, [0, 0, 0, 0, 0])  # what the reported model predicts of S_f is not looked at
    assert selected()[0]["score"] == pytest.approx(1)


@pytest.mark.parametrize("cell", [tiny.CELL, TRIAL])
def test_a_pair_of_which_a_model_diverged_is_not_selected(results, cell):
    made(results, "near", None, (), cell)
    assert selected()[0]["expansion"] == "none"
    (place,) = measured(rules=["equal_weight", "healed_known"])["selected"]
    assert place["rules"] == {"equal_weight": 0, "healed_known": 0}


def test_a_trial_that_was_made_from_another_deletion_set_is_refused(results):
    results.deletion_set([3], TRIAL.having(expansion="near"), compared_on=[4])
    with pytest.raises(DamagedFileError, match=r"uniform\.trial/0\.5/expansion=near\.safetensors: was made"):
        selected()


def measured(**told):
    return measure_all(tiny.ORIGINAL, [BLOCK], MEASURES, selected(), **told)


def test_the_referee_reports_the_model_that_was_told_all_and_names_its_expansion(results):
    done = measured(rules=["equal_weight", "validation_accuracy", "healed_known"])
    assert [one["expansion"] for one in done["candidates"]] == [None, "near"]
    assert [one["removal_train"] for one in done["candidates"]] == [3 / 4, 1]
    assert [one["removal_train_discovered"] for one in done["candidates"]] == [1, 1]
    assert [one["trial_seconds"] for one in done["candidates"]] == [2.0, 2.0]
    (place,) = done["selected"]
    assert (place["first"], place["tried"], place["selected"], place["oracle"]) == (0, 2, 1, 1)
    # Of sample 4, which is a 1, the plain one says 0 and the grown one 1.
    assert place["rules"] == {"equal_weight": 1, "validation_accuracy": 0, "healed_known": 1}
    row = selected_row(place, done["candidates"], list(MEASURES))
    assert (row["expansion"], row["hyperparameters"]) == ("near", '{"expansion": "near"}')
    assert row["score"] == pytest.approx((5 / 6 + 1) / 2)
    by_rule = {row["rule"]: row for row in rule_rows(place, done["candidates"])}
    assert by_rule["validation_accuracy"]["expansion"] is None
    assert by_rule["oracle"]["expansion"] == "near"
    candidates = table_of(candidate_row(one, list(MEASURES)) for one in done["candidates"])
    assert grid_seconds(candidates)["grid_seconds"].tolist() == [2 * 2.0 + 2 * 2.0 + 0.5]
    assert Compared.of(candidates, table_of([row]), ["standard"]).expansions == {"eu": "none+near"}


def test_a_selection_by_other_trials_is_refused(results):
    selections = selected()
    made(results, "none", GOOD, [2], TRIAL)
    with pytest.raises(DamagedFileError, match=r"selection\.json: was made from other candidates"):
        measure_all(tiny.ORIGINAL, [BLOCK], MEASURES, selections)


# All of it


@pytest.mark.slow
def test_a_workflow_that_chooses_among_expansions(tmp_path):
    config = copy.deepcopy(TINY)
    config["datasets"]["digits"]["manipulations"] = {"poison": {"n": [20], "patch_size": 2}}
    ssd = {"use": "ssd", "expansion": ["none", "near_90"], "grid": {"alpha": [1, 10]}}
    config |= {"expansions": CUTS, "deletion_fractions": [0.5], "save_models": "selected"}
    config["methods"] = {"eu": {}, "chosen": ssd}
    project = Project.copy(tmp_path / "project")
    project.configure(config)
    project.snakemake()
    assert project.planned() == {}
    run = project.folder / "results/runs/digits/poison/n20/seed0/standard"
    held_out = load_file(run / "deletion_sets/none/uniform.trial/0.5.safetensors")["compared_on"]
    found = load_file(run / "deletion_sets/none/uniform/0.5.safetensors")["indices"]
    assert len(held_out) == 2 and set(held_out) < set(found)
    for expansion in ("none", "near_90"):
        grown = load_file(run / f"deletion_sets/{expansion}/uniform.trial/0.5.safetensors")
        assert grown["compared_on"].tolist() == held_out.tolist()
        name = f"alpha=1,expansion={expansion}"
        trial = load_file(run / f"unlearn/chosen/uniform.trial/0.5/{name}.safetensors")
        assert len(trial["deletion"]) == 2
        whole = load_file(run / f"unlearn/chosen/uniform/0.5/{name}.safetensors")
        size = len(load_file(run / f"deletion_sets/{expansion}/uniform/0.5.safetensors")["indices"])
        assert len(whole["deletion"]) == size
    selections = json.loads((run / "selection.json").read_text())["selections"]
    (record,) = [one for one in selections if one["cell"]["method"] == "chosen"]
    assert (run / "models/chosen/uniform/0.5.safetensors").exists()
    table = (project.folder / "results/tables/selected.csv").read_text()
    assert f'""expansion"": ""{record["expansion"]}""' in table
    assert project.planned("--forcerun", "withhold")["withhold"] == 1

"""Bounds: who trains on what, and a real run with bounds, all rules, and attacks that failed."""

import copy
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny
from project import TINY, Project

from redress import plugins
from redress.developer.making import make_bound, make_original
from redress.formats import files
from redress.formats.alterations import Overlays, View
from redress.formats.contents import Predictions, Probes, TrainingView, Truth
from redress.formats.identity import Identity
from redress.plan.experiment import Experiment

MANIPULATED = np.array([7, 3, 4])
SAMPLES = np.arange(30)
TRUE = SAMPLES % 3
GIVEN = np.where(np.isin(SAMPLES, MANIPULATED), 0, TRUE)
MARKED = View.altered(
    "train", SAMPLES, Overlays.one(np.ones((1, 16, 16)), np.zeros((1, 16, 16)), 3), MANIPULATED
)


@pytest.fixture
def truth():
    return Truth(MANIPULATED, np.zeros(3, np.int64), TRUE, GIVEN, TRUE[:9], SAMPLES[:4], SAMPLES[4:9], {}, 0)


def trained_on(bound, truth):
    return plugins.load("bounds", bound).train_on(truth, TrainingView(MARKED, GIVEN, labels_in_doubt=True))


def test_without_manipulated_all_of_the_manipulated_set_was_found(truth):
    view, labels, samples = trained_on("without_manipulated", truth)
    assert view is MARKED
    assert sorted([*samples, *MANIPULATED]) == list(SAMPLES)
    assert (labels[samples] == TRUE[samples]).all()


def test_never_manipulated_everything_is_as_it_was(truth):
    view, labels, samples = trained_on("never_manipulated", truth)
    assert (labels == TRUE).all()
    assert list(samples) == list(view.indices) == list(SAMPLES)
    images = tiny.pixels(30)
    assert (view.pictures(images, SAMPLES) == images).all()
    assert not len(view.carried)


@pytest.fixture
def original(tmp_path, monkeypatch):
    """M_o of an adversary that changed nothing, and what it predicts."""
    monkeypatch.chdir(tmp_path)
    tiny.prepare()
    views = View("train", SAMPLES), View("test", np.arange(9))
    TrainingView(views[0], TRUE, labels_in_doubt=True).save(tiny.RUN, {})
    Probes(views).save(tiny.RUN, {})
    uses = {"manipulation": "poison", "maker": "standard"}
    make_original(tiny.ORIGINAL, uses, tiny.SETUP, {}, tiny.PROVENANCE)
    return Predictions.load("predictions", tiny.ORIGINAL)


def predictions_of(view, labels, samples, setup=tiny.SETUP):
    identity = tiny.RUN.having(bound="some")
    told = TrainingView(view, labels, labels_in_doubt=True)
    uses = {"manipulation": "poison"}
    make_bound(identity, uses, setup, told, samples, {"truth": "its seal"}, tiny.PROVENANCE)
    return Predictions.load("bound", identity)


def test_where_nothing_was_manipulated_a_bound_is_the_original(original):
    same = predictions_of(View("train", SAMPLES), TRUE, SAMPLES)
    assert all(np.array_equal(*pair) for pair in zip(same.probes, original.probes, strict=True))
    assert np.array_equal(same.validation, original.validation)
    assert len(same.deletion) == 0
    assert same.about["made_from"] == {
        **{kind: original.about["made_from"][kind] for kind in ("pictures", "training_set", "probes")},
        "truth": "its seal",
    }


def test_a_bound_learns_what_it_is_told_of(original):
    longer = replace(tiny.SETUP, recipe=replace(tiny.SETUP.recipe, steps=60))
    other = predictions_of(View("train", SAMPLES), np.ones(30, np.int64), SAMPLES[:9], longer)
    assert set(other.probes[0]) == {1}


def test_what_a_bound_is_made_by_depends_on_nothing_else():
    def told(**changes):
        experiment = Experiment({**TINY, "bounds": ["never_manipulated"], **changes})
        one = next(experiment.originals()).run.having(bound="never_manipulated")
        return experiment.bound_job(one), experiment.sources("bound", "digits", bounds="never_manipulated")

    assert told() == told(selection_rule="constraint", deletion_fractions=[1.0])
    assert told() == told(originals={"other": {"use": "etd"}})
    assert told()[0] != told(threads=2)[0]


# The real snakemake

BOUNDS = ["without_manipulated", "never_manipulated"]
RUN = Identity("digits", "poison", 20, 0)
ORIGINAL = RUN.having(maker="standard")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A run in which the poison, whose mark is one pixel, does no harm; confusion after more steps does."""
    folder = tmp_path_factory.mktemp("bounds") / "project"
    project = Project.copy(folder)
    config = copy.deepcopy(TINY)
    config |= {"bounds": BOUNDS, "deletion_fractions": [1.0]}
    config["methods"] = {name: config["methods"][name] for name in ("eu", "ssd")}
    digits = config["datasets"]["digits"]
    digits["recipe"] |= {"steps": 120}
    digits["manipulations"] = {
        "poison": {"n": [20], "patch_size": 1},
        "interclass": {"n": [120], "classes": [3, 8]},
    }
    project.configure(config)
    project.snakemake()
    return project, config


def table(project, name):
    return pd.read_csv(project.folder / f"results/tables/{name}.csv")


@pytest.mark.slow
@pytest.mark.xdist_group("bounds")
def test_bounds_rules_and_failed_attacks_are_in_the_tables(project):
    project, _ = project
    attacks = {"poison": "failed", "interclass": "took"}
    for name in ("candidates", "selected", "bounds", "rules"):
        rows = table(project, name)
        assert (rows["attack"] == rows["manipulation"].map(attacks)).all(), name
    bounds = table(project, "bounds").set_index(["manipulation", "bound"])
    assert list(bounds.index) == [(one, bound) for one in attacks for bound in BOUNDS]
    originals = table(project, "candidates").query("method == 'original'").set_index("manipulation")
    healed = bounds.loc[("interclass", "never_manipulated"), "removal_train"]
    assert healed > originals.loc["interclass", "removal_train"]
    assert bounds[["deletion_change", "removal_train_undiscovered"]].isna().all(axis=None)

    cell = ["manipulation", "method", "deletion_fraction"]
    selected, rules = table(project, "selected").set_index(cell), table(project, "rules")
    own = rules.query("rule == 'equal_weight'").set_index(cell)
    shared = ["hyperparameters", "validation_accuracy", "deletion_change", "removal_test", "utility_test"]
    pd.testing.assert_frame_equal(own[shared], selected[shared])
    oracle = rules.query("rule == 'oracle'").set_index(cell)
    assert (oracle["removal_test"] == selected["oracle_removal_test"]).all()
    candidates = table(project, "candidates").query("method != 'original'")
    product = (candidates["utility_test"] * candidates["removal_train"]).groupby(
        [candidates[key] for key in cell]
    )
    best = product.max().rename("best")
    rules = rules.join(best, on=cell)
    np.testing.assert_allclose(rules["regret"], rules["best"] - rules["utility_times_healed"], atol=1e-12)

    summary = table(project, "summary")
    poison = summary.query("manipulation == 'poison'")
    assert poison["failed_seeds"].eq(1).all()
    assert poison["mean"].isna().all()
    (share,) = summary.query(
        "manipulation == 'interclass' and method == 'eu' and measure == 'share_of_bound'"
    )["mean"]
    eu = selected.loc[("interclass", "eu", 1.0)]
    bound = bounds.loc[("interclass", "without_manipulated")]
    products = [one["utility_test"] * one["removal_train"] for one in (eu, bound)]
    assert share == pytest.approx(products[0] / products[1])


@pytest.mark.slow
@pytest.mark.xdist_group("bounds")
def test_bounds_come_and_go_with_the_config_and_are_checked_like_other_results(project, tmp_path):
    project, config = project[0].duplicate(tmp_path / "project"), copy.deepcopy(project[1])
    assert project.planned() == {}
    measured = {"measure": 1, "collect": 1, "summarise": 1, "plot": 1, "page": 1}
    one, other = (project.folder / RUN.having(bound=bound).path("bound") for bound in BOUNDS)
    # Without records another bound's file in its place is noticed all the same.
    shutil.copytree(project.folder / ".snakemake", tmp_path / "records")
    shutil.rmtree(project.folder / ".snakemake")
    whole = one.read_bytes()
    one.write_bytes(other.read_bytes())
    assert project.planned() == {"bound": 1, **measured}
    one.write_bytes(whole)
    shutil.rmtree(project.folder / ".snakemake")
    shutil.move(tmp_path / "records", project.folder / ".snakemake")

    # A bound that fails takes no other results off the page.
    plugin = project.folder / "workflow/scripts/redress/plugins/bounds/never_manipulated.py"
    working = plugin.read_text()
    plugin.write_text(working + "\n\ndef train_on(truth, training):\n    raise ValueError('not today')\n")
    done = project.run("snakemake", "--cores", "2", "--keep-going")
    assert "2 results are missing" in done.stderr
    incomplete = project.folder / "results/incomplete"
    assert set(pd.read_csv(incomplete / "missing.csv")["method"]) == {"never_manipulated"}
    assert list(pd.read_csv(incomplete / "bounds.csv")["bound"]) == ["without_manipulated"] * 2
    assert "the bound never_manipulated" in (incomplete / "report.html").read_text()
    plugin.write_text(working)

    del config["bounds"]
    config["selection_rule"] = "constraint"
    project.configure(config)
    project.snakemake()
    assert not (project.folder / "results/tables/bounds.csv").exists()
    assert not table(project, "summary")["measure"].str.startswith("share_of_bound").any()
    rules = table(project, "rules").query("rule == 'constraint'").reset_index(drop=True)
    pd.testing.assert_series_equal(table(project, "selected")["hyperparameters"], rules["hyperparameters"])
    (one, *_) = files.read_json(project.folder / ORIGINAL.path("selection"), ORIGINAL)["selections"]
    assert (one["rule"], json.loads(rules["hyperparameters"][0])) == ("constraint", {})
    assert project.planned() == {}

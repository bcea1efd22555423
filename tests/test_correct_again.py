"""Corrections that run out of time, that fail, that are changed: the real snakemake, a tiny network."""

import json
import shutil

import brought
import pytest
import yaml
from project import Project
from safetensors import safe_open

pytestmark = pytest.mark.slow

METHODS = {
    "cf": {"grid": {"steps": [1, 2]}, "candidates_per_job": 2},
    "npo": {"grid": {"steps": 2}},
    "badt": {"grid": {"steps": 3000}},
}
BROKEN = """
from torch import nn

from redress.developer.task import Task


def unlearn(task: Task, *, depth: int = 3) -> nn.Module:
    raise ValueError(f"there is no layer {depth}")
"""


def configure(project, methods=METHODS, **block):
    config = {
        **brought.config(**{"judge": {"folds": 2}, "suspects": {"number": 0}, **block}),
        "methods": methods,
    }
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(config))


def correct(project):
    return project.run("snakemake", "correct", "--cores", "2", "--configfile", "mine.yaml")


def planned(project):
    return project.planned("correct", "--configfile", "mine.yaml")


def content(project, name):
    return json.loads((project.folder / "results/corrections/mine" / name).read_text())


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    """A project with a correction that had twelve seconds, of which the example's network needs few."""
    project = Project.copy(tmp_path_factory.mktemp("again"))
    brought.bring(project.folder)
    configure(project, search={"minutes": 0.2})
    done = correct(project)
    assert done.returncode == 0, done.stderr
    return project


def test_a_budget_is_kept_and_what_does_not_fit_is_listed_and_stays_out(corrected):
    kept = content(corrected, "afforded.json")
    assert {method for method, _ in kept["candidates"]} == {"cf", "npo"}
    verdict, parts = content(corrected, "verdict.json"), content(corrected, "shortlist.json")["parts"]
    assert {key: value for key, value in verdict["left_out"][0].items() if key != "why"} == {
        "method": "badt",
        "hyperparameters": {"steps": 3000},
    }
    assert all(len(folds) <= 2 for _, _, folds in parts)
    page = (corrected.folder / "results/corrections/mine/report.html").read_text()
    assert "(steps = 3000): not run: its job would take about" in page
    table = (corrected.folder / "results/corrections/mine/candidates.csv").read_text()
    assert 'badt,"{""steps"": 3000}",' in table
    assert planned(corrected) == {}


def test_without_records_nothing_runs_again_but_what_was_changed_or_made_otherwise(corrected, tmp_path):
    project = corrected.duplicate(tmp_path / "project")
    shutil.rmtree(project.folder / ".snakemake")
    assert planned(project) == {}
    with (project.folder / "results/corrections/mine/report.html").open("a") as page:
        page.write("cut")
    assert planned(project) == {"judge": 1, "correct": 1}
    configure(project, {**METHODS, "npo": {"grid": {"steps": 3}}}, search={"minutes": 0.2})
    assert planned(project).keys() >= {"afford"}


def test_a_candidate_that_fails_stops_no_other_and_the_page_says_why(corrected, tmp_path):
    project = corrected.duplicate(tmp_path / "project")
    plugin = project.folder / "workflow/scripts/redress/plugins/methods/broken.py"
    plugin.write_text(BROKEN)
    methods = {"broken": {}, "cf": METHODS["cf"], "npo": {"grid": {"steps": 4}}}
    configure(project, methods)
    done = correct(project)
    assert done.returncode == 1
    assert "mine: results/incomplete/mine/report.html shows what is finished, and what failed" in done.stderr
    *_, why, log = done.stderr.splitlines()
    assert why == "error: ValueError: there is no layer 3"
    assert log.startswith("  log: results/logs/mine/")
    page = (project.folder / "results/incomplete/mine/report.html").read_text()
    assert "broken, 1 result: failed: ValueError: there is no layer 3 (results/logs/mine/" in page
    assert "This correction is not finished" in page
    assert "steps = 4" in page  # npo has run nevertheless
    old = (project.folder / "results/corrections/mine/report.html").read_text()
    assert "This page is of an earlier run; it is to be made again since" in old
    del methods["broken"]
    configure(project, methods)
    assert "unlearn_npo" not in planned(project)
    assert correct(project).returncode == 0
    assert not (project.folder / "results/incomplete").exists()
    new = (project.folder / "results/corrections/mine/report.html").read_text()
    assert "earlier run" not in new


def test_of_few_bad_samples_the_weights_are_there_and_nobody_judged_them(tmp_path):
    project = Project.copy(tmp_path)
    brought.bring(tmp_path)
    listed = [[f"red/{number:02}.png"] for number in range(5)]
    brought.write_csv(tmp_path / "bad.csv", ["id"], listed)
    configure(project, {"npo": {"grid": {"steps": 200, "learning_rate": 1}}}, judge={"utility_tolerance": 1})
    done = correct(project)
    assert done.returncode == 0, done.stderr
    verdict = content(project, "verdict.json")
    assert (verdict["status"], verdict["weights"]) == ("cannot be judged", "unjudged")
    with safe_open(tmp_path / "results/corrections/mine/repaired.safetensors", framework="numpy") as file:
        assert file.metadata()["status"] == "cannot be judged"
        assert {*file.keys()} == {"head.weight", "head.bias"}
    assert "Nobody could judge" in (tmp_path / "results/corrections/mine/MODEL_CARD.md").read_text()

"""What was looked at before any work on somebody's model, as people read it."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from brought import bring, config
from project import Project

from redress.brought.checking import NAMED, looked_at
from redress.formats import files
from redress.formats.identity import Identity

MINE = Identity("mine")
FOUND = [
    {"about": "accuracy", "well": True, "found": "0.910, as expected"},
    {"about": "memory", "well": False, "found": "little"},
]
BROUGHT = {"folder": "train"}, ["dark", "green", "red"]


def noted(near=(), copies=(), fine=(), both=(), told=10):
    """All checks of a case of which this was found, by what they are about."""
    files.write_json(MINE.path("checks"), {"checks": FOUND, "near_copies": near}, MINE)
    notes = {"copies": copies, "probably_fine": fine, "in_both": both}
    notes |= {"bad": 10, "bad_with_true_label": told}
    files.write_json(MINE.path("notes"), notes, MINE)
    return {one.about: (one.well, one.found) for one in looked_at(MINE, *BROUGHT)}


@pytest.mark.usefixtures("here")
def test_what_was_found_by_the_model_and_by_the_lists_stands_together():
    found = noted()
    assert list(found) == [
        *("accuracy", "memory", "near copies of bad samples", "copies of bad samples"),
        *("bad samples that are probably fine", "validation pictures"),
    ]
    assert found["accuracy"] == (True, "0.910, as expected")
    assert found["memory"] == (False, "little")
    assert all(well for about, (well, _) in found.items() if about != "memory")


@pytest.mark.usefixtures("here")
def test_what_is_doubtful_in_the_lists_is_named():
    found = noted([[13, 24]], ["a: a copy of b, which is on the list"], ["red/01.png"], ["green/01.png"])
    assert found["near copies of bad samples"] == (
        False,
        "green/01.png is nearly red/00.png; look at them, they are not on the list",
    )
    assert found["copies of bad samples"] == (
        False,
        "a: a copy of b, which is on the list; put those that are bad on the list",
    )
    why = "1 of 10 bad samples: their true label is the one they were trained with: red/01.png"
    assert found["bad samples that are probably fine"] == (False, why)
    assert found["validation pictures"][1].startswith(
        "1 are training pictures, to the pixel, such as green/01.png: what is right about them"
    )
    many = noted([[number % 24, 24 + number % 12] for number in range(NAMED + 3)])
    assert " and 3 more; look at them" in many["near copies of bad samples"][1]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (10, (True, "none")),
        (4, (True, "none of 4 with a true label, of 10 bad samples")),
        (0, (False, "cannot be told without true labels; give those that you know")),
    ],
)
def test_whether_bad_samples_are_fine_is_told_as_far_as_true_labels_are_known(told, expected):
    assert noted(told=told)["bad samples that are probably fine"] == expected


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with what somebody brings; a validation picture is a training one in another file."""
    project = Project.copy(tmp_path_factory.mktemp("checked") / "project")
    bring(project.folder)
    content = (project.folder / "train/green/05.png").read_bytes()
    (project.folder / "validation/green/01.png").write_bytes(content)
    mine = config(
        judge={"folds": 2, "shortlist": 1}, expect={"validation_accuracy": 1.0}, suspects={"number": 0}
    )
    mine["corrections"]["another"] = mine["corrections"]["mine"]
    mine["methods"] = {"npo": {"grid": {"steps": 2}}}
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(mine))
    return project


def told(project, *arguments):
    """What a run says of its results."""
    done = project.snakemake(*arguments, "--configfile", "mine.yaml")
    return done.stdout.splitlines()


def checks_of(case):
    """Where they are."""
    return f"results/corrections/{case}/checks.txt"


def test_check_ends_with_a_line_for_each_check_whether_or_not_it_had_to_run(project):
    lines = told(project, "check")
    expected = []
    for case in ("another", "mine"):
        listed = (project.folder / checks_of(case)).read_text(encoding="utf-8").splitlines()
        expected += [f"{case}:", *listed, checks_of(case)]
    assert lines == expected
    assert {line.split(": ")[0] for line in listed} == {"ok", "look"}
    assert "ok: accuracy: 1.000 on 30 validation pictures, as expected" in listed
    fine, both = [line for line in listed if not line.startswith("ok: ")]
    assert fine.startswith("look: bad samples that are probably fine: cannot be told without true labels")
    assert both.startswith("look: validation pictures: 1 are training pictures, to the pixel")
    assert told(project, "check") == lines
    dry = told(project, "check", "--dry-run")
    assert not set(lines) & set(dry)


@pytest.mark.slow
def test_checks_that_are_to_be_made_again_and_fail_leave_none_of_before(project, tmp_path):
    told(project, "check")
    again = project.duplicate(tmp_path / "again")
    mine = yaml.safe_load((again.folder / "mine.yaml").read_text())
    mine["corrections"]["mine"] = {**mine["corrections"]["mine"], "expect": {"validation_accuracy": 0.2}}
    (again.folder / "mine.yaml").write_text(yaml.safe_dump(mine))
    done = again.run("snakemake", "check", "--cores", "2", "--configfile", "mine.yaml")
    assert done.returncode == 1
    assert f"{checks_of('mine')}: removed, for it is of an earlier run" in done.stderr
    assert not (again.folder / checks_of("mine")).exists()
    assert (again.folder / checks_of("another")).exists()
    assert "interrupted" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_a_run_is_told_that_the_same_command_goes_on(project, tmp_path, kind):
    again = project.duplicate(tmp_path / "again")
    shutil.rmtree(again.folder / "results", ignore_errors=True)
    command = ["snakemake", "check", "--cores", "1", "--configfile", "mine.yaml"]
    run = again.start(
        *command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for line in run.stderr:
        if "Execute 1 jobs" in line:
            break
    time.sleep(1)  # now it waits for the job; in the midst of choosing one it says something else
    os.killpg(run.pid, kind)
    *_, last = run.communicate(timeout=120)[1].splitlines()
    assert run.returncode != 0
    assert last == "interrupted: the same command goes on"
    assert again.run(*command).returncode == 0


@pytest.mark.slow
def test_correct_ends_with_the_verdict_and_the_page(project):
    lines = told(project, "correct")
    results = project.folder / "results/corrections"
    expected = []
    for case in ("another", "mine"):
        sentence = json.loads((results / case / "verdict.json").read_text())["sentence"]
        expected += [f"{case}: {sentence}", f"results/corrections/{case}/report.html"]
        assert Path(project.folder, expected[-1]).is_file()
        assert "accuracy" in (results / case / "checks.txt").read_text()
    assert lines == expected
    assert told(project, "correct") == expected
    (project.folder / checks_of("mine")).write_text("ok: all is well\n")
    assert project.planned("correct", "--configfile", "mine.yaml").keys() >= {"write_checks"}
    assert not set(expected) & set(told(project, "correct", "--dry-run"))

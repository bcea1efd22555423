"""What goes wrong in the middle of a correction of somebody's own model."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from brought import bring, config
from kills import PATIENCE, working_in
from project import Project

METHODS = {name: {"grid": {"steps": 3}} for name in ("npo", "delete")}


@pytest.fixture
def project(tmp_path):
    """A project with what somebody brings."""
    project = Project.copy(tmp_path / "project")
    bring(project.folder)
    mine = yaml.safe_dump({**config(judge={"folds": 2, "shortlist": 2}), "methods": METHODS})
    (project.folder / "mine.yaml").write_text(mine)
    return project


def test_weights_that_do_not_fit_are_told_before_pictures_are_decoded_and_in_the_last_lines(project):
    weights = project.folder / "weights.pt"
    torch.save({"net": torch.load(weights), "epoch": 3}, weights)
    failed = project.run("snakemake", "check", "--cores", "1", "--configfile", "mine.yaml")
    assert failed.returncode == 1
    *_, why, log = failed.stderr.splitlines()
    assert why.endswith("'net' holds the network's: say so with weights_key: net")
    assert log == "  log: results/logs/mine/ingest.log"
    assert not list((project.folder / "results").glob("data/*"))


@pytest.mark.slow
def test_other_weights_decode_no_picture_again(project):
    project.snakemake("check", "--configfile", "mine.yaml")
    other = config(model={"factory": "net.py:Pair", "weights": "other.pt"}, judge={"folds": 2})
    (project.folder / "mine.yaml").write_text(yaml.safe_dump({**other, "methods": METHODS}))
    (project.folder / "weights.pt").rename(project.folder / "other.pt")
    planned = project.planned("check", "--configfile", "mine.yaml")
    assert planned == {"probe_mine": 1, "write_checks": 1, "check": 1}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_picture_that_cannot_be_read_is_named_before_any_work_and_a_killed_run_goes_on(project):
    picture = project.folder / "train/red/05.png"
    content = picture.read_bytes()
    picture.write_bytes(content[: len(content) // 2])
    failed = project.run("snakemake", "correct", "--cores", "2", "--configfile", "mine.yaml")
    assert failed.returncode == 1
    *_, why, log = failed.stderr.splitlines()
    assert why.startswith("error: 1 files cannot be read as pictures: train/red/05.png; mend")
    assert log == "  log: results/logs/mine/ingest.log"
    assert not list((project.folder / "results").glob("data/mine*"))
    picture.write_bytes(content)
    command = ["snakemake", "correct", "--cores", "2", "--configfile", "mine.yaml"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    killed = project.start(*command, **silent, start_new_session=True)
    end = time.monotonic() + PATIENCE
    while not (project.folder / "results/corrections/mine/shortlist.json").exists():
        assert killed.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    while working_in(project.folder):  # the server of jobs notices by itself
        assert time.monotonic() < end
        time.sleep(0.1)
    results = project.folder / "results"
    assert not (results / "corrections/mine/verdict.json").exists()
    project.snakemake("--unlock", "--configfile", "mine.yaml")
    planned = project.planned("correct", "--configfile", "mine.yaml")
    assert not {"ingest_mine", "folds_mine", "probe_mine"} & planned.keys()
    project.snakemake("correct", "--configfile", "mine.yaml")
    assert json.loads((results / "corrections/mine/verdict.json").read_text())["status"]
    assert project.planned("correct", "--configfile", "mine.yaml") == {}

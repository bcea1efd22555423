"""What goes wrong outside the code: full disks, second runs, diverging methods, damaged and hostile files."""

import json
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from kills import TIMINGS, config
from PIL import Image
from project import COLUMNS, Project

from redress.formats.identity import Identity

MEASURED = COLUMNS[COLUMNS.index("validation_accuracy") : COLUMNS.index("unlearn_seconds")]
FIGURES = [
    f"figures/{name}.{ending}"
    for name in ("figure2_poison_removal", "figure3_poison_utility", "figure6_poison_manipulated")
    for ending in ("pdf", "png")
]
WHO = Identity("digits", "poison", 20, 0, "standard", "uniform", "0.5", "none", "cf", "steps=4")


def printed(done):
    return done.stdout + done.stderr


def new_project(folder, methods=None, plugins=(), steps=None):
    """A project with a small config; `plugins` are (path below plugins/, source) of its own.

    With so many `steps` the poison takes: before that there is nothing to draw of methods.
    """
    project, small = Project.copy(folder), config()
    if steps is not None:
        small["datasets"]["digits"]["recipe"] |= {"steps": steps, "precision": "float32"}
        small["datasets"]["digits"]["manipulations"]["poison"]["n"] = [60]
    if methods is not None:
        small["methods"] = methods
    for path, source in plugins:
        (project.folder / f"workflow/scripts/redress/plugins/{path}.py").write_text(source)
    project.configure(small)
    return project


def failed(project, *arguments, cores=1):
    """The output of a run that must fail."""
    done = project.run("snakemake", "--cores", str(cores), *arguments)
    assert done.returncode != 0, printed(done)
    return printed(done)


def hidden_files(project):
    return [path for path in (project.folder / "results").rglob(".*") if path.is_file()]


def rows(project, name):
    return pd.read_csv(project.folder / f"results/tables/{name}.csv")


# A full disk


class SmallDisk:
    """A file system of its own for the results of a project."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)

    def mount(self, options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    def leave(self, kib):
        """Leave that much room."""
        about = os.statvfs(self.folder)
        used = (about.f_blocks - about.f_bfree) * about.f_frsize // 1024
        self.mount(f"remount,size={used + kib}k")


@pytest.fixture
def disk(tmp_path):
    if shutil.which("mount") is None or sys.platform != "linux":
        pytest.skip("no tmpfs to mount")
    disk = SmallDisk(tmp_path / "project/results")
    disk.mount("size=300k")
    yield disk
    subprocess.run(["umount", str(disk.folder)], check=True)


def assert_says_the_disk_is_full(project, output, log):
    text = (project.folder / log).read_text()
    assert "No space left on device" in text
    assert f"Logfile {log}" in output
    assert "No space left on device" in output


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_same_command_goes_on_when_there_is_room(disk, tmp_path, finished):
    project = new_project(tmp_path / "project")
    prepared = project.folder / "results/data/digits.safetensors"
    assert_says_the_disk_is_full(project, failed(project, cores=2), "results/logs/digits/prepare.log")
    assert not prepared.exists()
    assert hidden_files(project) == []
    disk.mount("remount,size=2m")
    project.snakemake(WHO.path("original"), WHO.path("deletion_set"))
    of_all = WHO.original.having(importance="fisher_batch", over="training_set").path("importance")
    for kib, target in ((24, of_all), (4, WHO.path("candidate"))):
        disk.leave(kib)
        output = failed(project, target)
        log = target.replace("results/runs", "results/logs").replace(".safetensors", ".log")
        assert_says_the_disk_is_full(project, output, log)
        assert not (project.folder / target).exists()
        assert hidden_files(project) == []
    disk.mount("remount,size=20m")
    project.snakemake()
    for name in ("candidates", "selected"):
        there = rows(finished, name)
        there = there[(there["manipulation"] == "poison") & there["method"].isin(["original", "cf", "ssd"])]
        pairs = (one.drop(columns=TIMINGS) for one in (rows(project, name), there.reset_index(drop=True)))
        pd.testing.assert_frame_equal(*pairs, check_exact=True)


# Two runs in one folder

SLOW = """
import time
from pathlib import Path

from redress.developer.task import Task


def unlearn(task: Task):
    Path("slow").touch()
    while not Path("go").exists():
        time.sleep(0.05)
    return task.original
"""


@pytest.mark.slow
def test_a_second_run_in_a_folder_is_refused_and_the_first_goes_on(tmp_path):
    project = new_project(tmp_path / "project", {"slow": {}}, [("methods/slow", SLOW)])
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = project.start("snakemake", "--cores", "1", **silent)
    try:
        end = time.monotonic() + 300
        while not (project.folder / "slow").exists():
            assert time.monotonic() < end
            assert first.poll() is None
            time.sleep(0.1)
        second = failed(project)
        assert "cannot be locked" in second
        assert "no other Snakemake process" in second
        assert "Traceback" not in second
        assert first.poll() is None
    finally:
        (project.folder / "go").touch()
        code = first.wait(300)
    assert code == 0
    assert project.planned() == {}


# Candidates that diverge

NAN = """
import torch

from redress.developer.task import Task


def unlearn(task: Task, *, broken: bool):
    if broken:
        with torch.no_grad():
            for parameter in task.original.parameters():
                parameter.fill_(float("nan"))
    return task.original
"""


def assert_figures_can_be_opened(project):
    for figure in FIGURES:
        path = project.folder / "results" / figure
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF-")
        else:
            assert np.asarray(Image.open(path)).std() > 5


def colour_in(project, figure, colour):
    pixels = np.asarray(Image.open(project.folder / "results" / figure).convert("RGB"), dtype=int)
    return (np.abs(pixels - np.array(matplotlib.colors.to_rgb(colour)) * 255).max(axis=2) < 6).sum()


@pytest.mark.slow
def test_a_diverged_candidate_is_recorded_and_not_selected(tmp_path):
    methods = {
        "partly": {"grid": {"broken": [True, False]}, "style": {"color": "#0072B2"}},
        "wholly": {"grid": {"broken": True}, "style": {"color": "#E69F00"}},
        "scrub": {
            "grid": {"alpha": [0.1, 1e30], "learning_rate": [0.0025, 1e30], "steps": 60, "ascent_steps": 2},
            "candidates_per_job": 4,
            "style": {"color": "#009E73"},
        },
    }
    project = new_project(
        tmp_path / "project", methods, [("methods/partly", NAN), ("methods/wholly", NAN)], 200
    )
    project.snakemake()

    candidates = rows(project, "candidates").query("method != 'original'")
    assert len(candidates) == 2 * (2 + 1 + 4)
    given = candidates["hyperparameters"].map(json.loads)
    enormous = given.map(lambda one: one.get("broken", False) or 1e30 in one.values())
    for figure in MEASURED[:4]:
        assert (candidates[figure].isna() == enormous).all(), candidates[enormous]
    assert candidates.loc[enormous, MEASURED].isna().all(axis=None)
    assert candidates["unlearn_seconds"].notna().all()

    selected = rows(project, "selected").set_index("method")
    assert len(selected) == 2 * 3
    assert set(selected.loc["partly", "hyperparameters"]) == {'{"broken": false}'}
    assert set(selected.loc["scrub", "hyperparameters"].map(json.loads).map(lambda one: one["alpha"])) == {
        0.1
    }
    named = selected.drop(index="wholly")
    assert named[["score", "validation_accuracy", "oracle_removal_test"]].notna().all(axis=None)
    empty = ["hyperparameters", "score", "oracle_removal_test", *MEASURED]
    assert selected.loc["wholly", empty].isna().all(axis=None)

    times = rows(project, "times").set_index("method")["candidates"]
    assert times.to_dict() == {"partly": 2, "scrub": 2}
    assert_figures_can_be_opened(project)
    colours = [methods[name]["style"]["color"] for name in ("wholly", "partly")]
    lost, drawn = (colour_in(project, FIGURES[1], colour) for colour in colours)
    assert 0 < lost < drawn  # of a method without a finite candidate only the legend's entry


@pytest.mark.slow
def test_a_method_all_of_whose_candidates_diverge_has_tables_and_figures(tmp_path):
    project = new_project(
        tmp_path / "project", {"wholly": {"grid": {"broken": True}}}, [("methods/wholly", NAN)]
    )
    project.snakemake()
    assert rows(project, "candidates").query("method == 'wholly'")[MEASURED].isna().all(axis=None)
    assert rows(project, "selected")[["score", *MEASURED]].isna().all(axis=None)
    assert rows(project, "times").empty
    assert_figures_can_be_opened(project)
    assert "Warning" not in (project.folder / "results/logs/plot.log").read_text()


# Damaged and hostile files


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


def truncated(content):
    return content[: len(content) // 2]


def with_a_flipped_bit(content):
    place = len(content) * 2 // 3
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def pickled(content):
    return pickle.dumps(Trap())


def replace_unnoticed(path, content):
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def assert_refused(project, damaged, consumer, *options):
    """The job that makes `consumer` fails with one line that names `damaged`, which is returned."""
    (project.folder / consumer).unlink(missing_ok=True)
    output = failed(project, consumer, *options)
    (log,) = re.findall(r"^Logfile (\S+):$", output, flags=re.MULTILINE)
    text = (project.folder / log).read_text()
    assert text in output
    line = text.splitlines()[-1]
    assert line.startswith(f"error: {damaged}: ")
    assert {one for one in output.splitlines() if "rebuild it with" in one} == {line}
    assert "Traceback" not in text
    return line


DOUBTED = """
import numpy as np

from redress.formats.contents import Truth


def discover(truth: Truth, share: float, generator: np.random.Generator, *, margins: np.ndarray):
    found = truth.manipulated[: round(share * len(truth.manipulated))]
    return found[np.argsort(margins[found].mean(axis=1), kind="stable")]
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "consumer", "damages"),
    [
        ("candidate", WHO.path("selection"), [truncated, with_a_flipped_bit, pickled]),
        ("selection", WHO.path("measures"), [truncated, with_a_flipped_bit, pickled]),
        ("truth", WHO.path("measures"), [truncated]),
        ("predictions", WHO.path("measures"), [with_a_flipped_bit]),
        ("training_log", WHO.having(discovery="doubted").path("deletion_set"), [truncated]),
        ("measures", "results/tables/selected.csv", [with_a_flipped_bit]),
    ],
    ids=["candidate", "selection", "truth", "predictions", "training_log", "measures"],
)
def test_a_damaged_file_is_named_with_the_command_that_rebuilds_it(changed, kind, consumer, damages):
    project, small = changed
    if kind == "training_log":  # which nothing else reads
        (project.folder / "workflow/scripts/redress/plugins/discoveries/doubted.py").write_text(DOUBTED)
        project.configure({**small, "discoveries": {"uniform": {}, "doubted": {}}})
    (project.folder / "config.yaml").rename(project.folder / "my own.yaml")
    mine = ["--configfile", "my own.yaml"]
    damaged = WHO.path(kind)
    whole = (project.folder / damaged).read_bytes()
    command = shlex.join(
        ["snakemake", "--cores", "1", damaged, "--configfile", f"{project.folder}/my own.yaml"]
    )
    for damage in damages:
        replace_unnoticed(project.folder / damaged, damage(whole))
        line = assert_refused(project, damaged, consumer, *mine)
        assert line.endswith(f"; delete it and rebuild it with: {command}")
        assert list(project.folder.rglob("sprung")) == []
    (project.folder / damaged).unlink()
    done = project.run(*shlex.split(command))
    assert done.returncode == 0, printed(done)
    project.snakemake(consumer, *mine)


@pytest.mark.slow
def test_a_sound_record_of_another_seed_is_not_taken_for_this_ones(changed):
    project, small = changed
    project.configure({**small, "seeds": [0, 1], "methods": {"cf": small["methods"]["cf"]}})
    other = WHO.having(seed=1)
    project.snakemake(other.path("candidate"), WHO.path("candidate"))
    for kind, consumer in (("truth", "deletion_set"), ("original", "candidate"), ("candidate", "selection")):
        mine, theirs = (project.folder / who.path(kind) for who in (other, WHO))
        whole = mine.read_bytes()
        replace_unnoticed(mine, theirs.read_bytes())
        line = assert_refused(project, other.path(kind), other.path(consumer))
        assert ": belongs to another result: seed 0, not 1; delete it" in line
        replace_unnoticed(mine, whole)
        project.snakemake(other.path(consumer))

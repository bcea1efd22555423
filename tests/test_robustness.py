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
from kills import assert_same_tables, config
from PIL import Image
from project import COLUMNS, Project

pytestmark = pytest.mark.pipeline

RUN = "results/runs/digits/poison/n20/seed0"
MEASURED = COLUMNS[9:17]
FIGURES = [
    f"figures/{name}.{ending}"
    for name in ("figure2_poison_removal", "figure3_poison_utility", "figure6_poison_manipulated")
    for ending in ("pdf", "png")
]
TABLES = [f"tables/{name}.csv" for name in ("candidates", "selected", "times")]


def printed(done):
    return done.stdout + done.stderr


def new_project(folder, methods=None, plugins=()):
    """A project with a small config; `plugins` are (name, source) of methods of its own."""
    project, small = Project.copy(folder), config()
    if methods is not None:
        small["methods"] = methods
    for name, source in plugins:
        (project.folder / f"workflow/scripts/methods/{name}.py").write_text(source)
    project.configure(small)
    return project


def failed(project, *arguments, cores=1):
    """The output of a run that must fail."""
    done = project.run("snakemake", "--cores", str(cores), *arguments)
    assert done.returncode != 0, printed(done)
    return printed(done)


def hidden_files(project):
    return [path for path in (project.folder / "results").rglob(".*") if path.is_file()]


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A project that has run to its end. Not to be changed."""
    project = new_project(tmp_path_factory.mktemp("complete"))
    project.snakemake()
    return project


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


def test_a_full_disk_is_named_and_the_same_command_goes_on_when_there_is_room(disk, tmp_path, complete):
    project = new_project(tmp_path / "project")
    prepared = project.folder / "results/data/digits.safetensors"
    assert_says_the_disk_is_full(project, failed(project, cores=2), "results/logs/digits/prepare.log")
    assert not prepared.exists()
    assert hidden_files(project) == []
    disk.mount("remount,size=2m")
    project.snakemake(f"{RUN}/original.safetensors")
    logs = RUN.replace("runs", "logs")
    for kib, target, log in (
        (24, "importance/fisher_batch/training_set.safetensors", "importance/fisher_batch/training_set.log"),
        (4, "unlearn/cf/0.5/steps=4.json", "unlearn/cf/0.5/steps=4.log"),
    ):
        disk.leave(kib)
        output = failed(project, f"{RUN}/{target}")
        assert_says_the_disk_is_full(project, output, f"{logs}/{log}")
        assert not (project.folder / RUN / target).exists()
        assert hidden_files(project) == []
    disk.mount("remount,size=20m")
    project.snakemake()
    assert_same_tables(project, complete)


# Two runs in one folder

SLOW = """
import time
from pathlib import Path

from redress.task import Task


def unlearn(task: Task):
    Path("slow").touch()
    while not Path("go").exists():
        time.sleep(0.05)
    return task.original
"""


def test_a_second_run_in_a_folder_is_refused_and_the_first_goes_on(tmp_path):
    project = new_project(tmp_path / "project", {"slow": {}}, [("slow", SLOW)])
    first = subprocess.Popen(
        ["snakemake", "--cores", "1"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
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
        code = first.wait(60)
    assert code == 0
    assert project.planned() == {}


# Candidates that diverge

NAN = """
import torch

from redress.task import Task


def unlearn(task: Task, *, broken: bool):
    if broken:
        with torch.no_grad():
            for parameter in task.original.parameters():
                parameter.fill_(float("nan"))
    return task.original
"""


def rows(project, name):
    return pd.read_csv(project.folder / f"results/tables/{name}.csv")


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
    project = new_project(tmp_path / "project", methods, [("partly", NAN), ("wholly", NAN)])
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


def test_a_method_all_of_whose_candidates_diverge_has_tables_and_figures(tmp_path):
    project = new_project(tmp_path / "project", {"wholly": {"grid": {"broken": True}}}, [("wholly", NAN)])
    project.snakemake()
    assert rows(project, "candidates").query("method == 'wholly'")[MEASURED].isna().all(axis=None)
    assert rows(project, "selected")[["score", *MEASURED]].isna().all(axis=None)
    assert list(rows(project, "times").columns)[:3] == ["dataset", "model", "method"]
    assert_figures_can_be_opened(project)
    assert "Warning" not in (project.folder / "results/logs/plot.log").read_text()


# A method that fails

RAISES = """
from redress.task import Task


def unlearn(task: Task):
    raise ValueError("no way")
"""


def test_with_keep_going_a_failing_method_stops_no_other(tmp_path):
    methods = {"raises": {}, **config()["methods"]}
    project = new_project(tmp_path / "project", methods, [("raises", RAISES)])
    output = failed(project, "--keep-going", cores=2)
    run = project.folder / RUN
    results = {str(path.relative_to(run)) for path in run.glob("*/*/*/*.json")}
    candidates = [f"ssd/{{}}/alpha={a},gamma_over_alpha={g}" for a in (0.1, 10) for g in (0.1, 1)]
    assert {path for path in results if path.startswith("unlearn")} == {
        f"unlearn/{name.format(fraction)}.json"
        for name in ("cf/{}/steps=4", *candidates)
        for fraction in (0.5, "1.0")
    }
    selections = {str(path.relative_to(run)) for path in run.glob("selection/*/*.json")}
    assert selections == {f"selection/{name}/{f}.json" for name in ("cf", "ssd") for f in (0.5, "1.0")}
    for fraction in (0.5, "1.0"):
        shown = output.split(f"Logfile {RUN.replace('runs', 'logs')}/unlearn/raises/{fraction}/default.log:")
        assert len(shown) == 2
        assert 'methods/raises.py", line 6, in unlearn' in shown[1]
        assert "ValueError: no way\n=====" in shown[1]
    assert not (project.folder / "results/tables").exists()  # a table without a method would look whole
    assert [path.name for path in (project.folder / "results/figures").iterdir()] == ["examples"]


# Damaged and hostile files


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


def truncated(content):
    return content[: len(content) // 2]


def with_a_flipped_byte(content):
    place = len(content) * 2 // 3
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def pickled(content):
    return pickle.dumps(Trap())


def replace_unnoticed(path, content):
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("damaged", "damage", "consumer"),
    [
        ("results/data/digits.safetensors", with_a_flipped_byte, f"{RUN}/original.json"),
        (f"{RUN}/manipulation.safetensors", truncated, f"{RUN}/original.json"),
        (f"{RUN}/original.safetensors", with_a_flipped_byte, f"{RUN}/unlearn/cf/1.0/steps=4.json"),
        (
            f"{RUN}/importance/fisher_batch/deletion_set_0.5.safetensors",
            truncated,
            f"{RUN}/unlearn/ssd/0.5/alpha=10,gamma_over_alpha=1.json",
        ),
        (f"{RUN}/original.json", with_a_flipped_byte, "results/tables/candidates.csv"),
        (f"{RUN}/unlearn/cf/0.5/steps=4.json", truncated, f"{RUN}/selection/cf/0.5.json"),
        (f"{RUN}/selection/ssd/1.0.json", with_a_flipped_byte, "results/tables/selected.csv"),
    ],
    ids=lambda one: one.rpartition("/")[2] if isinstance(one, str) else one.__name__,
)
def test_a_damaged_file_is_named_with_the_command_that_repairs_it(
    complete, tmp_path, damaged, damage, consumer
):
    project = complete.duplicate(tmp_path / "project")
    whole = (project.folder / damaged).read_bytes()
    advice = f"; delete it and rebuild it with: snakemake --cores 1 {damaged}"
    for change in (pickled, damage):
        (project.folder / consumer).unlink(missing_ok=True)
        replace_unnoticed(project.folder / damaged, change(whole))
        output = failed(project, consumer)
        (log,) = re.findall(r"^Logfile (\S+):$", output, flags=re.MULTILINE)
        text = (project.folder / log).read_text()
        assert text in output
        last = text.splitlines()[-1]
        assert last.startswith(f"error: {damaged}: ")
        assert last.endswith(advice)
        assert {line for line in output.splitlines() if "rebuild it with" in line} == {last}
        assert "Traceback" not in text
        assert list(project.folder.rglob("sprung")) == []
    (project.folder / damaged).unlink()
    repair = last.split("rebuild it with: ")[1]
    done = project.run(*shlex.split(repair))
    assert done.returncode == 0, printed(done)
    project.snakemake()
    assert_same_tables(project, complete)
    assert project.planned() == {}

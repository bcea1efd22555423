"""A real SLURM: slurmctld, slurmd and munge with one node of two CPUs and one declared GPU."""

import copy
import subprocess
import time

import pandas as pd
import pytest
from project import MEASURED_AGAIN, TINY, Project

SLEEPER = '''
"""A method that takes its time."""

import time

from redress.developer.task import Task


def unlearn(task: Task, *, seconds: float):
    time.sleep(seconds)
    return task.original
'''

HUNGRY = '''
"""A method that needs memory."""

import time

from redress.developer.task import Task


def unlearn(task: Task, *, megabytes: int):
    block = b"x" * (megabytes * 2**20)
    time.sleep(10)
    return task.original if block else None
'''

FORMAT = "--Format=JobID:|,tres-per-job:|,Comment:|,TimeLimit:|,MinMemory:|"


def slurm(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stdout.splitlines() if done.returncode == 0 else []


def has_cluster():
    try:
        return bool(slurm("sinfo", "--noheader", "--states=idle,mixed,allocated"))
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_cluster(), reason="no SLURM cluster; as root, `bash .ci/slurm` makes one"),
]


@pytest.fixture
def project(tmp_path):
    project = Project.copy(tmp_path / "project")
    (project.folder / "workflow/scripts/redress/plugins/methods/sleeper.py").write_text(SLEEPER)
    (project.folder / "workflow/scripts/redress/plugins/methods/hungry.py").write_text(HUNGRY)
    config = copy.deepcopy(TINY)
    config["deletion_fractions"] = [1.0]
    del config["datasets"]["digits"]["manipulations"]["interclass"]
    config["methods"] = {name: config["methods"][name] for name in ("cf", "ssd")}
    # Longer than its first time limit of a minute, which SLURM looks at twice a minute; not than its second.
    config["methods"]["sleeper"] = {"grid": {"seconds": 95}}
    # More than the memory it is first given, not more than twice that.
    config["methods"]["hungry"] = {"grid": {"megabytes": 1400}}
    config["resources"] = {
        stage: {"mem_mb": 1500, "runtime": 1} for stage in ("prepare", "train", "importance", "unlearn")
    }
    project.configure(config)
    return project


def test_a_grid_runs_on_slurm_to_its_figures_through_a_killed_and_a_timed_out_job(project):
    log = (project.folder / "log").open("w")
    command = ["snakemake", "--workflow-profile", "profiles/slurm", "--nocolor"]
    command += ["--slurm-init-seconds-before-status-checks", "3"]
    running = project.start(*command, stdout=log, stderr=subprocess.STDOUT)
    seen, most_at_once, cancelled, end = {}, 0, None, time.monotonic() + 900
    while running.poll() is None and time.monotonic() < end:
        jobs = [line.split("|") for line in slurm("squeue", "--noheader", "--states=R", FORMAT)]
        jobs = [job for job in jobs if len(job) == 6]
        most_at_once = max(most_at_once, sum("gpu" in job[1] for job in jobs))
        seen |= {job[0]: job for job in jobs}
        for number, _, rule, *_ in jobs:
            if "unlearn_cf" in rule and cancelled is None:
                cancelled = number
                subprocess.run(["scancel", number], check=True)
        time.sleep(0.2)
    text = (project.folder / "log").read_text()
    assert running.poll() == 0, text[-5000:]
    assert most_at_once == 1
    assert cancelled is not None

    def limits(rule):
        return [job[3] for job in seen.values() if rule in job[2]]

    memory = [job[4] for job in seen.values() if "unlearn_hungry" in job[2]]
    assert memory == ["1500M", "3000M"]
    assert limits("unlearn_cf") == ["1:00", "2:00"]
    assert limits("unlearn_sleeper") == ["1:00", "2:00"]
    assert all("gpu" in job[1] for job in seen.values() if "prepare" not in job[2])
    # prepare, the group around the original, ssd, and twice each of cf, sleeper and hungry
    assert len(seen) == 9
    # Finding S_f, which may look at how M_o was trained, is part of the group and makes it little larger.
    (group,) = (job for job in seen.values() if "train" in job[2])
    assert "discover" in group[2] and "importance" in group[2]
    assert int(group[3].split(":")[0]) <= 5
    assert int(group[4].removesuffix("M")) <= 1500 + 2 * 500
    # Stages that are nothing but bookkeeping do not become SLURM jobs.
    light = ("manipulate", *MEASURED_AGAIN)
    assert not [job for job in seen.values() if any(rule in job[2] for rule in light)]
    selected = pd.read_csv(project.folder / "results/tables/selected.csv")
    assert list(selected["method"]) == ["cf", "ssd", "sleeper", "hungry"]
    assert (project.folder / "results/figures/figure2_poison_removal.png").exists()

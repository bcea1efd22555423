"""Benchmarks of jobs: SSD's grid, the machinery around the default experiment, planning, memory."""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from images import Data

from redress.formats import files
from redress.formats.identity import PLAIN, WHOLE, Identity
from redress.plan.experiment import ROOT, Experiment
from redress.plan.sources import SCRIPTS

WATCHED = """
import contextlib, ctypes, json, os, resource, subprocess, sys, time
with contextlib.suppress(AttributeError):  # PR_SET_CHILD_SUBREAPER, on Linux: who outlives its parent, as the
    ctypes.CDLL(None).prctl(36, 1)  # server of preloaded jobs does, becomes a child of this one
started = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
wall = time.perf_counter() - started
with contextlib.suppress(ChildProcessError):
    while True:
        os.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": wall, "cpu_seconds": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss}))
sys.exit(code)
"""
"""Runs a command: its seconds, the core-seconds and the peak memory of it and all that it started. A program
of its own, and a small one, for Linux counts what a process was before it became the command."""

CELL = Identity("cifar10", "poison", 1000, 0, "standard", "uniform", "0.5", PLAIN)

Result = dict[str, Any]


def experiment(
    width: int, recipe: dict[str, int], methods: dict[str, Any], options: argparse.Namespace
) -> Any:
    """An experiment on poisoned images in the shape of CIFAR-10."""
    dataset = {
        "model": {"name": "resnet9", "width": width},
        "recipe": recipe,
        "manipulations": {"poison": {"n": [CELL.n]}},
    }
    return Experiment(
        {
            "seeds": [CELL.seed],
            "deletion_fractions": [CELL.fraction],
            "datasets": {"cifar10": dataset},
            "methods": {name: {"style": {"color": "#000000"}, **block} for name, block in methods.items()},
            "device": options.device,
            "threads": options.threads,
        }
    )


def ssd_grid(options: argparse.Namespace, data: Data) -> Result:
    """SSD's 50 candidates in one job against 50 times one candidate that computes everything itself.

    Both are the real scripts in real processes: importances over S_tr and S_f, then unlearn.py.
    """
    block = yaml.safe_load((ROOT / "config.yaml").read_text())["methods"]["ssd"]
    recipe = {"steps": options.ssd_steps, "batch_size": 64}
    told = experiment(options.ssd_width, recipe, {"ssd": {"grid": block["grid"]}}, options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_original(folder, told, data)
        names = list(told.candidates("ssd"))
        shared = importances(folder, told) + unlearn(folder, told, "ssd", names)
        records = [record(folder, "ssd", candidate) for candidate in names]
        alone = importances(folder, told) + unlearn(folder, told, "ssd", names[:1])
        single = record(folder, "ssd", names[0])
    slowest = max(one["prediction_seconds"] for one in records)
    dampened = sum(one["unlearn_seconds"] - one["preparation_seconds"] for one in records)
    unlearning_shared = single["preparation_seconds"] + dampened
    return {
        "network": f"ResNet-9 of width {options.ssd_width}",
        "shared_seconds": shared,
        "of_which_prediction": sum(one["prediction_seconds"] for one in records),
        "one_alone_seconds": alone,
        "ratio": 50 * alone / shared,
        "ratio_of_unlearning_alone": 50 * single["unlearn_seconds"] / unlearning_shared,
        "predicted_models": sum(one["prediction_seconds"] > slowest / 10 for one in records),
    }


def make_original(folder: Path, told: Experiment, data: Data) -> None:
    """The files of a poisoned original model and of a deletion set."""
    data.link(folder)
    run(folder, "manipulate", told.manipulate_job(CELL.run))
    run(folder, "train", told.train_job(CELL.original))
    run(folder, "discover", told.discover_job(CELL))


def importances(folder: Path, told: Experiment) -> float:
    """Seconds of SSD's two importance jobs."""
    overs = (WHOLE, f"{CELL.expansion}/{CELL.discovery}/{CELL.share}")
    who = (CELL.original.having(importance="fisher_batch", over=over) for over in overs)
    return sum(run(folder, "importance", told.importance_job(one)) for one in who)


def unlearn(folder: Path, told: Experiment, method: str, candidates: Iterable[str]) -> float:
    """Seconds of one job with these candidates of a method."""
    job = told.unlearn_job(CELL.having(method=method))
    return run(folder, "unlearn", f"{job} {told.hyperparameters(method, candidates)}")


def record(folder: Path, method: str, candidate: str) -> Result:
    """What a candidate's file says of its making."""
    identity = CELL.having(method=method, candidate=candidate)
    with contextlib.chdir(folder):
        return files.load_arrays(identity.path("candidate"), identity)[1]


def run(folder: Path, script: str, told: str) -> float:
    """Seconds of a script's process in `folder`."""
    return watched(folder, [sys.executable, SCRIPTS / f"{script}.py", *shlex.split(told)])[0]["seconds"]


def watched(folder: Path, command: list[Any]) -> tuple[Result, str]:
    """What WATCHED finds of a command, and what the command printed; if it fails, that ends this program."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = [sys.executable, "-S", "-c", WATCHED, *map(str, command)]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"error: {shlex.join(words[4:])} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout), done.stderr


def grid(options: argparse.Namespace, data: Data) -> Result:
    """The default experiment from nothing: how much of its core-seconds is not model code, and what a
    candidate leaves behind.

    With --against the same of another checkout, in turns.
    """
    return in_turns(options, lambda project: one_grid(project, options.cores, data.device.type))


def in_turns(options: argparse.Namespace, measure: Any) -> Result:
    """What `measure` finds in copies of the projects: this one and, with --against, another one before it."""
    roots = {"before": options.against, "now": ROOT} if options.against else {"now": ROOT}
    found: dict[str, list[Result]] = {name: [] for name in roots}
    for _ in range(options.rounds):
        for name, root in roots.items():
            with tempfile.TemporaryDirectory() as folder:
                found[name].append(measure(copy_of_project(root, Path(folder))))
    if not options.against:
        return {"now": found["now"]}
    shared = [key for key in found["now"][0] if key.endswith("seconds")]
    least = {name: {key: min(one[key] for one in runs) for key in shared} for name, runs in found.items()}
    return {**found, "ratio_of_the_least": {key: least["now"][key] / least["before"][key] for key in shared}}


def one_grid(project: Path, cores: int, device: str) -> Result:
    """The default experiment in a fresh project."""
    command = ["snakemake", "--cores", cores, "--resources", "gpu=1", "--quiet", "all"]
    used, _ = watched(project, command)
    inside, candidates = model_seconds(project / "results" / "runs")
    kept = [path for path in (project / "results").rglob("*") if path.is_file()]
    records = [path for path in (project / ".snakemake").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in kept + records)
    jobs = planned_jobs(project)[0]
    there = used["seconds"] * (1 if device == "cuda" else cores)
    return {
        "cores": cores,
        "seconds": used["seconds"],
        "core_seconds": there,
        "cpu_seconds": used["cpu_seconds"],
        "model_seconds": inside,
        "share_outside_model_code": 1 - inside / there,
        "share_idle": 1 - used["cpu_seconds"] / there,
        "jobs": jobs,
        "core_seconds_outside_per_job": (there - inside) / jobs,
        "candidates": candidates,
        "files_per_candidate": len(kept + records) / candidates,
        "bytes_per_candidate": size / candidates,
    }


def model_seconds(runs: Path) -> tuple[float, int]:
    """Seconds inside training, importances, unlearning and prediction, and the number of models."""
    seconds, models = 0.0, 0
    for about in (*headers(runs), *evaluations(runs)):
        seconds += about.get("prediction_seconds", 0) + about.get("seconds", 0)
        if "unlearn_seconds" in about:
            seconds += (about["unlearn_seconds"] or 0) - (about["preparation_seconds"] or 0)
        models += "prediction_seconds" in about
        if "prediction_seconds" not in about:  # an original's predictions repeat what its weights say
            seconds += about.get("train_seconds", 0)
    return seconds, models


def headers(runs: Path) -> Iterable[Result]:
    """What every safetensors file says of itself."""
    from safetensors import safe_open

    for path in runs.rglob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            yield json.loads(json.loads(file.metadata()["redress"])["about"])


def evaluations(runs: Path) -> Iterable[Result]:
    """The same of checkouts up to b0afcc5, where a model was measured in the job that made it."""
    for path in runs.rglob("*.json"):
        content = json.loads(path.read_text())
        if "evaluation_seconds" in content:
            yield {**content, "prediction_seconds": content["evaluation_seconds"]}


def planning(options: argparse.Namespace, data: Data) -> Result:
    """A dry run of the paper's whole grid, and of ten times as many seeds.

    With --against the first one of another checkout too, in turns.
    """
    result = in_turns(options, lambda project: plan(project, "seeds=[0]"))
    with tempfile.TemporaryDirectory() as name:
        project = copy_of_project(ROOT, Path(name))
        result["ten seeds"] = plan(project, f"seeds={list(range(10))}")
        one_each = "methods={ssd: {candidates_per_job: 1}, scrub: {candidates_per_job: 1}}"
        result["one candidate a job"] = plan(project, one_each)
    return result


def large_plan(options: argparse.Namespace, data: Data) -> Result:
    """A dry run of the paper's whole grid with seeds enough for 100,000 jobs."""
    with tempfile.TemporaryDirectory() as name:
        return plan(copy_of_project(ROOT, Path(name)), f"seeds={list(range(options.plan_seeds))}")


def plan(project: Path, overrides: str) -> Result:
    """A dry run of the paper's grid with these overrides."""
    arguments = ["--configfile", "config/paper.yaml", "--config", overrides]
    jobs, used = planned_jobs(project, *arguments)
    return {
        "jobs": jobs,
        "seconds": used["seconds"],
        "cpu_seconds": used["cpu_seconds"],
        "peak_mb": used["peak"] * 1024 / 1e6,
    }


def copy_of_project(root: Path, folder: Path) -> Path:
    """A project without environment and results."""
    for part in ("Snakefile", "config.yaml"):
        shutil.copy(root / part, folder)
    for part in ("workflow", "profiles", "envs", "config"):
        shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def planned_jobs(project: Path, *arguments: Any) -> tuple[int, Result]:
    """How many jobs a run of everything has, and what planning them takes."""
    command = ["snakemake", "--dry-run", "--forceall", "--quiet", "rules", *arguments]
    used, text = watched(project, command)
    return int(re.findall(r"^total +(\d+)$", text, flags=re.MULTILINE)[0]), used


def memory(options: argparse.Namespace, data: Data) -> Result:
    """Peak memory of CIFAR-10 jobs at full width and the paper's batch size, a few steps each."""
    methods = {"badt": {"grid": {"steps": 3}}}
    recipe = {"steps": 3, "batch_size": options.memory_batch}
    told = experiment(options.memory_width, recipe, methods, options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_original(folder, told, data)
        method = CELL.having(method="badt")
        (candidate,) = told.candidates("badt")
        cell = f"{CELL.expansion}/{CELL.discovery}/{CELL.share}"
        commands = {
            "train": told.train_job(CELL.original),
            "importance": told.importance_job(CELL.original.having(importance="fisher_batch", over=cell)),
            "unlearn": f"{told.unlearn_job(method)} {told.hyperparameters('badt', [candidate])}",
        }
        result = {}
        for job, words in commands.items():
            used, _ = watched(folder, [sys.executable, SCRIPTS / f"{job}.py", *shlex.split(words)])
            result[f"{job}_host_mb"] = used["peak"] * 1024 / 1e6
        if data.device.type == "cuda":
            result["unlearn_device_mb"] = record(folder, "badt", candidate)["peak_memory_mb"]
    return result

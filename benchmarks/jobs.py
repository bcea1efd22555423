"""Benchmarks of jobs: SSD's grid, the machinery around the default experiment, memory."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from images import Data

from redress import files
from redress.candidates import Hyperparameters, expand
from redress.plugins import SCRIPTS

ROOT = SCRIPTS.parent.parent

SMALL_PARENT = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

Result = dict[str, Any]


def ssd_grid(options: argparse.Namespace, data: Data) -> Result:
    """SSD's 50 candidates in one job against 50 times one candidate that computes everything itself.

    Both are the real scripts in real processes: importances over S_tr and S_f, then unlearn.py.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        width, steps = options.ssd_width, options.ssd_steps
        _, scenario = prepare_original(folder, data, options, width, steps=steps, batch_size=64)
        grid = expand(yaml.safe_load((ROOT / "config.yaml").read_text())["methods"]["ssd"]["grid"])
        shared = importances(folder, scenario) + candidates(folder, scenario, grid)
        records = [files.read_json(path) for path in (folder / "candidates").glob("*.json")]
        slowest = max(record["evaluation_seconds"] for record in records)
        evaluated = sum(record["evaluation_seconds"] for record in records)
        dampened = sum(record["unlearn_seconds"] - record["preparation_seconds"] for record in records)
        alone = importances(folder, scenario) + candidates(folder, scenario, grid[:1])
        (single,) = [files.read_json(path) for path in (folder / "candidates").glob("*.json")]
    unlearning_shared = single["preparation_seconds"] + dampened
    return {
        "network": f"ResNet-9 of width {options.ssd_width}",
        "shared_seconds": shared,
        "of_which_evaluation": evaluated,
        "one_alone_seconds": alone,
        "ratio": 50 * alone / shared,
        "ratio_of_unlearning_alone": 50 * single["unlearn_seconds"] / unlearning_shared,
        "evaluated_models": sum(record["evaluation_seconds"] > slowest / 10 for record in records),
    }


def prepare_original(
    folder: Path, data: Data, options: argparse.Namespace, width: int, **recipe: int
) -> tuple[Path, list[str]]:
    """A poisoned original model; and the arguments that name its scenario, itself the last of them."""
    settings = {"model": {"name": "resnet9", "width": width}, "recipe": recipe, "manipulation": {}}
    names = ["--dataset", "cifar10", "--manipulation", "poison", "--n", "1000", "--seed", "0"]
    draw, original = folder / "draw.safetensors", folder / "original.safetensors"
    run("manipulate", *names, "--settings", "{}", "--data", data.path, "--output", draw)
    names += ["--data", str(data.path), "--draw", str(draw), "--settings", json.dumps(settings)]
    names += ["--device", data.device.type, "--threads", str(options.threads)]
    run("train", *names, "--output", original)
    return original, [*names, "--original", str(original)]


def importances(folder: Path, scenario: list[str]) -> float:
    """Seconds of SSD's two importance jobs."""
    seconds = 0.0
    for over, more in (("training_set", []), ("deletion_set", ["--deletion-fraction", "0.5"])):
        output = ["--output", folder / f"{over}.safetensors"]
        seconds += run("importance", *scenario, "--statistic", "fisher_batch", "--over", over, *more, *output)
    return seconds


def candidates(folder: Path, scenario: list[str], grid: list[Hyperparameters]) -> float:
    """Seconds of one job with the candidates of `grid`."""
    output = folder / "candidates"
    shutil.rmtree(output, ignore_errors=True)
    statistics = [folder / "training_set.safetensors", folder / "deletion_set.safetensors"]
    arguments = ["--method", "ssd", "--deletion-fraction", "0.5", "--statistics", *statistics]
    return run("unlearn", *scenario, *arguments, "--candidates", json.dumps(grid), "--output-folder", output)


def run(script: str, *arguments: Any) -> float:
    """Seconds of a script's process."""
    command = [sys.executable, SCRIPTS / f"{script}.py", *arguments]
    started = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return time.perf_counter() - started


def grid(options: argparse.Namespace, data: Data) -> Result:
    """The default experiment from nothing: how much of its wall time is not training, unlearning, evaluating.

    And what a candidate leaves behind.
    """
    cores = options.cores
    with tempfile.TemporaryDirectory() as name:
        project = copy_of_project(Path(name))
        started = time.perf_counter()
        snakemake(project, "--cores", cores, "--resources", "gpu=1", "--quiet", "all")
        wall = time.perf_counter() - started
        inside, candidates = model_seconds(project / "results" / "runs")
        kept = [path for path in (project / "results").rglob("*") if path.is_file()]
        records = [path for path in (project / ".snakemake").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in kept + records)
        jobs = planned_jobs(project)
    busy = 1 if data.device.type == "cuda" else cores
    outside = wall * busy - inside
    return {
        "cores": cores,
        "wall_seconds": wall,
        "model_seconds": inside,
        "share_outside_model_code": outside / (wall * busy),
        "jobs": jobs,
        "core_seconds_outside_per_job": outside / jobs,
        "candidates": candidates,
        "files_per_candidate": len(kept + records) / candidates,
        "bytes_per_candidate": size / candidates,
    }


def planning(options: argparse.Namespace, data: Data) -> Result:
    """A dry run of the paper's whole grid, and of ten times as many seeds."""
    result: Result = {}
    one_each = "methods={ssd: {candidates_per_job: 1}, scrub: {candidates_per_job: 1}}"
    with tempfile.TemporaryDirectory() as name:
        project = copy_of_project(Path(name))
        for title, overrides in (
            ("one seed", ["seeds=[0]"]),
            ("ten seeds", ["seeds=[0,1,2,3,4,5,6,7,8,9]"]),
            ("one seed, one candidate a job", ["seeds=[0]", one_each]),
        ):
            started = time.perf_counter()
            jobs = planned_jobs(project, "--configfile", "config/paper.yaml", "--config", *overrides)
            result[title] = {"jobs": jobs, "seconds": time.perf_counter() - started}
    return result


def copy_of_project(folder: Path) -> Path:
    """The project without environment and results."""
    for part in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / part, folder)
    for part in ("workflow", "profiles", "envs", "config"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def planned_jobs(project: Path, *arguments: Any) -> int:
    """How many jobs a run of everything has."""
    text = snakemake(project, "--dry-run", "--forceall", "--quiet", "rules", *arguments)
    return int(re.findall(r"^total +(\d+)$", text, flags=re.MULTILINE)[0])


def snakemake(project: Path, *arguments: Any) -> str:
    """What snakemake prints in `project`; if it fails, that ends this program."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["snakemake", *map(str, arguments)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout + done.stderr


def model_seconds(runs: Path) -> tuple[float, int]:
    """Seconds inside training, importances, unlearning and evaluation, and the number of records."""
    seconds, records = 0.0, 0
    for path in runs.rglob("*.safetensors"):
        _, about = files.load_arrays(path)
        seconds += about.get("train_seconds", 0) + about.get("seconds", 0)
    for path in runs.rglob("*.json"):
        record = files.read_json(path)
        if "evaluation_seconds" in record:
            records += 1
            seconds += record["evaluation_seconds"]
            seconds += (record["unlearn_seconds"] or 0) - (record["preparation_seconds"] or 0)
    return seconds, records


def memory(options: argparse.Namespace, data: Data) -> Result:
    """Peak memory of CIFAR-10 jobs at full width and the paper's batch size, a few steps each."""
    result: Result = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        original, scenario = prepare_original(folder, data, options, width=64, steps=3)
        output, all_of_s_m = ["--output", folder / "importance.safetensors"], ["--deletion-fraction", "1.0"]
        fisher = ["--statistic", "fisher_batch", "--over", "deletion_set", *all_of_s_m]
        badt = ["--method", "badt", *all_of_s_m, "--candidates", '[{"steps": 3}]', "--output-folder", folder]
        commands = {
            "train": [*scenario[:-2], "--output", original],
            "importance": [*scenario, *fisher, *output],
            "unlearn": [*scenario, *badt],
        }
        for job, arguments in commands.items():
            command = [sys.executable, SCRIPTS / f"{job}.py", *arguments]
            result[f"{job}_host_mb"] = peak_of([str(part) for part in command])
        record = files.read_json(next(folder.glob("*.json")))
    if data.device.type == "cuda":
        result["unlearn_device_mb"] = record["peak_memory_mb"]
    return result


def peak_of(command: list[str]) -> float:
    """Peak resident memory of a command in MB."""
    # Linux counts what a process was before it became the command: its parent should be small.
    measured = subprocess.run(
        [sys.executable, "-S", "-c", SMALL_PARENT, *command], check=True, capture_output=True, text=True
    )
    return float(measured.stdout.splitlines()[-1]) * 1024 / 1e6

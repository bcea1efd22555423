"""Speed of Redress, as ratios measured in one run; docs/performance.md says what they mean.

Each benchmark prints its result as it ends; all of them go into one JSON file.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import jobs
import loops
import torch
from images import CIFAR10, Data

from redress.developer.training import has_bfloat16
from redress.formats.files import atomic
from redress.launch.device import choose_device, device_name

Result = dict[str, Any]

BENCHMARKS: dict[str, Callable[[argparse.Namespace, Data], Result]] = {
    "floor": loops.floor,
    "peak": loops.peak,
    "allocation": loops.allocation,
    "training_step": loops.training_step,
    "whole_training": loops.whole_training,
    "evaluation": loops.evaluation,
    "accuracy": loops.accuracy,
    "ssd_grid": jobs.ssd_grid,
    "grid": jobs.grid,
    "planning": jobs.planning,
    "memory": jobs.memory,
}
BY_NAME: dict[str, Callable[[argparse.Namespace, Data], Result]] = {"large_plan": jobs.large_plan}
"""Those that run only when asked for."""


def main() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    known = BENCHMARKS | BY_NAME
    cli.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(known)}")
    cli.add_argument("--data", type=Path, default=ROOT, help="the project with a prepared CIFAR-10")
    cli.add_argument("--against", type=Path, help="another checkout, for grid and planning")
    cli.add_argument("--rounds", type=int, default=1, help="of both of them in turns")
    cli.add_argument("--plan-seeds", type=int, default=112, help="of large_plan, for 100,000 jobs")
    cli.add_argument("--memory-batch", type=int, default=512)
    cli.add_argument("--memory-width", type=int, default=64)
    cli.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    cli.add_argument("--threads", type=int, default=cores)
    cli.add_argument("--cores", type=int, default=cores, help="of the run of the default experiment")
    cli.add_argument("--workers", type=int, default=cores, help="of the plain loop's DataLoader")
    cli.add_argument("--batch-size", type=int, help="of the training step; default 512 on a GPU, else 128")
    cli.add_argument("--seconds", type=float, default=20, help="to time each training loop for")
    cli.add_argument("--accuracy-steps", type=int, default=1000)
    cli.add_argument("--accuracy-seeds", type=int, default=5)
    cli.add_argument("--ssd-width", type=int, default=8)
    cli.add_argument("--ssd-steps", type=int, default=500, help="of the original model that SSD repairs")
    cli.add_argument("--output", type=Path, default=ROOT / "results/benchmarks.json")
    options = cli.parse_args()
    unknown = set(options.names) - set(known)
    if unknown:
        cli.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    device = choose_device(options.device, options.threads)
    options.batch_size = options.batch_size or (512 if device.type == "cuda" else 128)
    with tempfile.TemporaryDirectory() as folder:
        real = (options.data / CIFAR10.path("pictures")).exists()
        data = Data(options.data if real else Path(folder), device)
        report: Result = {
            "date": date.today().isoformat(),
            "device": device_name(device),
            "bfloat16": has_bfloat16(device),
            "processor": processor(),
            "cores": cores,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "images": str(data.about.get("source", "noise")),
            "command": " ".join(["python", "benchmarks/bench.py", *sys.argv[1:]]),
        }
        print(json.dumps(report, indent=1))
        for name in options.names or BENCHMARKS:
            started = time.perf_counter()
            report[name] = known[name](options, data)
            print(f"\n{name} ({time.perf_counter() - started:.0f} s)\n{json.dumps(report[name], indent=1)}")
            with atomic(options.output) as temporary:
                temporary.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nSaved in {options.output}")


def processor() -> str:
    """What the CPU calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine()
    )


if __name__ == "__main__":
    main()

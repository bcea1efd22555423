"""Run an experiment in stages, as far as the time allows, and keep its tables and figures in docs/reference/.

First the middle n of each manipulation, then every n, then three seeds. Each stage takes over what the one
before it computed; one that is cut short goes on at the next call. What is kept is the last stage that came
to its end: tables, figures, and a page that compares them with what the paper says, point by point.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from snakemake.utils import update_config

SEEDS = [0, 1, 2]
TABLES = ("selected.csv", "summary.csv", "times.csv")


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    cli.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/paper-cifar10.yaml")])
    cli.add_argument("--minutes", type=float, default=60, help="after which a stage is cut short")
    cli.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    cli.add_argument("--gpus", type=int, default=1, help="jobs on the graphics cards at a time")
    cli.add_argument("--stages", type=int, default=3, help="at most so many of the three")
    cli.add_argument("--output", type=Path, default=Path("docs/reference"), help="gets a folder per config")
    options = cli.parse_args()
    config: dict[str, Any] = {}
    for path in options.configfile:
        update_config(config, yaml.safe_load(path.read_text()))
    folder = options.output / options.configfile[0].stem
    end, spent = time.monotonic() + 60 * options.minutes, 0.0
    for name, overrides in list(stages(config))[: options.stages]:
        command = ["snakemake", "--cores", str(options.cores), "--resources", f"gpu={options.gpus}"]
        command += ["--quiet", "rules", "--configfile", *map(str, options.configfile)]
        command += ["--config", *overrides] if overrides else []
        started = time.monotonic()
        print(f"{name}: {shlex.join(command)}", flush=True)
        code = run(command, end - started)
        spent += time.monotonic() - started
        if code is None:
            print(f"{name}: not finished within the {options.minutes:g} minutes; the same command goes on")
            return
        if code:
            sys.exit(code)
        keep(folder, name, shlex.join(command), spent)
        print(f"{name}: done in {spent / 60:.1f} minutes so far, kept in {folder}", flush=True)


def stages(config: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Name and --config of each stage."""
    middle = {
        dataset: {
            "manipulations": {
                name: {"n": [sorted(settings["n"])[len(settings["n"]) // 2]]}
                for name, settings in block["manipulations"].items()
            }
        }
        for dataset, block in config["datasets"].items()
    }
    yield "one n of each manipulation", [f"datasets={json.dumps(middle)}"]
    yield "every n", []
    yield "three seeds", [f"seeds={json.dumps(SEEDS)}"]


def run(command: list[str], seconds: float) -> int | None:
    """The exit code of a command; None if it was stopped because its time was up."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(command, env={**os.environ, "PATH": path}, stdout=sys.stderr)
    try:
        return process.wait(max(seconds, 0))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()
        return None


def keep(folder: Path, stage: str, command: str, seconds: float) -> None:
    """Copy tables and figures to `folder` and write its README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        shutil.copy(Path("results/tables", name), folder)
    for old in folder.glob("*.png"):
        old.unlink()
    figures = sorted(Path("results/figures").glob("figure*.png"))
    for figure in figures:
        shutil.copy(figure, folder)
    candidates = pd.read_csv("results/tables/candidates.csv")
    selected = pd.read_csv(folder / "selected.csv")
    lines = [
        f"# {folder.name}: {stage}",
        "",
        f"{date.today().isoformat()}, on {' + '.join(sorted(set(selected['device'])))}; "
        f"{len(candidates)} models in {seconds / 60:.0f} minutes (what earlier calls computed not counted):",
        "",
        f"    {command}",
        "",
        "The tables are `selected.csv` (a row per selected model), `summary.csv` and `times.csv`.",
        "",
        "| what the paper says | here, mean in % | holds |",
        "|---|---|---|",
        *(f"| {claim} | {found} | {verdict} |" for claim, found, verdict in compared(candidates, selected)),
        "",
        *(f"![{figure.stem}]({figure.name})" for figure in figures),
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


def compared(candidates: pd.DataFrame, selected: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """What the paper's text says: the claim, what was found, whether it holds."""
    originals = candidates[candidates["method"] == "original"]
    for dataset in dict.fromkeys(selected["dataset"]):
        before, after = (table[table["dataset"] == dataset] for table in (originals, selected))
        kinds = set(before["manipulation"])
        if "poison" in kinds:
            yield from poison_claims(dataset, of(before, "poison"), of(after, "poison"))
        if "interclass" in kinds:
            yield from interclass_claims(dataset, of(before, "interclass"), of(after, "interclass"))


def of(table: pd.DataFrame, manipulation: str) -> pd.DataFrame:
    """The rows of one manipulation."""
    return table[table["manipulation"] == manipulation]


def mean(table: pd.DataFrame, column: str, method: str, most: bool | None = None) -> float:
    """Mean percentage of a method: over all sizes, up to 80 % of S_m (`most=False`) or all of it (True)."""
    rows = table[table["method"] == method]
    if most is not None:
        known = rows["deletion_fraction"]
        rows = rows[(known == known.max()) if most else (known <= 0.8)]
    return 100 * float(rows[column].mean())


def poison_claims(dataset: str, before: pd.DataFrame, after: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    clean, triggered = (100 * before[column].mean() for column in ("utility_test", "removal_test"))
    yield (
        f"{dataset}, poison: the original model is right on clean images and wrong on triggered ones",
        f"{clean:.1f} and {triggered:.1f}",
        verdict(triggered < 25 and clean > 2 * triggered),
    )
    for method in ("eu", "cf", "scrub"):
        if method in set(after["method"]):
            some, all_known = (mean(after, "removal_test", method, most) for most in (False, True))
            yield (
                f"{dataset}, poison: {method} does little with up to 80 % known, much with all",
                f"{some:.1f} and {all_known:.1f}",
                verdict(some - triggered < (all_known - triggered) / 2),
            )
    if "ssd" in set(after["method"]):
        least = after[after["deletion_fraction"] == after["deletion_fraction"].min()]
        removal, utility = mean(least, "removal_test", "ssd"), mean(least, "utility_test", "ssd")
        yield (
            f"{dataset}, poison: ssd repairs with the smallest deletion set, at a cost in clean accuracy",
            f"{removal:.1f} (clean {utility:.1f} after {clean:.1f})",
            verdict(removal - triggered > (clean - triggered) / 2 and utility < clean),
        )
    if "badt" in set(after["method"]):
        found = mean(after, "removal_test", "badt")
        yield (
            f"{dataset}, poison: badt is poor throughout",
            f"{found:.1f}",
            verdict(found - triggered < (clean - triggered) / 2),
        )


def interclass_claims(
    dataset: str, before: pd.DataFrame, after: pd.DataFrame
) -> Iterator[tuple[str, str, str]]:
    confused = 100 * before["removal_test"].mean()
    for method in ("eu", "cf", "scrub"):
        if method in set(after["method"]):
            rows = after[after["method"] == method].groupby("deletion_fraction")["removal_test"].mean() * 100
            yield (
                f"{dataset}, interclass: {method} gets better gradually with the share known",
                f"{confused:.1f}, then {' '.join(f'{value:.1f}' for value in rows)}",
                verdict(rows.iloc[-1] > rows.iloc[0] and rows.iloc[-1] > confused),
            )
    if "ssd" in set(after["method"]):
        found = mean(after, "removal_test", "ssd")
        yield (
            f"{dataset}, interclass: ssd does nothing",
            f"{found:.1f} after {confused:.1f}",
            verdict(abs(found - confused) < 5),
        )


def verdict(holds: bool) -> str:
    """In a word."""
    return "yes" if holds else "**no**"


if __name__ == "__main__":
    main()

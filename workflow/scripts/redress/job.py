"""The shell around a job: its command line, its device, its log and its one-line errors."""

import argparse
import gc
import json
import logging
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from redress import files
from redress.errors import BadInputError
from redress.sources import fingerprint

log = logging.getLogger("redress")


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that every script extends; `description` is the script's docstring."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line and run `main`. What the user can mend ends in one line and exit code 1."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    arguments = parser.parse_args()
    gc.freeze()  # what the imports made is there to stay: looking it over once more at exit takes 0.15 s
    try:
        main(arguments)
    except (BadInputError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # PyTorch's, which light jobs do not import
            raise
        size = arguments.settings["recipe"]["batch_size"]
        advice = f"try recipe.batch_size {max(size // 2, 1)}, or fewer jobs at a time (--resources gpu=1)"
        raise SystemExit(f"error: the GPU ran out of memory at batch_size {size}: {advice}") from error


def add_scenario(parser: argparse.ArgumentParser) -> None:
    """The arguments that name an original model: what is trained on what, after which manipulation."""
    parser.add_argument("--dataset", required=True, help="its name in config")
    parser.add_argument("--manipulation", required=True, help="a file in manipulations/")
    parser.add_argument("--n", type=int, required=True, help="number of manipulated samples, |S_m|")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the prepared dataset")
    parser.add_argument("--draw", type=Path, required=True, help="S_m, as manipulate.py drew it")
    parser.add_argument(
        "--settings",
        type=json.loads,
        required=True,
        help='JSON: {"model": {"name": ...}, "recipe": {"steps": ...}, "manipulation": {...}}',
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads; part of what makes numbers repeatable"
    )
    parser.add_argument("--config-digest", default="", help="SHA-256 of the whole config, for the record")


def provenance(arguments: argparse.Namespace, *sources: str) -> dict[str, Any]:
    """What made a result, and when: versions, commit, digests of config and data, settings, sources.

    `sources` are the entry points of `redress.sources.closure`, beside the manipulation's and the model's.
    """
    model = arguments.settings["model"]["name"]
    sources = (*sources, f"manipulations/{arguments.manipulation}.py", f"models/{model}.py")
    packages = ("torch", "numpy", "safetensors", "snakemake")
    return {
        "seed": arguments.seed,
        "settings": arguments.settings,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": files.seal(arguments.data),
        "config_digest": arguments.config_digest,
        "commit": _commit(),
        "sources": fingerprint(*sources),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
        "machine": platform.platform(),
    }


def _version(package: str) -> str | None:
    """The installed version; None where a job's environment lacks the package, as conda's lacks snakemake."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The checked-out git commit, with `-dirty` if tracked files differ from it; None outside git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    command += ["--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()

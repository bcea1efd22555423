"""The shell around a job: its command line, its log, what it records of its making, and one-line errors."""

import argparse
import faulthandler
import gc
import json
import logging
import os
import platform
import shlex
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from redress.formats.errors import BadInputError
from redress.formats.identity import Identity
from redress.formats.recipe import Recipe, Setup

log = logging.getLogger("redress")

PLACE = {
    "dataset": "its name in config",
    "manipulation": "its name in config",
    "n": "number of manipulated samples, |S_m|",
    "seed": "from which draws and initialisations follow",
    "maker": "who made M_o: its name in config",
    "discovery": "who found S_f: its name in config",
    "share": "|S_f|/|S_m| as written in paths",
    "expansion": "who grew S_f: its name in config, or none",
    "method": "its name in config",
    "importance": "a file in redress/plugins/importances/",
    "over": "training_set or EXPANSION/DISCOVERY/SHARE",
    "bound": "a file in redress/plugins/bounds/",
}
"""The names of a result on a command line, and what they are."""


def parser(description: str | None, *names: str) -> argparse.ArgumentParser:
    """A parser that every script extends; `description` is the script's docstring.

    `names` are those of the result it makes, `identity_of` puts them together.
    """
    cli = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for name in names:
        cli.add_argument(
            f"--{name}", required=True, help=PLACE[name], type=int if name in ("n", "seed") else str
        )
    cli.add_argument(
        "--made-by", type=json.loads, default={}, help="JSON: what the record says about config and code"
    )
    cli.add_argument("--time-limit", type=float, help="minutes after which the job ends with an error")
    return cli


def add_uses(cli: argparse.ArgumentParser) -> None:
    """The option that says which files stand behind names of config."""
    cli.add_argument(
        "--uses",
        type=json.loads,
        required=True,
        help='JSON: the files in redress/plugins/ behind the names, such as {"manipulation": "poison"}',
    )


def add_setup(cli: argparse.ArgumentParser) -> None:
    """The options that say how a job of the developer's computes; `setup_of` puts them together."""
    add_uses(cli)
    cli.add_argument("--model", type=json.loads, required=True, help='JSON: {"name": "resnet9", "width": 8}')
    cli.add_argument("--recipe", type=json.loads, required=True, help='JSON: {"steps": 200, ...}')
    cli.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    cli.add_argument("--threads", type=int, default=1, help="CPU threads; numbers depend on them")


def add_pictures(cli: argparse.ArgumentParser) -> None:
    """The options that say which pictures somebody brings."""
    for name in ("training", "validation"):
        cli.add_argument(f"--{name}", type=json.loads, required=True, help='JSON: {"folder": "train"}, ...')
    cli.add_argument("--preprocess", type=json.loads, required=True, help='JSON: {"size": [224, 224], ...}')
    cli.add_argument(
        "--classes", type=json.loads, required=True, help="JSON list: names in the model's order"
    )


def identity_of(arguments: argparse.Namespace) -> Identity:
    """What the command line names."""
    given = vars(arguments)
    return Identity(**{name: given[name] for name in PLACE if name in given})


def setup_of(arguments: argparse.Namespace) -> Setup:
    """How the command line says to compute."""
    return Setup(arguments.model, Recipe(**arguments.recipe), arguments.device, arguments.threads)


def run(main: Callable[[argparse.Namespace], None], cli: argparse.ArgumentParser) -> None:
    """Parse the command line and run `main`. What the user can mend ends in one line and exit code 1."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)  # its own lines alone: fontTools has many
    arguments = cli.parse_args()
    gc.freeze()  # what the imports made is there to stay: looking it over once more at exit takes 0.15 s
    if arguments.time_limit:
        _end_after(arguments.time_limit)
    try:
        main(arguments)
    except (BadInputError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    except SystemExit as error:
        raise SystemExit(
            f"error: the job was ended by sys.exit({error.code!r}), perhaps in a plug-in"
        ) from error
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # PyTorch's, which light jobs do not import
            raise
        size = Recipe(**arguments.recipe).batch_size
        advice = f"try recipe.batch_size {max(size // 2, 1)}, or fewer jobs at a time (--resources gpu=1)"
        raise SystemExit(f"error: the GPU ran out of memory at batch_size {size}: {advice}") from error


def _end_after(minutes: float) -> None:
    """End the process with an error when its time is over, whatever it is doing.

    A thread of Python's says so in a line; where code that holds Python's lock keeps it from running, another
    that needs no lock prints where the job is.
    """

    def end() -> None:
        print(f"error: the job took longer than time_limit allows, {minutes:g} minutes", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)

    faulthandler.dump_traceback_later(minutes * 60 + PATIENCE_SECONDS, exit=True)
    timer = threading.Timer(minutes * 60, end)
    timer.daemon = True
    timer.start()


PATIENCE_SECONDS = 5

UNTOLD = ("--made-by", "--candidates", "--time-limit")
"""Options that decide nothing, or what the name of a result says."""


def made_by(arguments: argparse.Namespace) -> dict[str, Any]:
    """What decides how a result comes out, beside its inputs, as digests: of code and of the command line."""
    words = sys.argv[1:]
    told = [word for before, word in zip(["", *words], words, strict=False) if not {before, word} & {*UNTOLD}]
    return {
        "sources": arguments.made_by.get("sources"),
        "told": sha256(shlex.join(told).encode()).hexdigest()[:16],
    }


def provenance(arguments: argparse.Namespace) -> dict[str, Any]:
    """What made a result, and when: versions, commit, digests of config and code, settings."""
    packages = ("torch", "numpy", "safetensors", "snakemake")
    told = ("uses", "model", "recipe", "device", "threads", "settings")
    return {
        "settings": {name: value for name, value in vars(arguments).items() if name in told},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: arguments.made_by.get(name) for name in ("commit", "config")},
        **made_by(arguments),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
        "machine": platform.platform(),
    }


def _version(package: str) -> str | None:
    """The installed version; None where a job's environment lacks the package, as conda's lacks snakemake."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None

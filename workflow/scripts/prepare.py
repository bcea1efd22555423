"""Load a dataset once, split off validation, and write it as arrays that every later job reads."""

import argparse
import json
from pathlib import Path

from redress import files, plugins
from redress.data import channel_statistics, check, split
from redress.errors import BadInputError
from redress.job import log, parser, run


def main(arguments: argparse.Namespace) -> None:
    settings = arguments.settings
    source = plugins.load("datasets", arguments.source)
    try:
        pool = source.load(**settings)
        check(pool, source.describe(**settings))
        arrays = split(pool, arguments.validation_size, arguments.dataset)
    except ValueError as error:
        raise BadInputError(f"dataset {arguments.dataset}: {error}") from error
    mean, deviation = channel_statistics(arrays["train_images"])
    about = {"classes": pool.classes, "mean": mean, "deviation": deviation, "source": arguments.source}
    files.save_arrays(arguments.output, arrays, about)
    for name, array in arrays.items():
        log.info("%s %s %s", name, array.dtype, array.shape)


def size(text: str) -> float:
    """A share (0.2) or a number of samples (197)."""
    return int(text) if text.isdecimal() else float(text)


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--dataset", required=True, help="its name in config; names the validation draw")
    cli.add_argument("--source", required=True, choices=plugins.names("datasets"))
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: the source's own settings")
    cli.add_argument("--validation-size", type=size, default=0.2, help="of the test pool: share or number")
    cli.add_argument("--output", type=Path, required=True, help="safetensors file")
    run(main, cli)

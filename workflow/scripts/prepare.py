"""Load a dataset once, split off validation, and write pictures and, apart, true labels."""

import argparse
import json

from redress.adversary.pool import channel_statistics, check, split
from redress.formats import files
from redress.formats.errors import BadInputError
from redress.launch.job import identity_of, log, made_by, parser, run
from redress.plugins import load, names


def main(arguments: argparse.Namespace) -> None:
    identity, settings = identity_of(arguments), arguments.settings
    source = load("datasets", arguments.source)
    try:
        pool = source.load(**settings)
        check(pool, source.describe(**settings))
        pictures, labels = split(pool, arguments.validation_size, identity.dataset)
    except ValueError as error:
        raise BadInputError(f"dataset {identity.dataset}: {error}") from error
    mean, deviation = channel_statistics(pictures["train_images"])
    about = {"classes": pool.classes, "mean": mean, "deviation": deviation, "source": arguments.source}
    about |= {"made_by": made_by(arguments)}
    files.save_arrays(identity.path("pictures"), pictures, about, identity)
    files.save_arrays(identity.path("true_labels"), labels, {}, identity)
    log.info("classes: %s", ", ".join(f"{label} {name}" for label, name in enumerate(pool.classes)))
    for name, array in {**pictures, **labels}.items():
        log.info("%s %s %s", name, array.dtype, array.shape)


def size(text: str) -> float:
    """A share (0.2) or a number of samples (197)."""
    return int(text) if text.isdecimal() else float(text)


if __name__ == "__main__":
    cli = parser(__doc__, "dataset")
    cli.add_argument("--source", required=True, choices=names("datasets"))
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: the source's own settings")
    cli.add_argument("--validation-size", type=size, default=0.2, help="of the test pool: share or number")
    run(main, cli)

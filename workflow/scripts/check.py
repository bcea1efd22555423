"""List what was looked at before any work on the model that somebody brings, a line each."""

import argparse
import json

from redress.brought.checking import looked_at
from redress.formats import products
from redress.launch.job import identity_of, log, parser, run


def main(arguments: argparse.Namespace) -> None:
    place = identity_of(arguments)
    checks = list(looked_at(place, arguments.training, arguments.classes))
    lines = [f"{'ok' if one.well else 'look'}: {one.about}: {one.found}\n" for one in checks]
    with products.sealed(place.path("checked")) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    log.info("%d of %d checks to look at", sum(not one.well for one in checks), len(checks))


if __name__ == "__main__":
    cli = parser(__doc__, "dataset")
    cli.add_argument("--training", type=json.loads, required=True, help='JSON: {"folder": "train"}, ...')
    cli.add_argument("--classes", type=json.loads, required=True, help="JSON list: in the model's order")
    run(main, cli)

"""Grow a deletion set with what the developer has."""

import argparse
import json

from redress.developer.expanding import expand
from redress.formats.identity import OF_DELETION_SET
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    identity, setup = identity_of(arguments), setup_of(arguments)
    known, grown = expand(identity, arguments.uses, setup, arguments.settings, provenance(arguments))
    log.info("%d samples grew to %d", known, grown)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_DELETION_SET)
    add_setup(cli)
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: the expansion's own settings")
    run(main, cli)

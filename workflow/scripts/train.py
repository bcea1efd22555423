"""Make the original model M_o of S_tr with the labels the adversary left, and see what it predicts."""

import argparse
import json

from redress.developer.making import make_original
from redress.formats.identity import OF_ORIGINAL
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    identity, setup = identity_of(arguments), setup_of(arguments)
    seconds = make_original(identity, arguments.uses, setup, arguments.settings, provenance(arguments))
    log.info("made in %.1f s", seconds)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    add_setup(cli)
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: the maker's own settings")
    run(main, cli)

"""Make the selected model again and keep its weights, after checking that it predicts what was recorded."""

import argparse

from redress.developer.keeping import keep_selected
from redress.formats.identity import OF_CANDIDATES
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    identity, setup = identity_of(arguments), setup_of(arguments)
    log.info(keep_selected(identity, arguments.uses, setup, provenance(arguments)))


if __name__ == "__main__":
    cli = parser(__doc__, *OF_CANDIDATES)
    add_setup(cli)
    run(main, cli)

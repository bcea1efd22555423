"""Compute an importance, a statistic of M_o that many unlearning jobs share, such as SSD's."""

import argparse

from redress.developer.importance import compute_importance
from redress.formats.identity import OF_IMPORTANCE
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    identity, setup = identity_of(arguments), setup_of(arguments)
    samples, seconds = compute_importance(identity, arguments.uses, setup, provenance(arguments))
    log.info("%s over %d samples in %.2f s", identity.importance, samples, seconds)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_IMPORTANCE)
    add_setup(cli)
    run(main, cli)

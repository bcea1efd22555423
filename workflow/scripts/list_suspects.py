"""List what is most likely bad of the samples that nobody has called so, with what two models say."""

import argparse

from redress.developer.suspecting import suspect
from redress.formats.identity import OF_DELETION_SET
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    identity, setup = identity_of(arguments), setup_of(arguments)
    listed = suspect(identity, arguments.uses, setup, arguments.number, provenance(arguments))
    log.info("%d suspects, ranked by %s", listed, identity.expansion)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_DELETION_SET)
    add_setup(cli)
    cli.add_argument("--number", type=int, required=True, help="how many of the ranking are listed")
    run(main, cli)

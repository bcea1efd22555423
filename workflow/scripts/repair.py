"""Make the chosen model again, check it against its record, and write its weights under its owner's names."""

import argparse
import json

from redress.developer.keeping import repair
from redress.formats.identity import OF_ORIGINAL
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    told = identity_of(arguments), arguments.uses, setup_of(arguments), provenance(arguments)
    names = ("methods", "expansions", "parent", "bad_list")
    log.info(repair(*told, **{name: getattr(arguments, name) for name in names}))


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    add_setup(cli)
    cli.add_argument("--methods", type=json.loads, required=True, help="JSON: blocks to files in methods/")
    cli.add_argument("--expansions", type=json.loads, required=True, help="JSON: who grows S_f for them")
    cli.add_argument("--parent", required=True, help="the weights that were brought")
    cli.add_argument("--bad-list", required=True, help="SHA-256 of the list of bad samples")
    run(main, cli)

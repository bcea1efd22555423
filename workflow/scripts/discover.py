"""Find a part of S_m: the deletion set S_f, sample indices and nothing else."""

import argparse
import json

from redress.adversary.discovery import discover
from redress.formats.identity import OF_DELETION_SET
from redress.launch.job import add_uses, identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    found = discover(identity, arguments.uses, arguments.settings)
    found.save(identity, {"made_by": made_by(arguments)})
    log.info("%d samples", len(found.indices))


if __name__ == "__main__":
    cli = parser(__doc__, *OF_DELETION_SET)
    add_uses(cli)
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: the discovery's own settings")
    run(main, cli)

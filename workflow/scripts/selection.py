"""Select the best candidate of every method and deletion set of one original model."""

import argparse
import json

from redress.developer.selection import select_all
from redress.formats import files
from redress.formats.block import Block
from redress.formats.identity import OF_ORIGINAL
from redress.formats.measures import measures
from redress.launch.job import add_setup, identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    known = {name: one for name, one in measures(arguments.measures).items() if one.owner == "developer"}
    settings = {name: getattr(arguments, name) for name in ("model", "recipe", "device", "threads")}
    blocks = map(Block.from_json, arguments.blocks)
    records = select_all(identity, blocks, known, arguments.weights, settings, arguments.rule)
    content = {"selections": records, "made_by": made_by(arguments)}
    files.write_json(arguments.output or identity.path("selection"), content, identity)
    alive = sum(record["selected"] is not None for record in records)
    log.info("%d deletion sets and methods, something selected for %d of them", len(records), alive)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    add_setup(cli)
    cli.add_argument("--blocks", type=json.loads, required=True, help="JSON: what was run (formats/block.py)")
    cli.add_argument("--measures", nargs="+", required=True, help="files in redress/plugins/measures/")
    cli.add_argument("--weights", type=json.loads, required=True, help="JSON: a weight for each measure")
    cli.add_argument("--rule", required=True, help="a file in redress/plugins/selections/")
    cli.add_argument("--output", help="JSON file instead of the usual one")
    run(main, cli)

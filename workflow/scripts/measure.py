"""Measure every model of one original model against the truth, from what the models predict."""

import argparse
import json

from redress.formats import files
from redress.formats.block import Block
from redress.formats.identity import OF_ORIGINAL
from redress.formats.measures import measures
from redress.launch.job import identity_of, log, made_by, parser, run
from redress.referee.measuring import measure_all


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    path = arguments.selection or identity.path("selection")
    selections = files.read_json(path, identity, "selections")["selections"]
    blocks = [Block.from_json(block) for block in arguments.blocks]
    cells = [dict(zip(("expansion", "discovery", "share"), one, strict=True)) for one in arguments.rankings]
    told = {"bounds": arguments.bounds, "rules": arguments.rules}
    told |= {"rankings": [identity.having(**cell) for cell in cells]}
    measured = measure_all(identity, blocks, measures(arguments.measures), selections, **told)
    measured["made_from"] |= {"selection": files.about_of(path)["seal"]}
    measured |= {"made_by": made_by(arguments)}
    files.write_json(arguments.output or identity.path("measures"), measured, identity)
    log.info("%d candidates, %d selected", len(measured["candidates"]), len(measured["selected"]))


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    cli.add_argument("--blocks", type=json.loads, required=True, help="JSON: what was run (formats/block.py)")
    cli.add_argument("--measures", nargs="+", required=True, help="files in redress/plugins/measures/")
    cli.add_argument("--bounds", nargs="*", default=[], help="files in redress/plugins/bounds/")
    cli.add_argument("--rules", nargs="+", required=True, help="files in redress/plugins/selections/")
    cli.add_argument(
        "--rankings",
        type=json.loads,
        default=[],
        help="JSON: expansion, discovery and share of every grown deletion set to measure",
    )
    cli.add_argument("--selection", help="JSON file of selection.py instead of the usual one")
    cli.add_argument("--output", help="JSON file instead of the usual one")
    run(main, cli)

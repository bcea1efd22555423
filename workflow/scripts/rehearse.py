"""Hold the verdicts on planted manipulations against what they were not told."""

import argparse
import csv
import json
from pathlib import Path

from redress.formats import files, products
from redress.formats.block import Block
from redress.formats.identity import Identity
from redress.judge import Settings
from redress.launch.job import identity_of, log, parser, run
from redress.referee.rehearsal import rehearsed, summary


def main(arguments: argparse.Namespace) -> None:
    place, settings = identity_of(arguments), Settings(**arguments.settings)
    blocks = [Block.from_json(one) for one in arguments.blocks]
    found = [rehearsed(Identity(**names), blocks, settings) for names in arguments.originals]
    about = summary(found)
    files.write_json(place.path("rehearsal"), about, place)
    rows = [row for one in found for row in one.rows]
    with (
        products.sealed(Path(place.path("rehearsal")).with_suffix(".csv")) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    log.info("%d candidates: bias %s, %d intervals hold", about["candidates"], about["bias"], about["held"])


if __name__ == "__main__":
    cli = parser(__doc__, "dataset")
    cli.add_argument(
        "--originals", type=json.loads, required=True, help="JSON: names of each rehearsal's M_o"
    )
    cli.add_argument("--blocks", type=json.loads, required=True, help="JSON: what was run (formats/block.py)")
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: how the judge judges")
    run(main, cli)

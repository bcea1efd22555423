"""Draw the figures from the tables, as PDF for papers and PNG for screens."""

import argparse
import json
from pathlib import Path

from redress.launch.job import log, parser, run
from redress.report.figures import PAPER, draw
from redress.report.paper import paper, save
from redress.report.reading import read_table
from redress.report.shown import Shown


def main(arguments: argparse.Namespace) -> None:
    shown = Shown.from_json(arguments.shown)
    candidates = read_table(arguments.tables / "candidates.csv")
    selected = read_table(arguments.tables / "selected.csv")
    originals = candidates[candidates["method"] == "original"]
    for name, (manipulation, measure) in shown.figures.items():
        if manipulation not in set(selected["manipulation"]):  # nothing of it is finished
            continue
        with paper(**PAPER):
            figure = draw(selected, originals, manipulation, measure, shown)
            for ending in ("pdf", "png"):
                save(figure, arguments.figures / f"{name}.{ending}")
        log.info("%s", name)


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--tables", type=Path, required=True, help="folder of candidates.csv and selected.csv")
    cli.add_argument("--shown", type=json.loads, required=True, help="JSON: see redress/report/shown.py")
    cli.add_argument("--figures", type=Path, required=True, help="folder for the figures")
    run(main, cli)

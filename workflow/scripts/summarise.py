"""Sum the methods up: means over seeds, intervals, differences to the original and to exact unlearning."""

import argparse
import json
from pathlib import Path

from redress.formats import products
from redress.launch.job import log, parser, run
from redress.referee.statistics import summarise
from redress.report.reading import read_table
from redress.report.shown import Shown


def main(arguments: argparse.Namespace) -> None:
    shown = Shown.from_json(arguments.shown)
    candidates = read_table(arguments.tables / "candidates.csv")
    selected = read_table(arguments.tables / "selected.csv")
    bounds = read_table(arguments.tables / "bounds.csv") if arguments.bounds else None
    bound = None if bounds is None else bounds[bounds["bound"] == arguments.bounds[0]]
    summary = summarise(candidates, selected, shown.measures, shown.makers, bound)
    with products.sealed(arguments.tables / "summary.csv") as temporary:
        summary.to_csv(temporary, index=False)
    log.info("%d rows", len(summary))


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--tables", type=Path, required=True, help="folder of candidates.csv and selected.csv")
    cli.add_argument("--bounds", nargs="*", default=[], help="bounds in bounds.csv: shares are of the first")
    cli.add_argument("--shown", type=json.loads, required=True, help="JSON: see redress/report/shown.py")
    run(main, cli)

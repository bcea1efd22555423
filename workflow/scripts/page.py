"""Make the page that shows a run: one HTML file that opens without a network."""

import argparse
import json
import os
from pathlib import Path

from redress.formats import products
from redress.launch.job import log, parser, run
from redress.report.page import Results, render
from redress.report.reading import read_table
from redress.report.shown import Shown

TABLES = ("candidates", "selected", "times", "summary", "provenance")
FURTHER = ("bounds", "rules", "missing")
LINKED = ("rankings", "ranking_curves")
"""Tables of which the page shows the figures and has links."""


def main(arguments: argparse.Namespace) -> None:
    shown = Shown.from_json(arguments.shown)
    paths = {name: arguments.tables / f"{name}.csv" for name in TABLES}
    drawn = [*shown.figures, *shown.overviews]
    figures = {name: arguments.figures / f"{name}.png" for name in drawn}
    further = {name: getattr(arguments, name) for name in FURTHER if getattr(arguments, name)}
    linked = [getattr(arguments, name) for name in LINKED if getattr(arguments, name)]
    listed = [*paths.values(), *further.values(), *linked]
    results = Results(
        **{name: read_table(path) for name, path in (paths | further).items()},
        shown=shown,
        config=arguments.config,
        command=arguments.command,
        figures={name: path for name, path in figures.items() if path.exists()},
        examples=[(path.parent.name, path.stem, path) for path in arguments.examples],
        suspects=[(path.parent.name, path.stem, path) for path in arguments.suspects],
        downloads=[os.path.relpath(path, arguments.output.parent) for path in listed],
    )
    text = render(results)
    with products.sealed(arguments.output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    log.info("%.1f MB", len(text.encode()) / 1e6)


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--tables", type=Path, required=True, help=f"folder of {', '.join(TABLES)}.csv")
    cli.add_argument("--figures", type=Path, required=True, help="folder of the figures")
    cli.add_argument("--shown", type=json.loads, required=True, help="JSON: see redress/report/shown.py")
    cli.add_argument("--examples", type=Path, nargs="*", default=[], help="sheets, DATASET/MANIPULATION.png")
    cli.add_argument("--suspects", type=Path, nargs="*", default=[], help="sheets of rankings, likewise")
    cli.add_argument("--config", type=json.loads, required=True, help="JSON: the config, defaults included")
    cli.add_argument("--command", default="", help="the command that is running")
    cli.add_argument("--bounds", type=Path, help="bounds.csv, if there are any")
    cli.add_argument("--rules", type=Path, help="rules.csv, if it was made")
    cli.add_argument("--rankings", type=Path, help="rankings.csv, if there are expansions")
    cli.add_argument("--ranking_curves", type=Path, help="ranking_curves.csv, likewise")
    cli.add_argument("--missing", type=Path, help="missing.csv of an unfinished run")
    cli.add_argument("--output", type=Path, required=True, help="HTML file")
    run(main, cli)

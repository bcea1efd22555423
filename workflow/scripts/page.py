"""Make the page that shows a run: one HTML file that opens without a network."""

import argparse
import json
import os
from pathlib import Path

from redress import files
from redress.job import log, parser, run
from redress.page import Results, render
from redress.reading import read_table
from redress.styles import styles_of

TABLES = ("candidates", "selected", "times", "summary", "provenance")


def main(arguments: argparse.Namespace) -> None:
    tables = {name: read_table(arguments.tables / f"{name}.csv") for name in TABLES}
    figures = [
        (name, manipulation, column, path)
        for name, (manipulation, column) in arguments.figures.items()
        if (path := arguments.figure_folder / f"{name}.png").exists()
    ]
    shown = [*(arguments.tables / f"{name}.csv" for name in TABLES), arguments.missing]
    results = Results(
        **tables,
        styles=styles_of(arguments.styles["methods"]),
        datasets=arguments.styles["datasets"],
        config=arguments.config,
        command=arguments.command,
        figures=figures,
        examples=[(path.parent.name, path.stem, path) for path in arguments.examples],
        missing=read_table(arguments.missing) if arguments.missing else None,
        downloads=[os.path.relpath(path, arguments.output.parent) for path in shown if path],
    )
    text = render(results, arguments.template)
    with files.atomic(arguments.output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    log.info("%.1f MB", len(text.encode()) / 1e6)


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--tables", type=Path, required=True, help=f"folder of {', '.join(TABLES)}.csv")
    cli.add_argument("--figure-folder", type=Path, required=True)
    cli.add_argument("--figures", type=json.loads, required=True, help="JSON: name to [manipulation, column]")
    cli.add_argument("--examples", type=Path, nargs="*", default=[], help="sheets, DATASET/MANIPULATION.png")
    cli.add_argument("--styles", type=json.loads, required=True, help="JSON, as for plot.py")
    cli.add_argument("--config", type=json.loads, required=True, help="JSON: the config, defaults included")
    cli.add_argument("--command", default="", help="the command that is running")
    cli.add_argument("--template", type=Path, required=True)
    cli.add_argument("--missing", type=Path, help="missing.csv of an unfinished run")
    cli.add_argument("--output", type=Path, required=True, help="HTML file")
    run(main, cli)

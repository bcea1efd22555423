"""Gather all results into tables: every candidate, every selected one, and the time each method takes."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from redress import files
from redress.job import log, parser, run
from redress.records import COLUMNS
from redress.tables import candidate_row, selected_row, times_table


def main(arguments: argparse.Namespace) -> None:
    originals = [files.read_json(folder / "original.json", *COLUMNS) for folder in arguments.runs]
    selections = list(read_selections(arguments))
    candidates = [record for selection in selections for record in selection["candidates"]]
    table = pd.DataFrame([candidate_row(record) for record in originals + candidates], columns=list(COLUMNS))
    write(arguments.candidates, table)
    write(arguments.selected, pd.DataFrame([selected_row(selection) for selection in selections]))
    write(arguments.times, times_table(table))
    log.info("%d originals, %d candidates, %d selected", len(originals), len(candidates), len(selections))


def read_selections(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What selection.py wrote, in the order of the config."""
    for folder in arguments.runs:
        for method in arguments.methods:
            for fraction in arguments.fractions:
                yield files.read_json(
                    folder / "selection" / method / f"{fraction}.json", "selected", "candidates"
                )


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file; what is undefined stays empty."""
    with files.atomic(path) as temporary:
        table.to_csv(temporary, index=False)


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of original models")
    cli.add_argument("--methods", nargs="+", required=True)
    cli.add_argument("--fractions", nargs="+", required=True, help="deletion fractions, as in file names")
    cli.add_argument("--candidates", type=Path, required=True, help="CSV to write: a row per candidate")
    cli.add_argument("--selected", type=Path, required=True, help="CSV to write: a row per selected model")
    cli.add_argument("--times", type=Path, required=True, help="CSV to write: seconds per method")
    run(main, cli)

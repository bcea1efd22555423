"""Gather all results into tables: candidates, selected ones, the time of each method, and provenance."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from redress import files
from redress.errors import BadInputError
from redress.job import log, parser, run
from redress.records import COLUMNS
from redress.tables import candidate_row, provenance_table, selected_row, times_table

MISSING = ["dataset", "manipulation", "n_manipulated", "seed", "method", "deletion_fraction"]


def main(arguments: argparse.Namespace) -> None:
    left_out = set(map(Path, arguments.leave_out.read_text().split("\n"))) if arguments.leave_out else set()
    measured, planned = dict(original_files(arguments)), dict(selection_files(arguments))
    originals = [files.read_json(path, *COLUMNS, "provenance") for path in measured if path not in left_out]
    selections = [files.read_json(path, "selected", "candidates") for path in planned if path not in left_out]
    if not originals or not selections:
        raise BadInputError("nothing is finished that a table could hold")
    candidates = [record for selection in selections for record in selection["candidates"]]
    table = pd.DataFrame([candidate_row(record) for record in originals + candidates], columns=list(COLUMNS))
    write(arguments.candidates, table)
    write(arguments.selected, pd.DataFrame([selected_row(selection) for selection in selections]))
    write(arguments.times, times_table(table))
    write(arguments.provenance, provenance_table(originals + candidates))
    if arguments.missing:
        missing = [about for path, about in {**measured, **planned}.items() if path in left_out]
        write(arguments.missing, pd.DataFrame(missing, columns=MISSING))
    log.info("%d originals, %d candidates, %d selected", len(originals), len(candidates), len(selections))


def original_files(arguments: argparse.Namespace) -> Iterator[tuple[Path, dict[str, str]]]:
    """What evaluate.py writes, in the order of the config, and what each file is about."""
    for folder in arguments.runs:
        dataset, manipulation, n, seed = folder.parts[-4:]
        names = {"dataset": dataset, "manipulation": manipulation, "n_manipulated": n[1:], "seed": seed[4:]}
        yield folder / "original.json", {**names, "method": "original"}


def selection_files(arguments: argparse.Namespace) -> Iterator[tuple[Path, dict[str, str]]]:
    """What selection.py writes, in the order of the config, and what each file is about."""
    for path, names in original_files(arguments):
        for method in arguments.methods:
            for fraction in arguments.fractions:
                about = {**names, "method": method, "deletion_fraction": fraction}
                yield path.parent / "selection" / method / f"{fraction}.json", about


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
    cli.add_argument("--provenance", type=Path, required=True, help="CSV to write: what made the results")
    cli.add_argument("--leave-out", type=Path, help="a file with paths of results that are not to be read")
    cli.add_argument("--missing", type=Path, help="CSV to write: what was left out")
    run(main, cli)

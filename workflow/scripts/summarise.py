"""Sum the methods up: means over seeds, intervals, differences to the original and to exact unlearning."""

import argparse
from pathlib import Path

from redress import files
from redress.job import log, parser, run
from redress.reading import read_table
from redress.statistics import summarise


def main(arguments: argparse.Namespace) -> None:
    summary = summarise(read_table(arguments.candidates), read_table(arguments.selected))
    with files.atomic(arguments.output) as temporary:
        summary.to_csv(temporary, index=False)
    log.info("%d rows", len(summary))


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--candidates", type=Path, required=True, help="candidates.csv")
    cli.add_argument("--selected", type=Path, required=True, help="selected.csv")
    cli.add_argument("--output", type=Path, required=True, help="CSV to write")
    run(main, cli)

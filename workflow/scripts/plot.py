"""Draw the figures from the tables, as PDF for papers and PNG for screens."""

import argparse
import json
from pathlib import Path

from redress import files
from redress.figures import draw
from redress.job import log, parser, run
from redress.reading import read_table
from redress.styles import styles_of


def main(arguments: argparse.Namespace) -> None:
    candidates = read_table(arguments.candidates)
    originals = candidates[candidates["method"] == "original"]
    selected = read_table(arguments.selected)
    styles = styles_of(arguments.styles["methods"])
    for name, (manipulation, column) in arguments.figures.items():
        if manipulation not in set(selected["manipulation"]):  # nothing of it is finished
            continue
        figure = draw(selected, originals, manipulation, column, styles, arguments.styles["datasets"])
        for ending, metadata in (("pdf", {"CreationDate": None}), ("png", {"Software": None})):
            with files.atomic(arguments.output_folder / f"{name}.{ending}") as temporary:
                figure.savefig(temporary, metadata=metadata, dpi=300)
        log.info("%s", name)


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--candidates", type=Path, required=True, help="candidates.csv")
    cli.add_argument("--selected", type=Path, required=True, help="selected.csv")
    cli.add_argument("--figures", type=json.loads, required=True, help="JSON: name to [manipulation, column]")
    cli.add_argument(
        "--styles",
        type=json.loads,
        required=True,
        help='JSON: {"methods": [[name, {"label": ..., "color": ..., "marker": ...}], ...],'
        ' "datasets": {name: label}}',
    )
    cli.add_argument("--output-folder", type=Path, required=True)
    run(main, cli)

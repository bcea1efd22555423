"""Draw the figures from the tables, as PDF for papers and PNG for screens."""

import argparse
import json
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from redress.launch.job import log, parser, run
from redress.report import discovered, plane, ranked
from redress.report.figures import PAPER, draw
from redress.report.paper import paper, save
from redress.report.reading import read_table
from redress.report.shown import Shown

OVERVIEWS = {
    "plane": plane.draw,
    "false_positives": discovered.over_false_positives,
    "discovery": discovered.by_discovery,
}
RANKED = {"precision_recall": ranked.precision_over_recall, "recovered": ranked.recovered}


def main(arguments: argparse.Namespace) -> None:
    shown = Shown.from_json(arguments.shown)
    candidates = read_table(arguments.tables / "candidates.csv")
    selected = read_table(arguments.tables / "selected.csv")
    originals = candidates[candidates["method"] == "original"]
    bounds = read_table(arguments.bounds) if arguments.bounds else None
    finished = set(selected["manipulation"])
    curves = {name: partial(draw, selected, originals, *figure) for name, figure in shown.figures.items()}
    drawings = {name: drawing for name, drawing in curves.items() if shown.figures[name][0] in finished} | {
        name: partial(OVERVIEWS[one.kind], selected, originals, one)
        for name, one in shown.overviews.items()
        if one.kind in OVERVIEWS and len(one.of(selected))
    }
    for name, drawing in drawings.items():
        with paper(**PAPER):
            keep(drawing(shown, bounds), arguments.figures, name)
    if not arguments.rankings:
        return
    rankings, precisions = read_table(arguments.rankings), read_table(arguments.ranking_curves)
    for name, one in shown.overviews.items():
        if one.kind in RANKED and len(one.of(precisions)):
            with paper(**PAPER):
                keep(RANKED[one.kind](rankings, precisions, one), arguments.figures, name)


def keep(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure, within `paper`."""
    for ending in ("pdf", "png"):
        save(figure, folder / f"{name}.{ending}")
    log.info("%s", name)


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--tables", type=Path, required=True, help="folder of candidates.csv and selected.csv")
    cli.add_argument("--bounds", type=Path, help="bounds.csv, if there are any")
    cli.add_argument("--rankings", type=Path, help="rankings.csv, if there are expansions")
    cli.add_argument("--ranking_curves", type=Path, help="ranking_curves.csv, likewise")
    cli.add_argument("--shown", type=json.loads, required=True, help="JSON: see redress/report/shown.py")
    cli.add_argument("--figures", type=Path, required=True, help="folder for the figures")
    run(main, cli)

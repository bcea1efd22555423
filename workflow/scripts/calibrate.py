"""Hold what the judge says, told what a user knows, against the truth that it was not told."""

import argparse
import json
from pathlib import Path

import pandas as pd

from redress.formats import products
from redress.formats.block import Block
from redress.formats.identity import Identity
from redress.judge import Settings
from redress.launch.job import log, parser, run
from redress.referee.calibration import estimates, scenarios, summary, verdicts
from redress.report.calibration import draw
from redress.report.paper import PAPER, paper, save
from redress.report.shown import Shown


def main(arguments: argparse.Namespace) -> None:
    rows: dict[str, list[dict[str, object]]] = {"judge_estimates": [], "judge_verdicts": []}
    for names, blocks in arguments.originals:
        listed = [Block.from_json(block) for block in blocks]
        for scenario in scenarios(Identity(**names), listed, arguments.whole, arguments.folds):
            rows["judge_estimates"] += estimates(scenario)
            rows["judge_verdicts"] += verdicts(scenario, Settings())
    tables = {name: pd.DataFrame(own) for name, own in rows.items()}
    tables["judge_summary"] = summary(tables["judge_estimates"], tables["judge_verdicts"])
    for name, table in tables.items():
        with products.sealed(arguments.tables / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)
    with paper(**PAPER):
        figure = draw(tables["judge_estimates"], tables["judge_summary"], Shown.from_json(arguments.shown))
        for ending in ("pdf", "png"):
            save(figure, arguments.figures / f"judge.{ending}")
    log.info("%d estimates, %d verdicts", *map(len, rows.values()))


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--originals", type=json.loads, required=True, help="JSON: [[names, blocks], ...]")
    cli.add_argument("--whole", required=True, help="the discovery of S_f")
    cli.add_argument("--folds", nargs="+", required=True, help="discoveries of S_f less a fold each")
    cli.add_argument("--shown", type=json.loads, required=True, help="JSON: see redress/report/shown.py")
    cli.add_argument("--tables", type=Path, required=True, help="folder for the tables")
    cli.add_argument("--figures", type=Path, required=True, help="folder for the figure")
    run(main, cli)

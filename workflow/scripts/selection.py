"""Select the best candidate of one (method, |S_f|) by validation accuracy and deletion change."""

import argparse
import json
from pathlib import Path

from redress import files
from redress.job import log, parser, run
from redress.selection import WEIGHTS, oracle, score, select

NEEDED = ("hyperparameters", "validation_accuracy", "deletion_change", "removal_test")


def main(arguments: argparse.Namespace) -> None:
    records = [files.read_json(path, *NEEDED) for path in arguments.candidates]
    chosen = select(records, arguments.weights)
    result = {
        "selected": chosen,
        "score": chosen and score(chosen, arguments.weights),
        "oracle": oracle(records),
        "weights": arguments.weights,
        "candidates": records,
    }
    files.write_json(arguments.output, result)
    if chosen is None:
        log.info("all %d candidates diverged: nothing to select", len(records))
    else:
        log.info("of %d candidates: %s, score %.4f", len(records), chosen["hyperparameters"], result["score"])


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--candidates", type=Path, nargs="+", required=True, help="results, in grid order")
    cli.add_argument("--weights", type=json.loads, default=WEIGHTS, help="JSON: a weight for each figure")
    cli.add_argument("--output", type=Path, required=True, help="JSON file")
    run(main, cli)

"""Measure the original model M_o, the reference that unlearning is compared with."""

import argparse
from pathlib import Path

from redress import files
from redress.evaluation import Evaluation
from redress.job import add_scenario, parser, provenance, run
from redress.records import record
from redress.scenario import Scenario, Stopwatch, device_name


def main(arguments: argparse.Namespace) -> None:
    scenario = Scenario(arguments)
    evaluation, original = Evaluation(scenario), scenario.load_model(arguments.original)
    with Stopwatch(scenario.device) as stopwatch:
        # No S_f is involved: the whole of S_m counts as not discovered.
        measured = evaluation.measure(evaluation.predict(original), deletion_size=0)
    result = record(
        arguments,
        "original",
        measured,
        device_name(scenario.device),
        provenance(arguments, "evaluate.py"),
        evaluation_seconds=stopwatch.seconds,
    )
    files.write_json(arguments.output, result)


if __name__ == "__main__":
    cli = parser(__doc__)
    add_scenario(cli)
    cli.add_argument("--original", type=Path, required=True, help="the weights of M_o")
    cli.add_argument("--output", type=Path, required=True, help="JSON file with the measurements")
    run(main, cli)

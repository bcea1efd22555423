"""Run one or several candidates of a method on one deletion set, and measure what comes out."""

import argparse
import json
from pathlib import Path

from redress import files
from redress.candidate_job import CandidateJob, add_arguments
from redress.candidates import candidate_name
from redress.job import log, parser, run


def main(arguments: argparse.Namespace) -> None:
    job = CandidateJob(arguments, "unlearn.py")
    for hyperparameters in arguments.candidates:
        name = candidate_name(hyperparameters)
        _, result = job.run(hyperparameters)
        files.write_json(arguments.output_folder / f"{name}.json", result)
        if result["validation_accuracy"] is None:
            log.info("%s %s: diverged", arguments.method, name)
        else:
            log.info(
                "%s %s: validation accuracy %.4f, deletion change %.4f, %.2f s",
                arguments.method,
                name,
                result["validation_accuracy"],
                result["deletion_change"],
                result["unlearn_seconds"],
            )


if __name__ == "__main__":
    cli = parser(__doc__)
    add_arguments(cli)
    cli.add_argument(
        "--candidates",
        type=json.loads,
        default=[{}],
        help='JSON list of hyperparameters, such as [{"alpha": 0.1}, {"alpha": 1}]',
    )
    cli.add_argument("--output-folder", type=Path, required=True, help="gets one JSON file per candidate")
    run(main, cli)

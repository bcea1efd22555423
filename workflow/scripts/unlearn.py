"""Run one or several candidates of a method on one deletion set, and see what comes out predicts."""

import argparse
import json

from redress.developer.candidate_job import CandidateJob
from redress.formats.candidates import candidate_name
from redress.formats.identity import OF_CANDIDATES
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    job = CandidateJob(identity, arguments.uses, setup_of(arguments), provenance(arguments))
    for hyperparameters in arguments.candidates:
        name = candidate_name(hyperparameters)
        _, predictions = job.run(hyperparameters)
        predictions.save("candidate", identity.having(candidate=name))
        end = "diverged after" if predictions.diverged else "took"
        log.info("%s %s %s %.2f s", identity.method, name, end, predictions.about["unlearn_seconds"])


if __name__ == "__main__":
    cli = parser(__doc__, *OF_CANDIDATES)
    add_setup(cli)
    cli.add_argument(
        "--candidates",
        type=json.loads,
        default=[{}],
        help='JSON list of hyperparameters, such as [{"alpha": 0.1}, {"alpha": 1}]',
    )
    run(main, cli)

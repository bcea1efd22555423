"""Run one or several candidates of a method on one deletion set, and see what comes out predicts."""

import argparse
import json

from redress.developer import finished
from redress.developer.candidate_job import CandidateJob
from redress.formats.candidates import candidate_name
from redress.formats.identity import OF_CANDIDATES
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    job = CandidateJob(identity, arguments.uses, setup_of(arguments), provenance(arguments))
    several, failures = len(arguments.candidates) > 1, []
    for hyperparameters in arguments.candidates:
        name = candidate_name(hyperparameters)
        who = identity.having(candidate=name)
        if several and finished.bring_back(who, job.made_from(hyperparameters), job.provenance):
            log.info("%s %s was finished before", identity.method, name)
            continue
        try:
            _, predictions = job.run(hyperparameters)
        except Exception as error:  # the others are not to suffer from it
            log.info("%s %s failed: %s", identity.method, name, error)
            failures.append(error)
            continue
        predictions.save("candidate", who)
        if several:
            finished.put_aside(who)
        end = "diverged after" if predictions.diverged else "took"
        log.info("%s %s %s %.2f s", identity.method, name, end, predictions.about["unlearn_seconds"])
    if failures:
        raise failures[0]
    if several:
        finished.clear(identity)


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

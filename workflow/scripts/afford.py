"""Say which candidates are run at all, where a budget does not allow all of them."""

import argparse
import json

from redress.formats import files
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.judge.budget import FIRST_SHARE, Job, Speed, affordable, minutes
from redress.launch.job import identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    place = Identity(identity_of(arguments).dataset)
    measured = files.read_json(place.path("checks"), place, "speed")["speed"]
    jobs = [Job(**one) for one in arguments.jobs]
    speed = Speed(measured["step"], measured["prediction"], arguments.batches)
    kept, estimates = affordable(jobs, speed, FIRST_SHARE * 60 * arguments.minutes)
    content = {
        "candidates": [[jobs[at].method, name] for at in kept for name in jobs[at].candidates],
        "left_out": [
            [job.method, name, f"not run: its job would take {minutes(estimates[at])}"]
            for at, job in enumerate(jobs)
            for name in job.candidates
            if at not in kept
        ],
        "estimated_seconds": {f"{job.method} {at}": estimates[at] for at, job in enumerate(jobs)},
        "made_by": made_by(arguments),
    }
    files.write_json(place.path("afforded"), content, place)
    log.info("%d of %d jobs fit the budget of %g minutes", len(kept), len(jobs), arguments.minutes)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    cli.add_argument(
        "--jobs", type=json.loads, required=True, help="JSON: what runs together (judge/budget.py)"
    )
    cli.add_argument("--minutes", type=float, required=True, help="what all candidates may take")
    cli.add_argument("--batches", type=int, required=True, help="in a pass over the training set")
    run(main, cli)

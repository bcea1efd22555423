"""Say which candidates are worth making again without which part of S_f, by what is known of them."""

import argparse
import json
from collections.abc import Iterator

from redress.formats import files
from redress.formats.block import Block
from redress.formats.correction import FOLD, KNOWN
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.judge.budget import Again, Job, again, minutes, spent_by
from redress.judge.case import Case
from redress.judge.choice import Settings, shortlist
from redress.judge.reading import Named, candidates, original_outcome, runs
from redress.launch.job import identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    place = Identity(identity.dataset)
    known = [block for block in map(Block.from_json, arguments.blocks) if block.discovery == KNOWN]
    ran = runs(place, arguments.minutes)
    named = candidates(identity, known, [], lambda method, name, part: ran(method, name), arguments.unseen)
    original, _ = original_outcome(identity)
    case, settings = Case.load(identity.dataset), Settings(**arguments.settings)
    best = shortlist(case, original, [one for _, one in named], settings)
    jobs = [Job(**one) for one in arguments.jobs]
    spent = spent_by(named, jobs)
    left = None if arguments.minutes is None else 60 * arguments.minutes - spent
    plan = again(case, named, best, jobs, len(arguments.groups), left)
    content = {
        "shortlist": [[named[at][1].method, named[at][0]] for at in best if at in plan.parts],
        "parts": [
            [named[at][1].method, named[at][0], list(plan.parts[at])] for at in best if at in plan.parts
        ],
        "left_out": list(left_out(named, plan, int(case.fold.max()) + 1, len(arguments.groups))),
        "spent_seconds": spent,
        "made_by": made_by(arguments),
    }
    files.write_json(place.path("shortlist"), content, place)
    log.info("%d of %d candidates are made again without parts of the list", len(plan.parts), len(named))


def left_out(named: Named, plan: Again, folds: int, groups: int) -> Iterator[list[str]]:
    """What is not made again: method, name of the candidate, and what of it."""
    for at, seconds in plan.dropped.items():
        yield [named[at][1].method, named[at][0], f"not judged: folds would take {minutes(seconds)}"]
    for at, seconds in plan.short.items():
        made = sum(part.startswith(FOLD) for part in plan.parts[at])
        lacking = [f"{folds - made} of {folds} folds"] if made < folds else []
        lacking += [f"{groups} groups"] if groups else []
        words = f"judged without {' and '.join(lacking)}, which would take {minutes(seconds)} more"
        yield [named[at][1].method, named[at][0], words]


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    cli.add_argument("--blocks", type=json.loads, required=True, help="JSON: what was run (formats/block.py)")
    cli.add_argument("--unseen", type=json.loads, default=[], help="JSON: [method, candidate] without S_f")
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: how the judge judges")
    cli.add_argument("--groups", type=json.loads, default=[], help="JSON list: groups that may be left out")
    cli.add_argument(
        "--jobs", type=json.loads, required=True, help="JSON: what runs together (judge/budget.py)"
    )
    cli.add_argument("--minutes", type=float, help="what all candidates may take; without it, what they take")
    run(main, cli)

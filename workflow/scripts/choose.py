"""Choose a candidate for somebody's model, by the samples that its folds held out."""

import argparse
import json

from redress.formats import files
from redress.formats.block import Block
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.judge import Case, Settings, judge
from redress.judge.reading import candidates, made_again, original_outcome
from redress.launch.job import identity_of, log, parser, run


def main(arguments: argparse.Namespace) -> None:
    identity, blocks = identity_of(arguments), map(Block.from_json, arguments.blocks)
    place = Identity(identity.dataset)
    made = made_again(place, arguments.minutes)
    named = candidates(identity, blocks, arguments.groups, made, arguments.unseen)
    case, (original, _) = Case.load(identity.dataset), original_outcome(identity)
    judgement = judge(case, original, [one for _, one in named], Settings(**arguments.settings))
    taken = None if judgement.handed is None else named[judgement.handed]
    choice = {
        "status": judgement.status,
        "method": taken and taken[1].method,
        "candidate": taken and taken[0],
    }
    files.write_json(place.path("choice"), choice, place)
    log.info("%(status)s: %(method)s %(candidate)s", choice)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    cli.add_argument("--blocks", type=json.loads, required=True, help="JSON: what was run (formats/block.py)")
    cli.add_argument("--groups", type=json.loads, default=[], help="JSON list: groups that were left out")
    cli.add_argument("--minutes", type=float, help="what all candidates may take")
    cli.add_argument("--unseen", type=json.loads, default=[], help="JSON: [method, candidate] without S_f")
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: how the judge judges")
    run(main, cli)

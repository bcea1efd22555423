"""Say which candidates are worth making again without each part of S_f, by what is known of them."""

import argparse
import json

from redress.formats import files
from redress.formats.block import Block
from redress.formats.correction import KNOWN
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.judge.case import Case
from redress.judge.choice import Settings, shortlist
from redress.judge.reading import candidates, original_outcome
from redress.launch.job import identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    known = [block for block in map(Block.from_json, arguments.blocks) if block.discovery == KNOWN]
    named = candidates(identity, known, [], lambda method, name: False)
    original, _ = original_outcome(identity)
    settings = Settings(**arguments.settings)
    best = shortlist(Case.load(identity.dataset), original, [one for _, one in named], settings)
    chosen = [[named[at][1].method, named[at][0]] for at in best]
    place = Identity(identity.dataset)
    content = {"shortlist": chosen, "made_by": made_by(arguments)}
    files.write_json(place.path("shortlist"), content, place)
    log.info("%d of %d candidates are made again without each part of the list", len(chosen), len(named))


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    cli.add_argument("--blocks", type=json.loads, required=True, help="JSON: what was run (formats/block.py)")
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: how the judge judges")
    run(main, cli)

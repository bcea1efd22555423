"""Let the adversary act: write the developer's training view, the probes and, apart, the truth."""

import argparse
import json

from redress.adversary.act import act
from redress.formats.identity import OF_RUN
from redress.launch.job import add_uses, identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    done = act(identity, arguments.uses["manipulation"], arguments.settings)
    about = {"manipulation": arguments.uses["manipulation"], "settings": arguments.settings}
    done.save(identity, {**about, "made_by": made_by(arguments)})
    changed = int((done.truth.true_labels != done.truth.given_labels).sum())
    log.info("%d samples manipulated, %d of them with another label", len(done.truth.manipulated), changed)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_RUN)
    add_uses(cli)
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: the manipulation's own settings")
    run(main, cli)

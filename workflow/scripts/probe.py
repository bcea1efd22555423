"""Hold the model that somebody brings against what they say of it, and keep it as M_o."""

import argparse
import json
from dataclasses import asdict

from redress.developer.probing import Brought, check_fit, probe
from redress.formats import files
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of


def main(arguments: argparse.Namespace) -> None:
    identity, brought = identity_of(arguments), Brought(**arguments.brought)
    if arguments.before_pictures:
        channels, classes = arguments.before_pictures
        check_fit(arguments.model, channels, classes, brought)
        return
    probed = probe(identity, arguments.uses, setup_of(arguments), brought, provenance(arguments))
    for one in probed.checks:
        log.info("%s%s: %s", "" if one.well else "warning: ", one.about, one.found)
    place = Identity(identity.dataset)
    files.write_json(place.path("checks"), asdict(probed), place)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    add_setup(cli)
    cli.add_argument("--brought", type=json.loads, required=True, help="JSON: what is said of the model")
    cli.add_argument(
        "--before-pictures",
        type=json.loads,
        help="JSON: [channels, classes]; see only whether the weights fit, for which no pictures are needed",
    )
    run(main, cli)

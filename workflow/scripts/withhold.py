"""Hold out a part of a deletion set, for candidates to be compared on."""

import argparse

from redress.developer.withholding import withhold
from redress.formats.identity import OF_DELETION_SET
from redress.launch.job import add_uses, identity_of, log, parser, provenance, run


def main(arguments: argparse.Namespace) -> None:
    held_out, known = withhold(identity_of(arguments), arguments.uses, provenance(arguments))
    if held_out:
        log.info("%d of %d samples are held out", held_out, known)
    else:
        log.info("none of %d samples is held out: candidates are compared on all of them", known)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_DELETION_SET)
    add_uses(cli)
    run(main, cli)

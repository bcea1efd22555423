"""Decode the pictures that somebody brings, once, in the size that their model wants."""

import argparse

from redress.brought.case import ingest, listings
from redress.formats import files
from redress.formats.identity import BROUGHT
from redress.launch.job import add_pictures, identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    lists = listings(arguments.training, arguments.validation, arguments.classes)
    about = {
        "classes": arguments.classes,
        "ids": files.digest_of_seals(lists[0].ids),
        "source": BROUGHT,
        "made_by": made_by(arguments),
    }
    ingest(identity_of(arguments), lists, arguments.preprocess, about)
    log.info("%d training and %d validation pictures", *map(len, lists))


if __name__ == "__main__":
    cli = parser(__doc__, "dataset")
    add_pictures(cli)
    run(main, cli)

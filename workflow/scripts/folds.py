"""Cut the list of bad samples into parts, and keep what it says of true labels for the judge alone."""

import argparse
import json
from typing import Any

import numpy as np

from redress.brought.bad_list import read_bad_list
from redress.brought.case import copies, cut, in_both, listings, probably_fine
from redress.formats import files
from redress.formats.correction import UNKNOWN
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.judge.case import Case
from redress.launch.job import add_pictures, identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    identity, classes = identity_of(arguments), arguments.classes
    lists = training, validation = listings(arguments.training, arguments.validation, classes)
    bad = read_bad_list(arguments.bad, arguments.tag, training, validation, classes)
    fold = cut(identity, lists, bad, arguments.folds, arguments.groups, {"made_by": made_by(arguments)})
    Case(
        ids=tuple(training.ids[sample] for sample in bad.samples),
        classes=tuple(classes),
        validation_labels=validation.labels,
        trusted=arguments.validation.get("trusted", True),
        bad_given=training.labels[bad.samples],
        bad_true=bad.true_labels,
        fold=fold,
        group=None if bad.groups is None else np.array(bad.groups),
    ).save(identity.dataset)
    pictures, _ = files.load_arrays(identity.path("pictures"), Identity(identity.dataset), mapped=True)
    digests = pictures["train_digests"], pictures["validation_digests"]
    alike = copies(*digests, bad, training, validation)
    notes: dict[str, Any] = {"copies": alike, "probably_fine": probably_fine(bad, training)}
    notes["in_both"] = in_both(*digests, validation)
    notes |= {"bad": len(bad), "bad_with_true_label": int((bad.true_labels != UNKNOWN).sum())}
    files.write_json(identity.path("notes"), notes, Identity(identity.dataset))
    log.info("%d bad samples in %d folds; %d copies of them elsewhere", len(bad), arguments.folds, len(alike))


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    add_pictures(cli)
    cli.add_argument("--bad", required=True, help="the list of bad samples")
    cli.add_argument("--tag", help="of a FiftyOne list, the tag of bad rows")
    cli.add_argument("--folds", type=int, required=True, help="parts that are left out once each")
    cli.add_argument("--groups", type=json.loads, default=[], help="JSON list: groups of the list, likewise")
    run(main, cli)

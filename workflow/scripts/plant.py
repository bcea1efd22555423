"""Plant wrong labels like those that were found, in the rest of what somebody brings: a case to rehearse."""

import argparse
import json

import numpy as np

from redress.adversary.planting import plant
from redress.brought.bad_list import read_bad_list
from redress.brought.case import fold_of, listings, others
from redress.brought.pictures import mark_in
from redress.formats import files
from redress.formats.alterations import View
from redress.formats.contents import DeletionSet, Probes
from redress.formats.correction import FOLD, KNOWN, UNKNOWN
from redress.formats.identity import OF_ORIGINAL, PLAIN, Identity
from redress.judge.case import Case
from redress.launch.job import add_pictures, identity_of, log, made_by, parser, run


def main(arguments: argparse.Namespace) -> None:
    identity, classes, m = identity_of(arguments), arguments.classes, arguments.found
    about = {"made_by": made_by(arguments)}
    training, validation = listings(arguments.training, arguments.validation, classes)
    bad = read_bad_list(arguments.bad, arguments.tag, training, validation, classes)
    kept = np.setdiff1d(np.arange(len(training)), bad.samples)
    source, settings = Identity(arguments.source), {"pairs": arguments.pairs}
    mark = mark_in(arguments.mark["file"], arguments.preprocess) if arguments.mark else None
    planted = plant(identity, source, training.labels, arguments.use, settings, kept, about, mark)
    found, missed = planted.samples[:m], planted.samples[m:]
    probes = found, others(identity.dataset, found, len(kept)), missed
    Probes(tuple(View("train", one) for one in probes)).save(identity.run, about)
    fold = fold_of(identity.dataset, planted.given[:m], arguments.folds)
    for name, left_out in {KNOWN: -1, **{f"{FOLD}{k}": k for k in range(arguments.folds)}}.items():
        cell = identity.having(discovery=name, share="1.0", expansion=PLAIN)
        DeletionSet(found[fold != left_out]).save(cell, about)
    told = (bad.true_labels != UNKNOWN).any()  # as much as the user knows
    Case(
        ids=tuple(training.ids[kept[sample]] for sample in found),
        classes=tuple(classes),
        validation_labels=validation.labels,
        trusted=arguments.validation.get("trusted", True),
        bad_given=planted.given[:m],
        bad_true=planted.true[:m] if told else np.full(m, UNKNOWN),
        fold=fold,
    ).save(identity.dataset)
    labels = {"given": planted.given[m:].tolist(), "true": planted.true[m:].tolist()}
    files.write_json(identity.path("planted"), labels, Identity(identity.dataset))
    log.info("%d wrong labels planted, %d of them found", len(planted.samples), m)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    add_pictures(cli)
    cli.add_argument("--source", required=True, help="the correction whose pictures they are")
    cli.add_argument("--bad", required=True, help="its list of bad samples, which are left out")
    cli.add_argument("--tag", help="of a FiftyOne list, the tag of bad rows")
    cli.add_argument("--use", required=True, help="a file in redress/plugins/manipulations/")
    cli.add_argument("--pairs", type=json.loads, required=True, help="JSON: [[given, true, count], ...]")
    cli.add_argument("--mark", type=json.loads, help="JSON: file and SHA-256 of what their pictures carry")
    cli.add_argument("--found", type=int, required=True, help="how many of them somebody finds")
    cli.add_argument("--folds", type=int, required=True, help="parts that are left out once each")
    run(main, cli)

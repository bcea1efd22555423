"""From what somebody brings to the files that the developer's jobs and the judge start from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from redress.brought.bad_list import BadList
from redress.brought.listing import Listing, listing, rows_of
from redress.brought.pictures import decoded, digest_of
from redress.formats import files
from redress.formats.alterations import View
from redress.formats.contents import DeletionSet, Probes, TrainingView
from redress.formats.correction import FOLD, GROUP, KNOWN, UNKNOWN
from redress.formats.errors import DamagedFileError
from redress.formats.identity import PLAIN, Identity
from redress.formats.seeds import generator_for

Block = Mapping[str, Any]

OTHERS = 2000
"""So many training samples outside S_f are looked at: where 1 % change, the interval is 0.6 to 1.5 %."""


def listings(training: Block, validation: Block, classes: Sequence[str]) -> tuple[Listing, Listing]:
    """Both listings, as they were when the work was planned. Raises BadInputError."""
    first, second = (listing(block, rows_of(block), classes) for block in (training, validation))
    return first, second


def ingest(
    identity: Identity, lists: tuple[Listing, Listing], preprocess: Block, about: Mapping[str, Any]
) -> None:
    """Decode all pictures once and write them as the dataset `identity`; `about` goes into the file.

    Raises BadInputError naming those that cannot be read.
    """
    training, validation = lists
    height, width = preprocess["size"]
    splits = {"train": training, "validation": validation}
    shapes: dict[str, Any] = {"validation_labels": (np.int64, (len(validation),))}
    for split, one in splits.items():
        shapes[f"{split}_images"] = np.uint8, (len(one), len(preprocess["mean"]), height, width)
        shapes[f"{split}_digests"] = np.uint64, (len(one),)
    about = {**about, "mean": preprocess["mean"], "deviation": preprocess["std"]}
    with files.arrays_to_fill(identity.path("pictures"), shapes, about, identity) as arrays:
        arrays["validation_labels"][:] = validation.labels
        for split, one in splits.items():
            for at, picture in enumerate(decoded(one.files, preprocess)):
                arrays[f"{split}_images"][at] = picture
                arrays[f"{split}_digests"][at] = digest_of(picture)


def cut(
    original: Identity,
    lists: tuple[Listing, Listing],
    bad: BadList,
    folds: int,
    groups: Sequence[str],
    about: Mapping[str, Any],
) -> np.ndarray:
    """Write what the developer has of the case: given labels, S_f and some others as probes, S_f and each S_f
    without a part.

    A part that is left out stays in the training set with its bad labels. Returns the number of the fold of
    each bad sample, int64 (m,).
    """
    training, _ = lists
    pictures, held = files.load_arrays(original.path("pictures"), Identity(original.dataset), mapped=True)
    if len(pictures["train_images"]) != len(training) or held["ids"] != files.digest_of_seals(training.ids):
        raise DamagedFileError(original.path("pictures"), "holds other pictures than the lists")
    run = original.run
    view = View("train", np.arange(len(training)))
    TrainingView(view, training.labels, labels_in_doubt=True).save(run, about)
    rest = others(original.dataset, bad.samples, len(training))
    Probes(tuple(View("train", one) for one in (bad.samples, rest) if len(one))).save(run, about)
    fold = fold_of(original.dataset, training.labels[bad.samples], folds)
    parts = {KNOWN: np.zeros(len(bad), bool)}
    parts |= {f"{FOLD}{k}": fold == k for k in range(folds)}
    parts |= {f"{GROUP}{k}": np.array(bad.groups) == name for k, name in enumerate(groups)}
    for name, left_out in parts.items():
        cell = original.having(discovery=name, share="1.0", expansion=PLAIN)
        DeletionSet(bad.samples[~left_out]).save(cell, about)
    return fold


def others(name: str, bad: np.ndarray, samples: int) -> np.ndarray:
    """Some of the `samples` training samples outside S_f, `bad` (m,): indices, ascending, int64 (R,).

    Drawn by the case's name, whatever S_f is, as what a repair does to samples that nobody complained of.
    """
    order = generator_for("collateral", name).permutation(samples)
    return np.sort(order[~np.isin(order, bad)][:OTHERS])


def fold_of(name: str, given: np.ndarray, folds: int) -> np.ndarray:
    """Which fold holds each of m samples out, int64 (m,); all 0 without folds.

    Drawn by the case's name, so that each fold has its share of each `given` label (m,).
    """
    order = generator_for("folds", name).permutation(len(given))
    ranked = order[np.argsort(given[order], kind="stable")]
    fold = np.empty(len(given), np.int64)
    fold[ranked] = np.arange(len(given)) % max(folds, 1)
    return fold


def copies(
    digests: np.ndarray, others: np.ndarray, bad: BadList, training: Listing, validation: Listing
) -> list[str]:
    """Copies, pixel by pixel, of bad samples among the other training and the validation pictures.

    `digests` (N,) are of the training pictures, `others` (V,) of the validation pictures. A line each.
    """
    at: dict[int, list[str]] = defaultdict(list)
    for sample in set(range(len(training))) - set(bad.samples.tolist()):
        at[int(digests[sample])].append(training.ids[sample])
    for sample, digest in enumerate(others.tolist()):
        at[digest].append(f"{validation.ids[sample]} (validation)")
    return [
        f"{', '.join(at[digest])}: a copy of {training.ids[sample]}, which is on the list"
        for sample in bad.samples.tolist()
        if (digest := int(digests[sample])) in at
    ]


def in_both(digests: np.ndarray, others: np.ndarray, validation: Listing) -> list[str]:
    """Validation pictures that are training ones, to the pixel: `digests` (N,) of these, `others` (V,)."""
    return [validation.ids[at] for at in np.flatnonzero(np.isin(others, digests))]


def probably_fine(bad: BadList, training: Listing) -> list[str]:
    """Bad samples whose true label, as given, is the label they were trained with."""
    same = (bad.true_labels != UNKNOWN) & (bad.true_labels == training.labels[bad.samples])
    return [training.ids[sample] for sample in bad.samples[same]]

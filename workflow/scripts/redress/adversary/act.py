"""The adversary's one act: what the developer will have, what will be asked about it, and the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from redress.adversary.manipulation import Manipulation, Samples
from redress.formats import files
from redress.formats.alterations import Alteration, Overlays, Stored, View
from redress.formats.contents import Probes, TrainingView, Truth, check_samples
from redress.formats.errors import BadInputError
from redress.formats.identity import Identity
from redress.formats.seeds import generator_for
from redress.plugins import load

PROBES = {"affected": 0, "unaffected": 1, "manipulated": 2}


def manipulation(name: str, settings: Mapping[str, Any]) -> Manipulation:
    """The manipulation `name` with its settings from config; raises TypeError for one it does not have."""
    module = load("manipulations", name)
    (kind,) = (
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Manipulation) and thing.__module__ == module.__name__
    )
    return kind(**settings)


@dataclass(frozen=True)
class Act:
    """What comes of a manipulation."""

    training_view: TrainingView
    probes: Probes
    truth: Truth

    def save(self, identity: Identity, about: Mapping[str, Any]) -> None:
        """Write the three files; `about` goes with the truth, which says which the other two are."""
        seals = {
            "training_set": self.training_view.save(identity, {}),
            "probes": self.probes.save(identity, {}),
        }
        self.truth.save(identity, about, seals)


def act(identity: Identity, use: str, settings: Mapping[str, Any]) -> Act:
    """Let the manipulation `use` of redress/plugins/manipulations/ change `identity.n` training samples.

    Its draws depend on the dataset, on `use`, n and the seed alone.
    """
    arrays, about = files.load_arrays(identity.path("pictures"), Identity(identity.dataset))
    labels, _ = files.load_arrays(identity.path("true_labels"), Identity(identity.dataset))
    train, test = labels["train_labels"], labels["test_labels"]
    adversary = manipulation(use, settings)
    names = identity.seeded_by(use)

    what = f"manipulations/{use}.py: draw()"
    answer = adversary.draw(train.copy(), int(identity.n or 0), generator_for("manipulation", *names))
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise BadInputError(f"{what} returned {type(answer).__name__} instead of samples and their labels")
    drawn, given = answer
    drawn = check_samples(drawn, len(train), what)
    if len(drawn) != identity.n:
        raise BadInputError(f"{what} drew {len(drawn)} samples instead of {identity.n}")
    given = _check_labels(given, len(drawn), len(about["classes"]), what)
    cover = adversary.cover(train.copy(), drawn, generator_for("cover", *names))
    cover = _check_cover(cover, drawn, len(train), f"manipulations/{use}.py: cover()")

    def altered(split: str, indices: np.ndarray, labels: np.ndarray, covers: int = 0) -> Alteration:
        samples = Samples(arrays[f"{split}_images"][indices], labels[indices], split, indices, covers)
        alteration = adversary.alter(samples, generator_for("alteration", *names, split))
        return _check_alteration(alteration, samples, f"manipulations/{use}.py: alter()")

    given_labels = train.copy()
    given_labels[drawn] = given
    everything, changed = np.arange(len(train)), np.concatenate([drawn, cover])
    in_training = altered("train", changed, train, len(cover))
    of_drawn = in_training and in_training.first(len(drawn))
    affected = np.flatnonzero(_check_mask(adversary.affected(test), len(test), what))
    unaffected = np.flatnonzero(_check_mask(adversary.unaffected(test), len(test), what))
    in_test = altered("test", affected, test)
    sets = {
        "affected": View.altered("test", affected, in_test, np.arange(len(affected))),
        "unaffected": View("test", unaffected),
        "manipulated": View.altered("train", drawn, of_drawn, np.arange(len(drawn))),
    }
    return Act(
        TrainingView(
            View.altered("train", everything, in_training, changed),
            given_labels,
            bool((given_labels != train).any()),
        ),
        Probes(tuple(sets[name] for name in sorted(PROBES, key=PROBES.__getitem__))),
        Truth(
            drawn,
            _marks(of_drawn, len(drawn)),
            train,
            given_labels,
            test,
            affected,
            unaffected,
            PROBES,
            adversary.attack_target,
        ),
    )


def _marks(alteration: Alteration, samples: int) -> np.ndarray:
    """Which mark each sample carries, int64 (K,)."""
    carried = None if alteration is None else alteration.carried
    return np.zeros(samples, np.int64) if carried is None else np.asarray(carried, np.int64)


def _check_labels(given: np.ndarray, count: int, classes: int, what: str) -> np.ndarray:
    given = np.asarray(given)
    if given.shape != (count,) or given.dtype.kind not in "iu":
        raise BadInputError(f"{what} gave labels {given.dtype} {given.shape} instead of {count} integers")
    wrong = given[(given < 0) | (given >= classes)]
    if len(wrong):
        raise BadInputError(f"{what} gave the label {wrong[0]}; labels go from 0 to {classes - 1}")
    return given.astype(np.int64)


def _check_cover(cover: np.ndarray, drawn: np.ndarray, samples: int, what: str) -> np.ndarray:
    if not len(cover):
        return np.empty(0, np.int64)
    cover = check_samples(cover, samples, what)
    both = np.intersect1d(cover, drawn)
    if len(both):
        raise BadInputError(f"{what} names sample {both[0]}, which is in S_m")
    return cover


def _check_mask(mask: np.ndarray, count: int, what: str) -> np.ndarray:
    mask = np.asarray(mask)
    if mask.shape != (count,) or mask.dtype != bool:
        found = f"{mask.dtype} {mask.shape}"
        raise BadInputError(
            f"{what.split(':')[0]}: affected() and unaffected() give {found}, not bool ({count},)"
        )
    return mask


def _check_alteration(alteration: Alteration, samples: Samples, what: str) -> Alteration:
    """The alteration itself, once it is known to fit the samples. Raises BadInputError."""
    shape = samples.images.shape
    if isinstance(alteration, Stored):
        found = np.asarray(alteration.images)
        if found.dtype != np.uint8 or found.shape != shape:
            raise BadInputError(f"{what} gave pictures {found.dtype} {found.shape} instead of uint8 {shape}")
        if alteration.carried is not None:
            _check_carried(alteration.carried, len(samples), what)
    elif isinstance(alteration, Overlays):
        alpha, value = map(np.asarray, (alteration.alpha, alteration.value))
        marks = alpha.shape[0] if alpha.ndim else 0
        for name, part, top in (("alpha", alpha, 1), ("value", value, 255)):
            fits = part.shape in ((marks, channels, *shape[2:]) for channels in (1, shape[1]))
            if not (marks and fits and part.dtype.kind in "fiu"):
                wanted = f"numbers (marks, 1 or {shape[1]}, {shape[2]}, {shape[3]})"
                raise BadInputError(f"{what} gave {name} {part.dtype} {part.shape} instead of {wanted}")
            if not ((part >= 0) & (part <= top)).all():  # neither is NaN
                raise BadInputError(f"{what} gave {name} outside 0 to {top}")
        if _check_carried(alteration.carried, len(samples), what) >= marks:
            raise BadInputError(f"{what} names a mark beyond the {marks} there are")
    elif alteration is not None:
        raise BadInputError(f"{what} gave {type(alteration).__name__} instead of Stored, Overlays or None")
    return alteration


def _check_carried(carried: np.ndarray, samples: int, what: str) -> int:
    """The highest number of a mark that is carried, -1 where there are no samples."""
    carried = np.asarray(carried)
    if carried.shape != (samples,) or carried.dtype.kind not in "iu":
        raise BadInputError(f"{what} says of {carried.shape} samples what they carry, not of {(samples,)}")
    if (carried < 0).any():
        raise BadInputError(f"{what} names a mark {carried.min()}; marks are counted from 0")
    return int(carried.max(initial=-1))

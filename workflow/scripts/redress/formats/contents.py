"""What the files between the parties hold, each with the way to write and to read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from redress.formats import files
from redress.formats.alterations import View
from redress.formats.errors import BadInputError, DamagedFileError
from redress.formats.identity import Identity

DIVERGED = "diverged"


@dataclass(frozen=True)
class TrainingView:
    """S_tr as the developer has it: `training_set.safetensors`."""

    view: View
    given_labels: np.ndarray
    """int64 (N,)."""
    labels_in_doubt: bool
    """Whether given labels may be wrong; who looks at some found samples sees that."""

    def save(self, identity: Identity, about: Mapping[str, Any]) -> str:
        """Write it; returns the file's seal."""
        arrays = {"given_labels": self.given_labels, **self.view.arrays("train")}
        about = {**about, "labels_in_doubt": self.labels_in_doubt}
        return files.save_arrays(identity.path("training_set"), arrays, about, identity)

    @classmethod
    def load(cls, identity: Identity) -> "tuple[TrainingView, str]":
        """The view of `identity.run` and its file's seal."""
        arrays, about = files.load_arrays(identity.path("training_set"), identity.run)
        view = View.from_arrays("train", "train", arrays)
        return cls(view, arrays["given_labels"], about["labels_in_doubt"]), about["seal"]


@dataclass(frozen=True)
class Probes:
    """Unlabelled pictures of which predictions are wanted, in sets whose meaning only the truth knows."""

    sets: tuple[View, ...]

    def save(self, identity: Identity, about: Mapping[str, Any]) -> str:
        """Write them; returns the file's seal."""
        arrays = {
            name: array for i, probe in enumerate(self.sets) for name, array in probe.arrays(f"{i}").items()
        }
        about = {**about, "splits": [probe.split for probe in self.sets]}
        return files.save_arrays(identity.path("probes"), arrays, about, identity)

    @classmethod
    def load(cls, identity: Identity) -> "tuple[Probes, str]":
        """The probes of `identity.run` and their file's seal."""
        arrays, about = files.load_arrays(identity.path("probes"), identity.run)
        sets = (View.from_arrays(f"{i}", split, arrays) for i, split in enumerate(about["splits"]))
        return cls(tuple(sets)), about["seal"]


@dataclass(frozen=True)
class Truth:
    """What only adversary and referee know: `results/truth/`."""

    manipulated: np.ndarray
    """S_m in the order in which it was drawn, int64 (|S_m|,)."""
    mark: np.ndarray
    """Which of several marks each sample of S_m carries, int64 (|S_m|,); 0 where there is one or none."""
    true_labels: np.ndarray
    """Of all training samples, int64 (N,)."""
    given_labels: np.ndarray
    test_labels: np.ndarray
    affected: np.ndarray
    """Test samples that, altered, lie in D_m: indices."""
    unaffected: np.ndarray
    """Test samples that, as they are, lie outside D_m: indices."""
    probes: Mapping[str, int]
    """Which set of the probes is `affected`, `unaffected` and `manipulated`."""
    attack_target: int | None
    act: Mapping[str, str] = field(default_factory=dict)
    """Seals of the `training_set` and the `probes` that were written with it."""
    seal: str = ""
    """Its file's."""

    def save(self, identity: Identity, about: Mapping[str, Any], act: Mapping[str, str]) -> None:
        """Write it, with the seals of what was written with it."""
        names = ("manipulated", "mark", "affected", "unaffected")
        arrays = {name: getattr(self, name) for name in names}
        about = {**about, "probes": dict(self.probes), "attack_target": self.attack_target, "act": dict(act)}
        files.save_arrays(identity.path("truth"), arrays, about, identity)

    @classmethod
    def load(cls, identity: Identity) -> "Truth":
        """The truth about `identity.run`.

        Raises DamagedFileError where it was written with another training set than the one that is there.
        """
        run = identity.run
        arrays, about = files.load_arrays(run.path("truth"), run)
        training, seal = TrainingView.load(run)
        if about["act"]["training_set"] != seal:
            raise DamagedFileError(run.path("truth"), f"was written with another {run.path('training_set')}")
        labels, _ = files.load_arrays(run.path("true_labels"), Identity(run.dataset))
        return cls(
            **arrays,
            true_labels=labels["train_labels"],
            given_labels=training.given_labels,
            test_labels=labels["test_labels"],
            probes=about["probes"],
            attack_target=about["attack_target"],
            act=about["act"],
            seal=about["seal"],
        )


@dataclass(frozen=True)
class DeletionSet:
    """S_f: sample indices, and nothing of how they were found."""

    indices: np.ndarray
    """int64 (|S_f|,), in the order in which somebody found them."""
    scores: np.ndarray | None = None
    """Of a grown set the ranking it came from, float32 (N,): the higher, the likelier manipulated."""
    compared_on: np.ndarray | None = None
    """Of a set on trial, the samples of S_f that candidates are compared on: those held out from it, or all
    of S_f where that is too small to hold any out. int64."""
    found: np.ndarray | None = None
    """Of a grown set, the samples that it was grown from: int64."""

    def save(self, identity: Identity, about: Mapping[str, Any]) -> None:
        optional = {"scores": self.scores, "compared_on": self.compared_on, "found": self.found}
        given = {name: array for name, array in optional.items() if array is not None}
        arrays = {"indices": self.indices, **given}
        files.save_arrays(identity.path("deletion_set"), arrays, about, identity)

    @classmethod
    def load(cls, identity: Identity) -> "tuple[DeletionSet, str]":
        """The deletion set that `identity` names, and its file's seal."""
        identity = identity.original.having(
            discovery=identity.discovery, share=identity.share, expansion=identity.expansion
        )
        arrays, about = files.load_arrays(identity.path("deletion_set"), identity)
        return cls(**arrays), about["seal"]

    @property
    def looked_at(self) -> np.ndarray:
        """Samples of which the predictions of models made on this set are kept: int64."""
        return self.indices if self.compared_on is None else self.compared_on


def check_samples(indices: np.ndarray, samples: int, what: str) -> np.ndarray:
    """`indices` as int64 (K,): at least one, each once, of 0 to `samples` - 1. Else raise BadInputError.

    `what` says whose they are, for the message.
    """
    indices = np.asarray(indices)
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        found = f"{indices.dtype} {indices.shape}"
        raise BadInputError(f"{what}: sample indices must be integers (K,), not {found}")
    if not len(indices):
        raise BadInputError(f"{what}: names no sample; at least one is needed")
    indices = indices.astype(np.int64)
    absent = indices[(indices < 0) | (indices >= samples)]
    if len(absent):
        raise BadInputError(f"{what}: there is no sample {absent[0]}; they go from 0 to {samples - 1}")
    values, counts = np.unique(indices, return_counts=True)
    if counts.max() > 1:
        raise BadInputError(f"{what}: names sample {values[counts > 1][0]} more than once")
    return indices


def check_deletion(indices: np.ndarray, samples: int, what: str) -> np.ndarray:
    """The same for a deletion set, which must leave something to learn from."""
    indices = check_samples(indices, samples, what)
    if len(indices) == samples:
        raise BadInputError(f"{what}: names all {samples} training samples; at least one must be left")
    return indices


@dataclass(frozen=True)
class Predictions:
    """Classes that a model predicts, uint8 or uint16; `about` says what it took to make the model."""

    validation: np.ndarray
    deletion: np.ndarray
    """On `DeletionSet.looked_at`, in its order; none of an original model, which knows no S_f."""
    probes: tuple[np.ndarray, ...]
    about: Mapping[str, Any]
    diverged: bool = False
    """Whether a logit was not finite; then there are no predictions."""

    def save(self, kind: str, identity: Identity) -> None:
        arrays = {"validation": self.validation, "deletion": self.deletion}
        arrays |= {f"probe{i}": predicted for i, predicted in enumerate(self.probes)}
        about = {**self.about, DIVERGED: self.diverged}
        files.save_arrays(identity.path(kind), arrays, about, identity)

    @classmethod
    def load(cls, kind: str, identity: Identity) -> "Predictions":
        """Those of a `candidate`, a `bound` or, kind `predictions`, of an original model."""
        path = identity.path(kind)
        arrays, about = files.load_arrays(path, identity)
        try:
            probes = [arrays[f"probe{i}"] for i in range(len(arrays) - 2)]
            return cls(
                arrays["validation"], arrays["deletion"], tuple(probes), about, bool(about.pop(DIVERGED))
            )
        except KeyError as error:
            raise DamagedFileError(path, f"does not hold {error}") from error

    def check_made_from(self, kind: str, identity: Identity, seals: Mapping[str, str]) -> None:
        """Raise DamagedFileError unless the model was made from the files that have these seals, by kind."""
        made_from = self.about["made_from"]
        other = [identity.path(one) for one, seal in seals.items() if made_from.get(one) != seal]
        if other:
            raise DamagedFileError(identity.path(kind), f"was made from another {' and '.join(other)}")

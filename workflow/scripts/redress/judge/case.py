"""What a judge is given: what is known of a case, and what the original model and each candidate predict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from redress.formats import files
from redress.formats.correction import UNKNOWN
from redress.formats.errors import BadInputError
from redress.formats.identity import Identity


@dataclass(frozen=True)
class Case:
    """What the user knows and no method is told: results/truth/<case>/case.json.

    m is the number of bad samples (S_f), V that of validation samples. Classes are the model's numbers.
    """

    ids: tuple[str, ...]
    """What the user calls each of the bad samples, (m,)."""
    classes: tuple[str, ...]
    validation_labels: np.ndarray
    """int64 (V,)."""
    trusted: bool
    """Whether the validation set is clean as far as the user knows."""
    bad_given: np.ndarray
    """The labels that the bad samples were trained with, int64 (m,)."""
    bad_true: np.ndarray
    """Those that they should have had, int64 (m,); UNKNOWN, -1, where the user does not say."""
    fold: np.ndarray
    """Which fold holds each of them out, int64 (m,), from 0."""
    group: np.ndarray | None = None
    """What was found together, text (m,): a detector's clusters, say. None without groups."""

    def __post_init__(self) -> None:
        """Raise BadInputError for what does not fit together."""
        for name in ("validation_labels", "bad_given", "bad_true", "fold"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        if self.group is not None:
            object.__setattr__(self, "group", np.asarray(self.group, dtype=str))
        m, last = len(self.ids), len(self.classes) - 1
        of_bad = {
            "bad_given": self.bad_given,
            "bad_true": self.bad_true,
            "fold": self.fold,
            "group": self.group,
        }
        for name, values in of_bad.items():
            if values is not None and values.shape != (m,):
                raise BadInputError(
                    f"case: {name} is of shape {values.shape}; allowed: ({m},), one per bad sample"
                )
        if len(set(self.ids)) < m:
            raise BadInputError("case: ids name a bad sample more than once")
        if not len(self.validation_labels):
            raise BadInputError(
                "case: validation_labels are empty; what a repair costs cannot be told without them"
            )
        lowest = {"validation_labels": 0, "bad_given": 0, "bad_true": UNKNOWN}
        for name, least in lowest.items():
            values = getattr(self, name)
            outside = values[(values < least) | (values > last)]
            if len(outside):
                raise BadInputError(f"case: {name} has the class {outside[0]}; allowed: {least} to {last}")
        if (self.fold < 0).any():
            raise BadInputError("case: fold has a negative number; folds are counted from 0")

    @property
    def m(self) -> int:
        """|S_f|."""
        return len(self.ids)

    @cached_property
    def labelled(self) -> np.ndarray:
        """Which bad samples' true labels are known: boolean (m,)."""
        known: np.ndarray = self.bad_true != UNKNOWN
        return known

    @cached_property
    def mislabelled(self) -> np.ndarray:
        """Those whose given label is, as far as is known, wrong, so that to predict it is to escape: (m,)."""
        wrong: np.ndarray = self.bad_true != self.bad_given
        return wrong

    def save(self, name: str) -> None:
        """Write it as the case `name`."""
        content: dict[str, Any] = {
            "ids": list(self.ids),
            "classes": list(self.classes),
            "validation_labels": self.validation_labels.tolist(),
            "trusted": self.trusted,
            "bad_given": self.bad_given.tolist(),
            "bad_true": self.bad_true.tolist(),
            "fold": self.fold.tolist(),
            "group": None if self.group is None else self.group.tolist(),
        }
        identity = Identity(name)
        files.write_json(identity.path("case"), content, identity)

    @classmethod
    def load(cls, name: str) -> "Case":
        """The case `name`, as `save` wrote it."""
        identity, keys = Identity(name), tuple(cls.__dataclass_fields__)
        content = files.read_json(identity.path("case"), identity, *keys)
        held = {key: content[key] for key in keys}
        return cls(**{**held, "ids": tuple(held["ids"]), "classes": tuple(held["classes"])})


@dataclass(frozen=True)
class Outcome:
    """What one model predicts, as classes; no predictions at all where it has diverged."""

    validation: np.ndarray
    """(V,)."""
    bad: np.ndarray
    """On the bad samples as they were trained, without augmentation, in the order of `Case.ids`, (m,)."""
    diverged: bool = False
    rest: np.ndarray | None = None
    """On training samples outside S_f, all or a draw of them, if they were asked for: (R,)."""

    def __post_init__(self) -> None:
        for name in ("validation", "bad", "rest"):
            if getattr(self, name) is not None:  # as integers with a sign: -1 has to differ from every class
                object.__setattr__(self, name, np.asarray(getattr(self, name)).astype(np.int64))


@dataclass(frozen=True)
class Candidate:
    """One method with its hyperparameters, made again and again without a part of S_f."""

    method: str
    hyperparameters: Mapping[str, Any]
    seconds: float
    """What `whole` took to make: the cost by which ties are told apart."""
    whole: Outcome
    """Made with all of S_f."""
    folds: Mapping[int, Outcome] = field(default_factory=dict)
    """By number: made with S_f less this fold, whose samples stayed in the training set with their bad labels
    and so play those that nobody found. A candidate that is not on the shortlist has none, and some are
    missing where time was short."""
    groups: Mapping[str, Outcome] = field(default_factory=dict)
    """By its name in `Case.group`: the same with S_f less this group."""
    again: float = 0.0
    """Seconds of making it once more and having it predict, shared importances there already."""
    unseen: bool = False
    """Whether `whole` was trained anew on nothing of S_f and nobody is left to find: then what it says of S_f
    counts in the place of folds, for it says the same of others that it was not trained on."""
    norm_shift: float | None = None
    """How far running means of batch norms are from M_o's, in its deviations; None where there are none."""

"""What can be measured of a model: one list of functions, read by selection, tables, figures and the page.

A measure is a function of predictions and labels with a name, a unit, a direction, an owner and, where it
does not always apply, a condition. The functions stand in the files of `redress/plugins/measures/`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np

from redress.formats.errors import BadInputError
from redress.plugins import load

STANDARD = ("developer", "referee")
"""The files of measures that every experiment has."""

Owner = Literal["developer", "referee"]


@dataclass(frozen=True)
class Seen:
    """What the developer can measure a model by. Labels and predictions are integers."""

    validation: np.ndarray
    """Predictions on the validation set, (V,)."""
    validation_labels: np.ndarray
    deletion: np.ndarray
    """Predictions on S_f, (|S_f|,)."""
    deletion_given: np.ndarray
    """Given labels of S_f."""
    labels_in_doubt: bool
    """Whether given labels of found samples may be wrong: not where only pictures were manipulated."""


@dataclass(frozen=True)
class Known(Seen):
    """What the referee knows beside that."""

    affected: np.ndarray
    """Predictions on test samples of D_m, altered as the adversary does."""
    affected_labels: np.ndarray
    unaffected: np.ndarray
    """Predictions on test samples outside D_m, as they are."""
    unaffected_labels: np.ndarray
    manipulated: np.ndarray
    """Predictions on S_m as trained, without augmentation, (|S_m|,)."""
    manipulated_labels: np.ndarray
    """True labels of S_m."""
    discovered: np.ndarray
    """Which of S_m is in S_f: boolean (|S_m|,)."""
    attack_target: int | None
    """The class that the adversary drives D_m to, if there is one."""


Function = Callable[..., float | None]


@dataclass(frozen=True)
class Measure:
    """One measure; see `measure`."""

    name: str
    function: Function
    unit: str
    better: Literal["higher", "lower"]
    owner: Owner
    label: str
    axis: str
    applies: Callable[..., bool]
    otherwise: str

    @property
    def sign(self) -> int:
        """1 where more is better, else -1: what a weight is multiplied by where measures are added up."""
        return 1 if self.better == "higher" else -1

    def of(self, seen: Seen) -> float | None:
        """Its value; None where it does not apply or there is nothing to measure it by.

        Raises BadInputError for what is no number, or is not finite.
        """
        value = self.function(seen) if self.applies(seen) else None
        if value is None:
            return None
        number = float(value) if isinstance(value, Real) else math.nan
        if not math.isfinite(number):
            gave = value if isinstance(value, float) else type(value).__name__
            raise BadInputError(f"the measure {self.name} gave {gave} instead of a finite number or None")
        return number


def measure(
    *,
    label: str,
    unit: str = "fraction",
    better: Literal["higher", "lower"] = "higher",
    owner: Owner = "referee",
    axis: str = "",
    applies: Callable[..., bool] = lambda seen: True,
    otherwise: str = "",
) -> Callable[[Function], Measure]:
    """Make a measure of a function that takes `Seen` (a developer's) or `Known` (a referee's).

    `unit` is `fraction` (0 to 1, shown in percent) or the unit's name. `label` is what readers call it and
    `axis` what a figure's axis says, where `{affected}` and `{unaffected}` stand for the manipulation's own
    words for D_m and the rest; `applies` says of what it can be measured, `otherwise` why not of the rest.
    """

    def mark(function: Function) -> Measure:
        name = function.__name__
        return Measure(name, function, unit, better, owner, label, axis or label, applies, otherwise)

    return mark


def measures(files: Iterable[str] = STANDARD) -> dict[str, Measure]:
    """The measures in these files of plugins/measures/, by name, in the order in which they stand there."""
    found: dict[str, Measure] = {}
    for file in files:
        for thing in vars(load("measures", file)).values():
            if isinstance(thing, Measure):
                found[thing.name] = thing
    return found


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float | None:
    """Share of predictions that equal the labels, both (N,); None without a sample."""
    return float(np.mean(predictions == labels)) if len(labels) else None

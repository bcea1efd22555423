"""What can be told of one candidate without the truth: escape, healed, ruin, utility and what it costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from redress.formats.paired import mcnemar
from redress.judge.case import Candidate, Case, Outcome
from redress.judge.rates import LEVEL, Rate, rate

ABSENT = -2
"""In the place of a prediction that nobody made; `UNKNOWN`, -1, is that of a label."""


@dataclass(frozen=True)
class Fate:
    """What became of bad samples. The three shares add up to 1 where all true labels are known."""

    escape: Rate
    """Still predicted as they were labelled."""
    healed: Rate | None
    """Predicted as their true label; None where no true label is known."""
    ruin: Rate | None
    """Neither: the model was damaged there, which tells repair from destruction."""


@dataclass(frozen=True)
class Price:
    """What a class lost, by accuracy on its validation images."""

    name: str
    before: Rate
    after: Rate
    p: float
    """McNemar's, of before and after being the same."""

    @property
    def lost(self) -> float:
        """A fraction; NaN of a class without validation images."""
        return self.before.estimate - self.after.estimate


@dataclass(frozen=True)
class Figures:
    """All of it."""

    held_out: Fate
    """Of samples that this candidate was not told of: what it does to those that nobody found."""
    in_sample: Fate
    """Of those that it was told of, which flatters methods that learn them by heart."""
    of_groups: Fate | None
    """As `held_out`, each group held out as a whole; None without groups."""
    utility: Rate
    """Accuracy on validation images."""
    utility_lost: float
    """Against the original model, a fraction: below 0 where the candidate is better."""
    utility_p: float
    """McNemar's, of both being equally good."""
    classes: tuple[Price, ...]
    collateral: Mapping[str, Rate]
    """Training samples outside S_f, all or a draw of them, whose prediction left the original model's, by the
    class that it had been. Empty where nobody asked."""

    @property
    def changed(self) -> Rate | None:
        """`collateral` of all classes together; None where nobody asked."""
        rates = self.collateral.values()
        return Rate(sum(one.hits for one in rates), sum(one.n for one in rates)) if rates else None

    @property
    def worst_class(self) -> Price | None:
        """The class that lost most; None without validation images."""
        known = [one for one in self.classes if not math.isnan(one.lost)]
        return max(known, key=lambda one: one.lost, default=None)


def figures(case: Case, original: Outcome, candidate: Candidate, level: float = LEVEL) -> Figures:
    """The figures of one candidate that has not diverged, each interval at `level`."""
    predicted = held_out(case, candidate)
    left_out = by_group(case, candidate)
    after, labels = candidate.whole.validation, case.validation_labels
    right_before, right = original.validation == labels, after == labels
    return Figures(
        held_out=fate(case, predicted, predicted != ABSENT, level, asked_of(case, candidate)),
        in_sample=fate(case, candidate.whole.bad, None, level),
        of_groups=None if left_out is None else fate(case, left_out, left_out != ABSENT, level, case.group),
        utility=rate(right, level=level),
        utility_lost=float(right_before.mean() - right.mean()),
        utility_p=mcnemar(right_before, right),
        classes=tuple(_price(name, labels == k, right_before, right) for k, name in enumerate(case.classes)),
        collateral=_collateral(case, original, candidate.whole),
    )


def held_out(case: Case, candidate: Candidate) -> np.ndarray:
    """What the model that was not told of it predicts of each bad sample, pooled over folds: int64 (m,).

    ABSENT where that model was not made or has diverged. Of one that has never seen S_f, what it predicts.
    """
    if candidate.unseen and not candidate.whole.diverged:
        return candidate.whole.bad
    predicted = np.full(case.m, ABSENT)
    for k, outcome in candidate.folds.items():
        if not outcome.diverged:
            predicted[case.fold == k] = outcome.bad[case.fold == k]
    return predicted


def asked_of(case: Case, candidate: Candidate) -> np.ndarray | None:
    """Which of them were asked of the same model, (m,); None where there was one."""
    return None if candidate.unseen else case.fold


def by_group(case: Case, candidate: Candidate) -> np.ndarray | None:
    """The same with groups in the place of folds; None where there are none or nobody left them out."""
    if case.group is None or not candidate.groups or candidate.unseen:
        return None
    predicted = np.full(case.m, ABSENT)
    for name, outcome in candidate.groups.items():
        if not outcome.diverged:
            predicted[case.group == name] = outcome.bad[case.group == name]
    return predicted


def fate(
    case: Case,
    predicted: np.ndarray,
    asked: np.ndarray | None = None,
    level: float = LEVEL,
    parts: np.ndarray | None = None,
) -> Fate:
    """What became of the samples that are `asked` about, boolean (m,), by these predictions (m,).

    `parts` (m,) says which were asked of the same model, where there were several.

    Samples whose given label is their true one have nothing to escape from and are left out.
    """
    wrong = case.mislabelled if asked is None else case.mislabelled & asked
    known = wrong & case.labelled
    kept, right = predicted == case.bad_given, predicted == case.bad_true
    if not known.any():
        return Fate(rate(kept, wrong, level, parts), None, None)
    return Fate(
        rate(kept, wrong, level, parts),
        rate(right, known, level, parts),
        rate(~kept & ~right, known, level, parts),
    )


def _price(name: str, of_class: np.ndarray, before: np.ndarray, after: np.ndarray) -> Price:
    return Price(
        name, rate(before, of_class), rate(after, of_class), mcnemar(before[of_class], after[of_class])
    )


def _collateral(case: Case, original: Outcome, model: Outcome) -> dict[str, Rate]:
    if original.rest is None or model.rest is None:
        return {}
    left = original.rest != model.rest
    rates = {name: rate(left, original.rest == k) for k, name in enumerate(case.classes)}
    return {name: one for name, one in rates.items() if one.n}

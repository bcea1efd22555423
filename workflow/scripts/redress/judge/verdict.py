"""The verdict: one of seven status words, with the figures and the reasons behind it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from redress.formats.correction import FEWEST
from redress.formats.paired import mcnemar
from redress.judge.case import Candidate, Case, Outcome
from redress.judge.choice import (
    Choice,
    Settings,
    by_labels,
    choose,
    judged,
    name,
    objection,
    ranked,
    repaired,
    reported,
    utility,
)
from redress.judge.figures import ABSENT, Figures, Price, asked_of, by_group, fate, figures, held_out
from redress.judge.rates import LEVEL, Rate, needed, rate

Status = Literal[
    "repaired", "partly repaired", "not repaired", "harmful", "nothing to repair", "cannot be judged"
]

NOTHING_LEFT = 0.1
"""M_o predicts at most this share of the bad samples as they were labelled: there is nothing to repair. As
many clean samples may look like another class, and what can be gained is about what a repair may cost."""

REPAIRED = 0.8
"""At least this share of the damage has to be undone, by the estimate, for `repaired`: what is left is then
about what an interval of some thirty samples could hide, ..."""

REPAIRED_SURELY = 0.5
"""... and this by the lower end of the interval: more was undone than not, whatever the luck of the draw."""

CLASS_TOLERANCE = 0.1
"""A class that surely lost more than this on validation images stands in the way of `repaired`: a mean over
classes hides one that is gone."""


def repair_index(repair: float, before: float, ceiling: float) -> float:
    """How much of the way from M_o to a model that nothing was done to: 0 where there is no way to go."""
    return (repair - before) / (ceiling - before) if ceiling > before else 0.0


@dataclass(frozen=True)
class Verdict:
    """What is said of the chosen candidate, by samples or at a level that allow for the choosing."""

    before: Rate
    """Of the original model on the same samples: the share repaired, see `goal`."""
    repair: Rate
    """Of the candidate's models that were not told of them."""
    ceiling: float
    """What `repair` would be of a model that nothing was done to: see `ceiling`."""
    p: float
    """McNemar's, of original and candidate being equally good on these samples."""
    needed: int | None = None
    """So many samples that fare alike would show that the candidate is better; None where it is not."""
    grouped: bool = False
    """Whether whole groups were held out, because that looked worse."""

    @property
    def index(self) -> tuple[float, float, float]:
        """(estimate, low, high) of the repair index: 0 as the original, 1 as if nothing had been done."""
        ends = (self.repair.estimate, self.repair.low, self.repair.high)
        estimate, low, high = (repair_index(end, self.before.estimate, self.ceiling) for end in ends)
        return estimate, low, high


@dataclass(frozen=True)
class Judgement:
    """All that the judge has to say."""

    status: Status
    reasons: tuple[str, ...]
    """Sentences: why, and what weakens it."""
    goal: Literal["healed", "not escaped"]
    """What repair is measured by: true labels or, where none are known, that the given label is gone."""
    choice: Choice
    level: float
    """The confidence level of `verdict`."""
    original: Figures
    """Of the original model, as if it were a candidate that nothing was told."""
    figures: tuple[Figures | None, ...]
    """Of each candidate in its order; None of one that has diverged."""
    objections: tuple[str, ...]
    """Why each candidate could not be taken; empty where it could."""
    reported: np.ndarray
    """Which bad samples took no part in choosing, boolean (m,)."""
    verdict: Verdict | None = None
    """None where there was nothing to judge or nobody to be judged."""
    first: int | None = None
    """Where nobody can judge: position of what ranks first, if it changes more than M_o."""
    chosen: int | None = field(init=False)
    """Position of the candidate that was chosen or, where none was for nobody can judge, ranks first."""

    def __post_init__(self) -> None:
        chosen = self.choice.chosen
        object.__setattr__(self, "chosen", self.first if chosen is None else chosen)

    @property
    def take(self) -> bool:
        """Whether the chosen candidate is better than what there was."""
        return self.status in ("repaired", "partly repaired")

    @property
    def handed(self) -> int | None:
        """Position of the candidate whose weights the user gets: the chosen, or unjudged that ranks first."""
        return self.chosen if self.take else self.first


def judge(case: Case, original: Outcome, candidates: Sequence[Candidate], settings: Settings) -> Judgement:
    """Choose a candidate and say whether it worked; see docs/judging.md.

    Candidates that have no folds are shown and cannot be chosen. The order of candidates does not matter.
    """
    objections = tuple(objection(case, original, one, settings) for one in candidates)
    choice = choose(case, original, candidates, settings)
    apart = reported(case, settings)
    level, verdict = LEVEL, None
    if choice.chosen is not None:
        level, verdict = _verdict(case, original, candidates[choice.chosen], choice.tried, apart)
    unmoved = Candidate("original", {}, 0.0, original, {int(k): original for k in np.unique(case.fold)})
    of_each = [None if one.whole.diverged else figures(case, original, one) for one in candidates]
    of_chosen = None if choice.chosen is None else of_each[choice.chosen]
    status, why = _status(case, original, objections, verdict, of_chosen, 1 - level)
    first = None
    if status == "cannot be judged":
        first = _first(case, original, candidates, objections, settings, choice, verdict)
        why += _unjudged(case, candidates, first, verdict)
    return Judgement(
        status=status,
        reasons=(
            *why,
            *_offered(case, original, candidates, objections, choice),
            *_if_complete(case, candidates, objections, verdict),
            *_caveats(case, candidates, verdict, choice, apart),
        ),
        goal="healed" if by_labels(case) else "not escaped",
        choice=choice,
        level=level,
        original=figures(case, original, unmoved),
        figures=tuple(of_each),
        objections=objections,
        reported=apart,
        verdict=verdict,
        first=first,
    )


def _first(
    case: Case,
    original: Outcome,
    candidates: Sequence[Candidate],
    objections: Sequence[str],
    settings: Settings,
    choice: Choice,
    verdict: Verdict | None,
) -> int | None:
    """Position of what ranks first, by few held-out samples or by what it was told of.

    None where nothing can be taken or it changes no more than M_o.
    """
    if verdict is not None:
        return choice.chosen if verdict.repair.hits > verdict.before.hits else None
    order = [at for at in ranked(case, original, candidates, settings) if not objections[at]]
    before = int(repaired(case, original.bad)[judged(case)].sum())
    if not order or int(repaired(case, candidates[order[0]].whole.bad)[judged(case)].sum()) <= before:
        return None
    return order[0]


def _unjudged(
    case: Case, candidates: Sequence[Candidate], first: int | None, verdict: Verdict | None
) -> list[str]:
    """What is said where candidates are only ranked."""
    if first is None:
        return ["No candidate changes more of the bad samples than it may cost: keep the original model."]
    one = candidates[first]
    done = "is right about" if by_labels(case) else "no longer predicts as labelled"
    if verdict is not None:
        told = f"{percent(verdict.repair)} of those that it was not told of, too few to say more"
    else:
        told = percent(rate(repaired(case, one.whole.bad), judged(case)))
        told += " of the bad samples, but it was told of them, and that flatters every method"
    return [f"The weights are those of {one.method}, which ranks first and was not judged: it {done} {told}."]


def ceiling(case: Case, original: Outcome, model: Outcome) -> float:
    """What share of the bad samples a model could be right about that nothing had been done to, from 0 to 1.

    With true labels: the highest of M_o's accuracy on validation images of their true classes, in the bad
    samples' proportions, the model's own there, and M_o's on all of them: where the damage shows on clean
    images of those classes, the first alone would call half a repair a whole one. Without true labels 1.
    """
    if not by_labels(case):
        return 1.0
    wanted = case.bad_true[judged(case)]
    there = np.bincount(wanted, minlength=len(case.classes)) / len(wanted)
    shown = np.bincount(case.validation_labels, minlength=len(case.classes))

    def on_those(one: Outcome) -> float:
        right = np.bincount(
            case.validation_labels,
            weights=one.validation == case.validation_labels,
            minlength=len(case.classes),
        )
        known = (shown > 0) & (there > 0)
        return float(np.average(right[known] / shown[known], weights=there[known])) if known.any() else 0.0

    return max(on_those(original), on_those(model), utility(case, original))


def _verdict(
    case: Case, original: Outcome, candidate: Candidate, tried: int, apart: np.ndarray
) -> tuple[float, Verdict]:
    """The level and what is said of the chosen candidate, which was chosen among `tried`."""
    counted = judged(case)
    predicted = held_out(case, candidate)
    level = 1 - (1 - LEVEL) / tried
    if np.count_nonzero(counted & apart & (predicted != ABSENT)) >= FEWEST:
        counted, level = counted & apart, LEVEL
    best = ceiling(case, original, candidate.whole)

    def of(predicted: np.ndarray, grouped: bool) -> Verdict:
        asked = counted & (predicted != ABSENT)
        before, after = repaired(case, original.bad), repaired(case, predicted)
        p = mcnemar(before[asked], after[asked])
        parts = case.group if grouped else asked_of(case, candidate)
        repair = rate(after, asked, level, parts)
        more = needed(before[asked], after[asked], 1 - level)
        return Verdict(rate(before, asked, level), repair, best, p, more, grouped)

    found = of(predicted, grouped=False)
    left_out = by_group(case, candidate)
    if left_out is not None and (counted & (left_out != ABSENT)).any():
        found = min(found, of(left_out, grouped=True), key=lambda one: one.index)
    return level, found


def _status(
    case: Case,
    original: Outcome,
    objections: Sequence[str],
    verdict: Verdict | None,
    of_chosen: Figures | None,
    alpha: float,
) -> tuple[Status, list[str]]:
    """The status word with its reasons; `alpha` is the error that a comparison may have."""
    counted = judged(case)
    m = int(np.count_nonzero(counted))
    if m < FEWEST:
        return "cannot be judged", [
            f"Only {m} bad samples count; at least {FEWEST} are needed, some 30 for a clear answer."
        ]
    escaped = fate(case, original.bad).escape
    if escaped.estimate <= NOTHING_LEFT:
        return "nothing to repair", [
            f"The original model predicts only {percent(escaped)} of the bad samples as they were labelled."
        ]
    if not objections:
        return "cannot be judged", ["There is no candidate."]
    if all(objections):
        return "harmful", [
            "Every candidate costs more than is tolerated (utility_tolerance) or left no usable model."
        ]
    if verdict is None:
        return "cannot be judged", ["No candidate that could be taken was made again without a fold."]
    if verdict.repair.n < FEWEST:
        return "cannot be judged", [
            f"Only {verdict.repair.n} bad samples were held out; at least {FEWEST} are needed."
        ]
    gained = verdict.repair.estimate - verdict.before.estimate
    said = f"{percent(verdict.repair)} of the held-out bad samples, before {percent(verdict.before)}"
    if gained < 0 and verdict.p < alpha:
        return "harmful", [
            f"The best candidate is right about fewer of them than the original model: {said}."
        ]
    if gained <= 0:
        return "not repaired", [f"The best candidate is no better than the original model: {said}."]
    if verdict.p >= alpha:
        return "not repaired", [
            f"The best candidate is not surely better than the original model: {said}; p is {verdict.p:.2g},"
            f" and less than {alpha:.2g} is needed.{_how_many(verdict)}"
        ]
    doubts = [] if of_chosen is None else [*_doubts(case, verdict, of_chosen)]
    return ("partly repaired" if doubts else "repaired"), doubts


def _how_many(verdict: Verdict) -> str:
    if verdict.needed is None:
        return ""
    more = verdict.needed - verdict.repair.n
    return f" If others fare alike, some {more} held-out samples more would show it."


def _doubts(case: Case, verdict: Verdict, of_chosen: Figures) -> Iterator[str]:
    """What stands between a candidate that is better than the original model and `repaired`."""
    estimate, low, _ = verdict.index
    if estimate < REPAIRED:
        needed = 100 * REPAIRED
        yield f"{100 * estimate:.0f} % of the damage is undone; repaired is what reaches {needed:.0f} %."
    elif low < REPAIRED_SURELY:
        yield (
            f"As little as {100 * low:.0f} % of the damage may be undone: the interval is wide with"
            f" {verdict.repair.n} held-out samples."
        )
    worst = of_chosen.worst_class
    if worst is not None and _gone(worst, len(case.classes)):
        yield (
            f"The class {worst.name} lost {100 * worst.lost:.0f} points of validation accuracy; "
            f"{100 * CLASS_TOLERANCE:.0f} are tolerated."
        )
    if not case.trusted:
        yield "The validation images are not trusted, so what the repair costs is not known for sure."


def _gone(price: Price, classes: int) -> bool:
    """Whether a class has surely lost too much, all classes having been looked at."""
    return round(price.lost - CLASS_TOLERANCE, 12) > 0 and price.p < (1 - LEVEL) / classes


def _offered(
    case: Case,
    original: Outcome,
    candidates: Sequence[Candidate],
    objections: Sequence[str],
    choice: Choice,
) -> Iterator[str]:
    """What more money would buy."""
    if choice.offer is not None:
        one = candidates[choice.offer]
        predicted = held_out(case, one)
        parts = asked_of(case, one)
        repair = rate(repaired(case, predicted), judged(case) & (predicted != ABSENT), parts=parts)
        price = math.ceil(round(1000 * (utility(case, original) - utility(case, one.whole)), 6)) / 1000
        yield (
            f"{one.method} would repair {percent(repair)} of the held-out bad samples, but it"
            f" {objections[choice.offer]}: utility_tolerance: {price:g} would take it."
        )


def _if_complete(
    case: Case, candidates: Sequence[Candidate], objections: Sequence[str], verdict: Verdict | None
) -> Iterator[str]:
    """What would be so if there were nobody left to find, where that is another thing.

    A method that trains on the rest alone does little while a part of a manipulation stays in it, and may
    repair everything once it is all gone: folds, which leave a part in, cannot show that.
    """
    free = [one for one, objection in zip(candidates, objections, strict=True) if not objection]
    if verdict is None or not free or any(one.unseen for one in candidates):
        return
    told = {name(one): rate(repaired(case, one.whole.bad), judged(case)) for one in free}
    best = max(free, key=lambda one: (told[name(one)].low, -one.seconds, name(one)))
    if told[name(best)].low > verdict.repair.high:
        yield (
            "Should the list be complete, with no bad sample left in the training set, this is too dark: told"
            f" of all, {best.method} repairs {percent(told[name(best)])} of the list. That flatters methods"
            " that train on the list; training again without it (EU) is none of them. If it is, say so:"
            " bad_complete: true."
        )


def _caveats(
    case: Case, candidates: Sequence[Candidate], verdict: Verdict | None, choice: Choice, apart: np.ndarray
) -> Iterator[str]:
    """What is to be known of a verdict, whatever it is."""
    if not by_labels(case):
        yield (
            "Without true labels nobody can tell repair from damage there: it is only known that the bad"
            " label is no longer predicted."
        )
    fine = int(np.count_nonzero(case.labelled & ~case.mislabelled))
    if fine:
        yield f"{fine} of the bad samples have their true label and do not count: probably they are fine."
    if verdict is None or choice.chosen is None:
        return
    one = candidates[choice.chosen]
    if one.unseen:
        yield (
            f"The list is said to be complete. {one.method} has trained on none of it, and so what it says of"
            " the list counts; bad samples that are not on it would make it worse."
        )
    m = np.count_nonzero(judged(case))
    there = np.count_nonzero(judged(case) & (held_out(case, one) != ABSENT))
    if there < m:
        yield (
            f"{one.method} was not made again without every fold: {there} of {m} bad samples were held out,"
            " and the interval is theirs; `search: {minutes: ...}` gives it time for the others."
        )
    if verdict.grouped:
        yield "The figures are with whole groups held out, which are worse than with samples drawn at random."
    elif not one.groups and not one.unseen:
        yield "If the found samples were the easy ones to find, the others are repaired less than this says."
    if apart.any() and verdict.repair.n <= np.count_nonzero(apart):
        yield f"The figures are of {verdict.repair.n} bad samples that took no part in choosing."
    elif choice.tried > 1:
        yield f"The interval allows for having chosen among {choice.tried} candidates."


def percent(one: Rate) -> str:
    """A rate as it is read: 88 % (80 to 94 %, n = 100)."""
    return spoken(one.estimate, one.low, one.high, one.n) if one.n else "none (n = 0)"


def spoken(estimate: float, low: float, high: float, n: int) -> str:
    """A share of n samples with its interval, as it is read."""
    return f"{100 * estimate:.0f} % ({100 * low:.0f} to {100 * high:.0f} %, n = {n})"

"""Which candidate to take: utility is a constraint and no summand, and what is tied goes to the cheapest."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redress.formats.correction import FEWEST
from redress.formats.paired import mcnemar
from redress.formats.seeds import seed_for
from redress.judge.case import Candidate, Case, Outcome
from redress.judge.figures import ABSENT, asked_of, held_out
from redress.judge.rates import LEVEL, rate

TIED = 0.1
"""What lies further behind the best, by the estimate, is not tied however few samples there are to tell: on
config/judge-digits.yaml that took two fifths off the regret, and ties saved about as much time."""


@dataclass(frozen=True)
class Settings:
    """`judge` in a correction's block of the config."""

    utility_tolerance: float = 0.02
    """How much accuracy on the validation set a repair may cost, a fraction."""
    report_share: float = 0.2
    """The share of the bad samples that choose nothing and are only reported on, ..."""
    report_from: int = 100
    """... if there are at least so many of them."""
    shortlist: int = 8
    """How many candidates are made again without each fold; more if there are more methods."""


def reported(case: Case, settings: Settings) -> np.ndarray:
    """Which bad samples take no part in choosing: boolean (m,), none of fewer than `report_from`.

    A sample's id decides, so that neither order nor what else was found moves it far.
    """
    order = np.argsort([seed_for("judge", "report", one) for one in case.ids])
    apart = np.zeros(case.m, dtype=bool)
    if case.m >= settings.report_from:
        apart[order[: round(settings.report_share * case.m)]] = True
    return apart


def by_labels(case: Case) -> bool:
    """Whether enough true labels are known to choose by who is healed; else it is by who escapes."""
    return int(np.count_nonzero(case.labelled & case.mislabelled)) >= FEWEST


def judged(case: Case) -> np.ndarray:
    """The bad samples that count: boolean (m,)."""
    return case.mislabelled & case.labelled if by_labels(case) else case.mislabelled


def repaired(case: Case, predicted: np.ndarray) -> np.ndarray:
    """Of which bad samples these predictions are right or, without true labels, no longer wrong: (m,)."""
    return predicted == case.bad_true if by_labels(case) else predicted != case.bad_given


def objection(case: Case, original: Outcome, candidate: Candidate, settings: Settings) -> str:
    """Why a candidate cannot be taken; empty where it can."""
    if not usable(case, candidate):
        return "diverged, or predicts a single class"
    lost = utility(case, original) - utility(case, candidate.whole)
    if round(lost - settings.utility_tolerance, 12) > 0:
        allowed = 100 * settings.utility_tolerance
        return f"costs {100 * lost:.2f} points of validation accuracy, {allowed:.2f} are tolerated"
    return ""


def usable(case: Case, candidate: Candidate) -> bool:
    """Whether it is a model that tells classes apart and did not diverge, without a fold neither."""
    if candidate.whole.diverged or any(outcome.diverged for outcome in candidate.folds.values()):
        return False
    return len(np.unique(candidate.whole.validation)) > 1 or len(np.unique(case.validation_labels)) == 1


def utility(case: Case, model: Outcome) -> float:
    """Accuracy on the validation set."""
    return float(np.mean(model.validation == case.validation_labels))


def shortlist(
    case: Case, original: Outcome, candidates: Sequence[Candidate], settings: Settings
) -> list[int]:
    """Positions of the candidates worth making again without each fold, by what costs nothing further.

    The best by their in-sample repair: first that of each method and that of all which cost too much, so that
    the price of more repair is known; then others to which there is no objection, until the list is full.
    """
    order = ranked(case, original, candidates, settings)
    barred = {at: objection(case, original, candidates[at], settings) for at in order}
    first = {*{candidates[at].method: at for at in reversed(order)}.values()}
    first |= {*[at for at in order if barred[at]][:1]}
    rest = [at for at in order if at not in first and not barred[at]]
    listed = {*first, *rest[: max(0, settings.shortlist - len(first))]}
    return [at for at in order if at in listed]


def ranked(case: Case, original: Outcome, candidates: Sequence[Candidate], settings: Settings) -> list[int]:
    """Positions of all that have not diverged, the best first, by what they say of what they were told of.

    What there is an objection to comes last. Samples that choose nothing do not count.
    """
    asked = judged(case) & ~reported(case, settings)
    alive = [at for at, one in enumerate(candidates) if not one.whole.diverged]

    def key(at: int) -> tuple[bool, float, float, str]:
        one = candidates[at].whole
        share = float(np.mean(repaired(case, one.bad)[asked])) if asked.any() else 0.0
        barred = bool(objection(case, original, candidates[at], settings))
        return barred, -share, -utility(case, one), name(candidates[at])

    return sorted(alive, key=key)


@dataclass(frozen=True)
class Choice:
    """Which candidate was chosen, and by what."""

    chosen: int | None
    """Its position; None where there was none to choose from."""
    best: int | None
    """That of the one with the highest figure."""
    tied: tuple[int, ...]
    """Those near the best that the same samples do not tell from it, and itself, the cheapest first."""
    tried: int
    """Among how many it was chosen."""
    offer: int | None = None
    """Of those that cost more than is tolerated and surely repair more, that of the one which costs least.
    None where there is none and without true labels, where what is ruined would look repaired."""


def choose(case: Case, original: Outcome, candidates: Sequence[Candidate], settings: Settings) -> Choice:
    """The cheapest of those near the best on held-out samples that a paired test does not tell from it."""
    asked = judged(case) & ~reported(case, settings)
    right: dict[int, np.ndarray] = {}
    made: dict[int, np.ndarray] = {}
    dear = set()
    for at, one in enumerate(candidates):
        predicted = held_out(case, one)
        if (asked & (predicted != ABSENT)).any() and usable(case, one):
            right[at], made[at] = repaired(case, predicted), asked & (predicted != ABSENT)
            if objection(case, original, one, settings):
                dear.add(at)

    def cost(at: int) -> tuple[float, float, str]:
        one = candidates[at]
        return one.seconds, -utility(case, one.whole), name(one)

    def low(at: int) -> float:
        # By the lower end of the interval: who was asked about few samples does not win by luck.
        return rate(right[at], made[at], parts=asked_of(case, candidates[at])).low

    best = min(right.keys() - dear, key=lambda at: (-low(at), *cost(at)), default=None)

    def more(at: int) -> bool:
        here = made[at] if best is None else made[at] & made[best]
        now = repaired(case, original.bad) if best is None else right[best]
        return _less(now[here], right[at][here])

    offers = filter(more, dear if by_labels(case) else ())
    offer = min(
        offers, key=lambda at: (-utility(case, candidates[at].whole), -low(at), *cost(at)), default=None
    )
    if best is None:
        return Choice(None, None, (), 0, offer)

    def ties(at: int) -> bool:
        both = made[at] & made[best]
        one, other = right[at][both], right[best][both]
        return at == best or (
            bool(both.any()) and not _less(one, other) and round(other.mean() - one.mean() - TIED, 12) <= 0
        )

    tied = sorted(filter(ties, right.keys() - dear), key=cost)
    return Choice(tied[0], best, tuple(tied), len(right) - len(dear), offer)


def _less(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one model is surely right about fewer of the same samples than another: boolean (N,)."""
    return mcnemar(one, other) < 1 - LEVEL and bool(one.mean() < other.mean())


def name(candidate: Candidate) -> str:
    """What a candidate is called, the same in whatever order candidates come."""
    return f"{candidate.method} {json.dumps(dict(candidate.hyperparameters), sort_keys=True)}"

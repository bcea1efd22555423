"""What there is time for: which candidates run at all, and which are made again without which part of S_f."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from redress.formats.correction import FEWEST, FOLD, GROUP
from redress.judge.case import Candidate, Case
from redress.judge.choice import judged

START_SECONDS = 2.0
"""What every job takes beside its work: starting, and loading what it needs."""

FIRST_SHARE = 0.5
"""Of the budget, for candidates told of all of S_f: without the other half none could be judged."""


@dataclass(frozen=True)
class Job:
    """Candidates of one method that run together, for a job makes all of them or none."""

    method: str
    candidates: Mapping[str, Mapping[str, Any]]
    """Hyperparameters by name."""
    steps: Mapping[str, int]
    """Steps of training that each takes, as far as its settings say."""
    importances: Sequence[Sequence[str]] = ()
    """What it needs of shared importances: (name, what over), each a pass over all of S_tr or over S_f."""
    anew: bool = False
    """Whether the method trains from scratch."""


@dataclass(frozen=True)
class LeftOut:
    """A candidate of which not all was made."""

    method: str
    hyperparameters: Mapping[str, Any]
    why: str
    """What was not, and why."""


@dataclass(frozen=True)
class Speed:
    """What was measured of the model before anything is done to it, in seconds."""

    step: float
    """A step of training on a batch of the recipe's size."""
    prediction: float
    """Predictions of all that is asked of every model."""
    batches: int
    """Batches in a pass over S_tr."""


@dataclass(frozen=True)
class Again:
    """Which parts of S_f each candidate is made again without, and of what there was no time for."""

    parts: Mapping[int, tuple[str, ...]]
    """By the candidate's position."""
    short: Mapping[int, float]
    """Positions of those that lack folds or groups, with the seconds that the lacking ones would take."""
    dropped: Mapping[int, float]
    """Positions of those on the shortlist that are not made again at all, likewise."""


def affordable(jobs: Sequence[Job], speed: Speed, seconds: float) -> tuple[list[int], list[float]]:
    """Positions of the jobs that fit into `seconds`, cheapest first and at least one, and what each takes.

    Shared importances count with the first job that needs them.
    """
    estimates = [_estimate(job, speed) for job in jobs]
    kept: list[int] = []
    paid: set[tuple[str, ...]] = set()
    spent = 0.0
    for at in sorted(range(len(jobs)), key=lambda at: (estimates[at], at)):
        new = {tuple(one) for one in jobs[at].importances} - paid
        cost = estimates[at] + sum(speed.step * speed.batches for _, over in new if over == "training_set")
        if kept and spent + cost > seconds:
            continue
        kept.append(at)
        spent, paid = spent + cost, paid | new
    return sorted(kept), estimates


def _estimate(job: Job, speed: Speed) -> float:
    """Seconds of a job, shared importances apart."""
    return START_SECONDS + sum(speed.step * steps + speed.prediction for steps in job.steps.values())


def spent_by(named: Sequence[tuple[str, Candidate]], jobs: Sequence[Job]) -> float:
    """Seconds that the candidates took that were told of all of S_f, shared importances once a method."""
    importances: dict[str, float] = {}
    for _, one in named:
        importances[one.method] = max(importances.get(one.method, 0), one.seconds - one.again, 0)
    return sum(_price(job, named) for job in jobs) + sum(importances.values())


def again(
    case: Case,
    named: Sequence[tuple[str, Candidate]],
    listed: Sequence[int],
    jobs: Sequence[Job],
    groups: int,
    left: float | None,
) -> Again:
    """What of the shortlist `listed` is made again without which part of S_f.

    First every candidate, the cheapest first, without so few folds that a verdict is possible; then, cheapest
    first again, without the other folds and each of the `groups`. `left` are the seconds that may take; where
    there is no limit, methods that train from scratch stop after the first. `named` are candidates by name;
    what has never seen S_f is judged by S_f itself and not made again.
    """
    folds, few = _few(case)
    listed = [at for at in listed if not named[at][1].unseen]
    needed = [job for job in jobs if any(_holds(job, *named[at]) for at in listed)]
    needed.sort(key=lambda job: (_price(job, named), job.method, list(job.candidates)))
    parts: dict[int, list[str]] = {}
    room, short, dropped = float("inf") if left is None else left, {}, {}
    for number, job in enumerate(needed):
        price = few * _price(job, named)
        if number and price > room:
            dropped[number] = price
        else:
            parts[number], room = [f"{FOLD}{k}" for k in range(few)], room - price
    for number, made in parts.items():
        price = _price(needed[number], named)
        if left is None and needed[number].anew:
            more = 0
        else:
            more = min(folds - few, int(max(room, 0) // price) if room < float("inf") else folds)
        made += [f"{FOLD}{k}" for k in range(few, few + more)]
        room -= more * price
        lacking = (folds - few - more) * price + groups * price
        if (
            groups
            and few + more == folds
            and groups * price <= room
            and not (left is None and needed[number].anew)
        ):
            made += [f"{GROUP}{k}" for k in range(groups)]
            room, lacking = room - groups * price, 0.0
        if lacking:
            short[number] = lacking

    def by_candidate(found: Mapping[int, Any]) -> dict[int, Any]:
        return {
            at: what for number, what in found.items() for at in listed if _holds(needed[number], *named[at])
        }

    return Again(
        {at: tuple(made) for at, made in by_candidate(parts).items()},
        by_candidate(short),
        by_candidate(dropped),
    )


def minutes(seconds: float) -> str:
    """A time as it is read."""
    return f"about {seconds:.0f} seconds" if seconds < 90 else f"about {seconds / 60:.0f} minutes"


def _few(case: Case) -> tuple[int, int]:
    """How many folds there are, none of a list too short for a verdict, and how many hold FEWEST samples."""
    if case.m < FEWEST:
        return 0, 0
    counts = np.bincount(case.fold[judged(case)], minlength=int(case.fold.max()) + 1).cumsum()
    enough = np.flatnonzero(counts >= FEWEST)
    return len(counts), int(enough[0]) + 1 if len(enough) else len(counts)


def _holds(job: Job, name: str, candidate: Candidate) -> bool:
    return job.method == candidate.method and name in job.candidates


def _price(job: Job, named: Sequence[tuple[str, Candidate]]) -> float:
    """Measured seconds of a job once more: of all its candidates, for it makes them all."""
    own = [one.again for name, one in named if _holds(job, name, one)]
    return START_SECONDS + sum(own) if own else 0.0

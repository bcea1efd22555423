"""A rehearsal: the verdict on a manipulation that was planted, beside what it was not told."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from redress.formats import files
from redress.formats.block import Block
from redress.formats.contents import Predictions
from redress.formats.correction import KNOWN
from redress.formats.identity import Identity
from redress.judge import Candidate, Case, Judgement, Settings, judge
from redress.judge.choice import judged, repaired
from redress.judge.figures import ABSENT, held_out
from redress.judge.rates import rate
from redress.judge.reading import candidates, made_again, original_outcome

Row = dict[str, Any]

MISSED = -1
"""Of the probes of a rehearsal, those that nobody found: the last."""


@dataclass(frozen=True)
class Rehearsed:
    """One rehearsal, judged; its rows have `estimate` beside `truth`."""

    name: str
    judgement: Judgement
    rows: Sequence[Row]


def rehearsed(original: Identity, blocks: Iterable[Block], settings: Settings) -> Rehearsed:
    """Judge the rehearsal that `original` names, and hold every candidate against the planted truth.

    `truth` is the share of what nobody found that the model told of all of S_f repairs, as the judge
    measures it; `healed` that by true labels.
    """
    place = Identity(original.dataset)
    blocks = list(blocks)
    named = candidates(original, blocks, [], made_again(place, None))
    case, (before, _) = Case.load(original.dataset), original_outcome(original)
    judgement = judge(case, before, [one for _, one in named], settings)
    planted = files.read_json(place.path("planted"), place, "given", "true")
    given, true = np.array(planted["given"]), np.array(planted["true"])
    cells = {block.method: next(block.cells(original)) for block in blocks if block.discovery == KNOWN}
    rows = []
    for at, (name, one) in enumerate(named):
        made = Predictions.load("candidate", cells[one.method].having(candidate=name))
        rows.append(_row(original.dataset, case, one, made, given, true, judgement, at))
    return Rehearsed(original.dataset, judgement, rows)


def _row(
    rehearsal: str,
    case: Case,
    one: Candidate,
    made: Predictions,
    given: np.ndarray,
    true: np.ndarray,
    judgement: Judgement,
    at: int,
) -> Row:
    figures, predicted = judgement.figures[at], held_out(case, one)
    estimate = rate(repaired(case, predicted), judged(case) & (predicted != ABSENT))
    missed = None if made.diverged else made.probes[MISSED].astype(np.int64)
    by_truth = missed is not None and judgement.goal == "healed"
    return {
        "rehearsal": rehearsal,
        "method": one.method,
        "hyperparameters": json.dumps(dict(one.hyperparameters)),
        "estimate": estimate.estimate if estimate.n else None,
        "low": estimate.low if estimate.n else None,
        "high": estimate.high if estimate.n else None,
        "n": estimate.n,
        "truth": None if missed is None else float((missed == true if by_truth else missed != given).mean()),
        "healed": None if missed is None else float((missed == true).mean()),
        "n_truth": len(true),
        "utility_lost": None if figures is None else figures.utility_lost,
        "objection": judgement.objections[at],
        "chosen": at == judgement.chosen,
        "seconds": one.seconds,
    }


def summary(all_: Sequence[Rehearsed]) -> dict[str, Any]:
    """How well verdicts predicted what was planted, over all rehearsals. Shares are fractions.

    `bias` is the mean of estimate less truth over all candidates with an estimate, `held` for how many of
    them the interval holds the truth.
    """
    rows = [row for one in all_ for row in one.rows]
    told = [row for row in rows if row["estimate"] is not None and row["truth"] is not None]
    return {
        "rehearsals": [_verdict(one) for one in all_],
        "candidates": len(told),
        "bias": float(np.mean([row["estimate"] - row["truth"] for row in told])) if told else None,
        "held": sum(row["low"] <= row["truth"] <= row["high"] for row in told),
        "best": best(rows),
    }


def _verdict(one: Rehearsed) -> Row:
    """What was said, what is so, and what could have been had for a price that is tolerated."""
    verdict = one.judgement.verdict
    chosen = next((row for row in one.rows if row["chosen"]), None)
    allowed = [row["truth"] for row in one.rows if not row["objection"] and row["truth"] is not None]
    return {
        "rehearsal": one.name,
        "status": one.judgement.status,
        "method": chosen and chosen["method"],
        "hyperparameters": chosen and json.loads(chosen["hyperparameters"]),
        "estimate": None if verdict is None else verdict.repair.estimate,
        "low": None if verdict is None else verdict.repair.low,
        "high": None if verdict is None else verdict.repair.high,
        "truth": chosen and chosen["truth"],
        "n_truth": one.rows[0]["n_truth"] if one.rows else 0,
        "best_truth": max(allowed, default=None),
    }


def best(rows: Sequence[Row]) -> list[Row]:
    """Every candidate over all rehearsals, those that were tolerated in all of them and repair most first."""
    by_name: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_name.setdefault((row["method"], row["hyperparameters"]), []).append(row)

    def mean(own: Sequence[Row], name: str) -> float | None:
        known = [row[name] for row in own if row[name] is not None]
        return float(np.mean(known)) if known else None

    found = [
        {
            "method": method,
            "hyperparameters": json.loads(hyperparameters),
            **{name: mean(own, name) for name in ("truth", "healed", "estimate", "utility_lost", "seconds")},
            "tolerated": not any(row["objection"] for row in own),
        }
        for (method, hyperparameters), own in by_name.items()
    ]
    return sorted(found, key=lambda row: (not row["tolerated"], -(row["truth"] or 0), row["seconds"]))

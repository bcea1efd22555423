"""What a judgement leaves behind: verdict.json, candidates.csv, and heldout.csv to have it all again from."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from redress.formats import files, products
from redress.formats.correction import UNKNOWN
from redress.formats.identity import Identity
from redress.judge.budget import LeftOut
from redress.judge.case import Candidate, Case, Outcome
from redress.judge.choice import Settings, judged, repaired
from redress.judge.figures import ABSENT, Fate, by_group, held_out
from redress.judge.rates import Rate, rate
from redress.judge.verdict import Judgement, ceiling, percent, repair_index


def write(
    name: str,
    case: Case,
    original: Outcome,
    candidates: Sequence[Candidate],
    judgement: Judgement,
    settings: Settings,
    left_out: Sequence[LeftOut] = (),
    folder: Path | None = None,
    **also: Any,
) -> None:
    """Write the three files to `folder`, by default results/corrections/<name>/; the verdict gets `also`."""
    identity = Identity(name)
    folder = Path(identity.path("verdict")).parent if folder is None else folder
    rows = candidate_rows(case, original, candidates, judgement, left_out)
    _table(folder / "candidates.csv", rows)
    _table(folder / "heldout.csv", heldout_rows(case, original, candidates, judgement))
    verdict = verdict_of(case, candidates, judgement, settings, left_out)
    files.write_json(folder / "verdict.json", {**verdict, **also}, identity)


def _key(one: Candidate | LeftOut) -> tuple[str, str]:
    return one.method, json.dumps(dict(one.hyperparameters), sort_keys=True)


def headline(
    candidates: Sequence[Candidate], judgement: Judgement, labels: Mapping[str, str] | None = None
) -> str:
    """The verdict in one sentence; `labels` are what readers call methods."""
    word, verdict, at = judgement.status.capitalize(), judgement.verdict, judgement.chosen
    figures = None if at is None else judgement.figures[at]
    if verdict is None or figures is None or judgement.status in ("cannot be judged", "nothing to repair"):
        told = f"{word}: {judgement.reasons[0][0].lower()}{judgement.reasons[0][1:]}"
        if judgement.handed is None:
            return told
        label = candidates[judgement.handed].method
        return f"{told} {(labels or {}).get(label, label)} ranks first; its weights are there, unjudged."
    method, lost = candidates[at or 0].method, round(100 * figures.utility_lost, 1)
    what = {"healed": "right about", "not escaped": "no longer misled on"}[judgement.goal]
    label = (labels or {}).get(method, method)
    on = ", none of which it was trained on" if candidates[at or 0].unseen else " that it was not told of"
    subject = (
        f"with {label} it is"
        if judgement.take
        else f"keep the original model; the best candidate, {label}, is"
    )
    price = "at no loss of accuracy"
    if lost:
        price = f"{'for' if lost > 0 else 'and gains'} {abs(lost):.1f} points of validation accuracy"
    return (
        f"{word}: {subject} {what} {percent(verdict.repair)} of the bad samples{on}"
        f" (before: {100 * verdict.before.estimate:.0f} %), {price}."
    )


def verdict_of(
    case: Case,
    candidates: Sequence[Candidate],
    judgement: Judgement,
    settings: Settings,
    left_out: Sequence[LeftOut] = (),
) -> dict[str, Any]:
    """What verdict.json holds. Shares are fractions, None where there is nothing to tell."""
    at, verdict = judgement.chosen, judgement.verdict
    chosen = None if at is None else candidates[at]
    figures = None if at is None else judgement.figures[at]
    worst = None if figures is None else figures.worst_class
    return {
        "status": judgement.status,
        "sentence": headline(candidates, judgement),
        "take": judgement.take,
        "weights": None if judgement.handed is None else "judged" if judgement.take else "unjudged",
        "method": None if chosen is None else chosen.method,
        "hyperparameters": None if chosen is None else dict(chosen.hyperparameters),
        "unlearn_seconds": None if chosen is None else chosen.seconds,
        "repair": None if verdict is None else {"measure": judgement.goal, **_known(verdict.repair)},
        "before": None if verdict is None else {"measure": judgement.goal, **_known(verdict.before)},
        "repair_index": None
        if verdict is None
        else dict(zip(("estimate", "low", "high"), verdict.index, strict=True)),
        "ceiling": None if verdict is None else verdict.ceiling,
        "p": None if verdict is None else verdict.p,
        "groups_held_out": verdict is not None and verdict.grouped,
        "escape": None if figures is None else _rate(figures.held_out.escape),
        "healed": None if figures is None else _rate(figures.held_out.healed),
        "ruin": None if figures is None else _rate(figures.held_out.ruin),
        "utility": None
        if figures is None
        else {
            "before": _rate(judgement.original.utility),
            "after": _rate(figures.utility),
            "lost": figures.utility_lost,
            "p": figures.utility_p,
            "worst_class": None if worst is None else {"name": worst.name, "lost": worst.lost, "p": worst.p},
        },
        "collateral": None
        if figures is None or figures.changed is None
        else {
            **_known(figures.changed),
            "classes": {name: _rate(one) for name, one in figures.collateral.items()},
        },
        "bad_samples": case.m,
        "bad_samples_that_count": int(judged(case).sum()),
        "true_labels_known": int(case.labelled.sum()),
        "validation_trusted": case.trusted,
        "chosen_among": judgement.choice.tried,
        "left_out": [vars(one) for one in left_out],
        "settings": vars(settings),
        "reasons": list(judgement.reasons),
    }


def candidate_rows(
    case: Case,
    original: Outcome,
    candidates: Sequence[Candidate],
    judgement: Judgement,
    left_out: Sequence[LeftOut] = (),
) -> Iterator[dict[str, Any]]:
    """A row per candidate, M_o's first; intervals are at 95 % and do not allow for the choosing.

    Candidates that were not run come last.
    """
    why = {_key(one): one.why for one in left_out}
    counted = judged(case)
    before = rate(repaired(case, original.bad), counted).estimate
    rows = [(Candidate("original", {}, 0.0, original), judgement.original, "", None)]
    rows += [
        (one, judgement.figures[at], judgement.objections[at], at)  # type: ignore[misc]
        for at, one in enumerate(candidates)
    ]
    for one, figures, objection, at in rows:
        row: dict[str, Any] = {
            "method": one.method,
            "hyperparameters": json.dumps(dict(one.hyperparameters)),
            "seconds": one.seconds,
            "shortlisted": bool(one.folds),
            "objection": objection,
            "chosen": at is not None and at == judgement.chosen,
            "tied": at in judgement.choice.tied,
            "left_out": why.pop(_key(one), ""),
            "norm_shift": one.norm_shift,
        }
        if figures is not None:
            fates = {"": figures.held_out, "in_sample_": figures.in_sample, "groups_": figures.of_groups}
            for prefix, of in fates.items():
                row |= _fate(prefix, of)
            repair = rate(repaired(case, held_out(case, one)), counted & (held_out(case, one) != ABSENT))
            worst = figures.worst_class
            left = {name: one.estimate for name, one in figures.collateral.items()}
            most = max(left, key=lambda name: left[name], default=None)
            row |= _spread("utility", figures.utility) | {
                "utility_lost": figures.utility_lost,
                "utility_p": figures.utility_p,
                "worst_class": None if worst is None else worst.name,
                "worst_class_lost": None if worst is None else worst.lost,
                "repair_index": repair_index(repair.estimate, before, ceiling(case, original, one.whole))
                if repair.n
                else None,
                "collateral_worst_class": most,
                "collateral_worst": None if most is None else left[most],
            }
            row |= _spread("collateral", figures.changed)
        yield row
    for absent in left_out:
        if _key(absent) in why:
            hyperparameters = json.dumps(dict(absent.hyperparameters))
            yield {"method": absent.method, "hyperparameters": hyperparameters, "left_out": absent.why}


def heldout_rows(
    case: Case, original: Outcome, candidates: Sequence[Candidate], judgement: Judgement
) -> Iterator[dict[str, Any]]:
    """A row per bad sample and candidate with held-out predictions. Classes are called by their names."""

    def called(number: int) -> str | None:
        return None if number in (UNKNOWN, ABSENT) else case.classes[number]

    for one in candidates:
        if one.whole.diverged or not (one.folds or one.unseen):
            continue
        predicted, left_out = held_out(case, one), by_group(case, one)
        for i, bad in enumerate(case.ids):
            yield {
                "id": bad,
                "method": one.method,
                "hyperparameters": json.dumps(dict(one.hyperparameters)),
                "given_label": called(case.bad_given[i]),
                "true_label": called(case.bad_true[i]),
                "fold": int(case.fold[i]),
                "group": None if case.group is None else case.group[i],
                "used_for": "reporting" if judgement.reported[i] else "choosing",
                "original_prediction": called(original.bad[i]),
                "held_out_prediction": called(predicted[i]),
                "group_held_out_prediction": None if left_out is None else called(left_out[i]),
                "in_sample_prediction": called(one.whole.bad[i]),
            }


def _fate(prefix: str, fate: Fate | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in ("escape", "healed", "ruin"):
        row |= _spread(prefix + name, None if fate is None else getattr(fate, name))
    return row | {f"{prefix}n": 0 if fate is None else fate.escape.n}


def _spread(name: str, one: Rate | None) -> dict[str, float | None]:
    found = _rate(one) or {}
    return {
        f"{name}{end}": found.get(key) for end, key in (("", "estimate"), ("_low", "low"), ("_high", "high"))
    }


def _rate(one: Rate | None) -> dict[str, Any] | None:
    """A rate as JSON; None of no sample."""
    return _known(one) if one is not None and one.n else None


def _known(one: Rate) -> dict[str, Any]:
    known = {"estimate": one.estimate, "low": one.low, "high": one.high, "n": one.n, "level": one.level}
    return known if one.at_most is None else {**known, "at_most": one.at_most}


def _table(path: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    """Write rows as CSV, an empty cell for None and NaN."""
    listed = [
        {key: "" if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in rows
    ]
    columns = list(dict.fromkeys(key for row in listed for key in row))
    with products.sealed(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(listed)

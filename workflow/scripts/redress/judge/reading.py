"""What the judge is given, read from what the developer's jobs have left."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from redress.formats import files
from redress.formats.block import Block
from redress.formats.contents import Predictions
from redress.formats.correction import FOLD, GROUP, KNOWN
from redress.formats.identity import Identity
from redress.judge.case import Candidate, Outcome

Made = Callable[[str, str, str], bool]
"""Whether a candidate of a method was made, both by their names, for a discovery: all of S_f or a part."""

Named = list[tuple[str, Candidate]]
"""Candidates by their names."""


def runs(place: Identity, minutes: float | None) -> Callable[[str, str], bool]:
    """Which candidates of a method were run at all: those that fit the budget, all where there is none."""
    if minutes is None:
        return lambda method, name: True
    kept = files.read_json(place.path("afforded"), place, "candidates")["candidates"]
    return lambda method, name: [method, name] in kept


def made_again(place: Identity, minutes: float | None) -> Made:
    """What was made, by what was decided when there was time left."""
    ran = runs(place, minutes)
    parts = files.read_json(place.path("shortlist"), place, "parts")["parts"]
    made = {(method, name): {*without} for method, name, without in parts}
    return lambda method, name, part: (
        ran(method, name) if part == KNOWN else part in made.get((method, name), ())
    )


def original_outcome(original: Identity) -> tuple[Outcome, Mapping[str, str]]:
    """What M_o predicts, and the seals of what it was made from."""
    predictions = Predictions.load("predictions", original)
    return _outcome(predictions), predictions.about["made_from"]


def candidates(
    original: Identity,
    blocks: Iterable[Block],
    groups: Sequence[str],
    there: Made,
    unseen: Collection[Sequence[str]] = (),
) -> Named:
    """Every candidate by its name, with those models made without a part of S_f that `there` says there are.

    `groups` are the names of those that were left out, `unseen` are methods and candidates that have never
    seen S_f and are judged by it. Raises DamagedFileError for a model that was made from another original
    model or other pictures than are there.
    """
    seals = original_outcome(original)[1]
    parts: dict[tuple[str, str], dict[str, Predictions]] = {}
    for block in blocks:
        for cell in block.cells(original):
            for name in block.candidates:
                if there(block.method, name, block.discovery):
                    who = cell.having(candidate=name)
                    made = Predictions.load("candidate", who)
                    made.check_made_from("candidate", who, seals)
                    parts.setdefault((block.method, name), {})[block.discovery] = made
    told = {key: made for key, made in parts.items() if KNOWN in made}
    return [
        (name, _candidate(method, made, groups, [method, name] in unseen))
        for (method, name), made in told.items()
    ]


def _candidate(
    method: str, made: Mapping[str, Predictions], groups: Sequence[str], unseen: bool
) -> Candidate:
    about = made[KNOWN].about
    numbered = {
        kind: {
            int(part.removeprefix(kind)): _outcome(one)
            for part, one in made.items()
            if part.startswith(kind) and part != KNOWN
        }
        for kind in (FOLD, GROUP)
    }
    return Candidate(
        method=method,
        hyperparameters=about["hyperparameters"],
        seconds=about["unlearn_seconds"],
        whole=_outcome(made[KNOWN]),
        folds=numbered[FOLD],
        groups={groups[k]: one for k, one in numbered[GROUP].items()},
        again=about["unlearn_seconds"] - about["preparation_seconds"] + about["prediction_seconds"],
        unseen=unseen,
        norm_shift=about["norm_shift"],
    )


def _outcome(predictions: Predictions) -> Outcome:
    """The first probe are all of S_f, whatever the model was told of it, a second one others of S_tr."""
    if predictions.diverged:
        nothing = np.empty(0, np.int64)
        return Outcome(nothing, nothing, diverged=True)
    bad, *rest = predictions.probes
    return Outcome(predictions.validation, bad, rest=rest[0] if rest else None)

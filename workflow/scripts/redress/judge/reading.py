"""What the judge is given, read from what the developer's jobs have left."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from redress.formats.block import Block
from redress.formats.contents import Predictions
from redress.formats.correction import FOLD, GROUP, KNOWN
from redress.formats.identity import Identity
from redress.judge.case import Candidate, Outcome

Made = Callable[[str, str], bool]
"""Whether a candidate of a method, both by their names, is made again without each part."""


def original_outcome(original: Identity) -> tuple[Outcome, Mapping[str, str]]:
    """What M_o predicts, and the seals of what it was made from."""
    predictions = Predictions.load("predictions", original)
    return _outcome(predictions), predictions.about["made_from"]


def candidates(
    original: Identity, blocks: Iterable[Block], groups: Sequence[str], again: Made
) -> list[tuple[str, Candidate]]:
    """Every candidate by its name, with those models made without a part of S_f that `again` says there are.

    `groups` are the names of those that were left out. Raises DamagedFileError for a model that was made from
    another original model or other pictures than are there.
    """
    seals = original_outcome(original)[1]
    parts: dict[tuple[str, str], dict[str, Predictions]] = {}
    for block in blocks:
        for cell in block.cells(original):
            for name in block.candidates:
                if block.discovery == KNOWN or again(block.method, name):
                    who = cell.having(candidate=name)
                    made = Predictions.load("candidate", who)
                    made.check_made_from("candidate", who, seals)
                    parts.setdefault((block.method, name), {})[block.discovery] = made
    return [(name, _candidate(method, made, groups)) for (method, name), made in parts.items()]


def _candidate(method: str, made: Mapping[str, Predictions], groups: Sequence[str]) -> Candidate:
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
    )


def _outcome(predictions: Predictions) -> Outcome:
    """The first probe are all of S_f, whatever the model was told of it, a second one others of S_tr."""
    if predictions.diverged:
        nothing = np.empty(0, np.int64)
        return Outcome(nothing, nothing, diverged=True)
    bad, *rest = predictions.probes
    return Outcome(predictions.validation, bad, rest=rest[0] if rest else None)

"""Keeping the weights of selected models, which are made again: all candidates' would fill a disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from redress.developer.bench import as_arrays
from redress.developer.candidate_job import CandidateJob
from redress.formats import files
from redress.formats.contents import Predictions
from redress.formats.errors import BadInputError, DamagedFileError
from redress.formats.identity import Identity
from redress.formats.recipe import Setup


def keep_selected(
    cell: Identity, uses: Mapping[str, str], setup: Setup, provenance: Mapping[str, Any]
) -> str:
    """Write the weights of what was selected for the deletion set and method that `cell` names.

    A file that holds them already is left alone. Returns what happened, in words.
    """
    selections = files.read_json(cell.path("selection"), cell.original, "selections")["selections"]
    chosen = [one["selected"] for one in selections if one["cell"] == cell.names]
    if not chosen:
        raise DamagedFileError(cell.path("selection"), f"has no selection for {cell.path('model')}")
    (name,) = chosen
    if name is None:
        files.save_arrays(cell.path("model"), {}, {"made_from": None}, cell)
        return "every candidate diverged: there is no model to save, the file stays empty"
    recorded = Predictions.load("candidate", cell.having(candidate=name))
    if _holds(cell, recorded.about["seal"]):
        return f"the weights of {name} are there already"
    model, made = CandidateJob(cell, uses, setup, provenance).run(recorded.about["hyperparameters"])
    pairs = [(made.validation, recorded.validation), (made.deletion, recorded.deletion)]
    pairs += zip(made.probes, recorded.probes, strict=True)
    if not all(np.array_equal(now, then) for now, then in pairs):
        raise BadInputError(
            f"the model made again predicts otherwise than {cell.having(candidate=name).path('candidate')}: "
            "other hardware, versions or threads than the recorded ones?"
        )
    about = {**made.about, "made_from": recorded.about["seal"]}
    files.save_arrays(cell.path("model"), as_arrays(model.state_dict()), about, cell)
    return f"kept the weights of {name}"


def _holds(cell: Identity, seal: str) -> bool:
    """Whether the weights of the candidate whose record has this seal are there."""
    path = Path(cell.path("model"))
    try:
        if not path.exists() or files.load_arrays(path, cell)[1].get("made_from") != seal:
            return False
    except DamagedFileError:
        return False
    path.touch()
    return True

"""Keeping the weights of selected models, which are made again: all candidates' would fill a disk."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from redress.developer.bench import as_arrays
from redress.developer.candidate_job import CandidateJob
from redress.formats import files
from redress.formats.contents import Predictions
from redress.formats.correction import KNOWN, UNCHANGED
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
    chosen = [(one["selected"], one["expansion"]) for one in selections if one["cell"] == cell.names]
    if not chosen:
        raise DamagedFileError(cell.path("selection"), f"has no selection for {cell.path('model')}")
    ((name, expansion),) = chosen
    if name is None:
        files.save_arrays(cell.path("model"), {}, {"made_from": None}, cell)
        return "every candidate diverged: there is no model to save, the file stays empty"
    who = cell.having(candidate=name, expansion=expansion)
    recorded = Predictions.load("candidate", who)
    if _holds(cell, recorded.about["seal"]):
        return f"the weights of {name} are there already"
    model, made = _made_again(who, recorded, uses, setup, provenance)
    about = {**made.about, "made_from": recorded.about["seal"]}
    files.save_arrays(cell.path("model"), as_arrays(model.state_dict()), about, cell)
    return f"kept the weights of {name}"


def repair(
    original: Identity,
    uses: Mapping[str, str],
    setup: Setup,
    provenance: Mapping[str, Any],
    methods: Mapping[str, str],
    expansions: Mapping[str, str],
    parent: str,
    bad_list: str,
) -> str:
    """Write the weights of the candidate that was chosen for somebody's model, as that names its tensors;
    where none is better, those that were brought.

    `methods` are the files behind names of methods, `expansions` who grows S_f for them, `parent` is the file
    of weights that were brought, `bad_list` the SHA-256 of the list of bad samples, which no job of the
    developer's reads. Returns what happened, in words.
    """
    case = Identity(original.dataset)
    choice = files.read_json(original.path("choice"), case, "method", "candidate", "status")
    about = {"status": choice["status"], "parent_sha256": files.sha256(parent), "bad_list_sha256": bad_list}
    prefix = files.about_of(original.path("original"))["prefix"]

    def write(weights: Mapping[str, Tensor]) -> None:
        tensors = {f"{prefix}{name}": tensor.contiguous() for name, tensor in weights.items()}
        _write_weights(original.path("repaired"), tensors, about)

    if choice["candidate"] is None:
        brought, _ = files.load_arrays(original.path("original"), original)
        about["weights"] = UNCHANGED
        write({name: torch.as_tensor(array) for name, array in brought.items()})
        return f"{choice['status']}: wrote the weights that were brought, for none are better"
    method = choice["method"]
    cell = original.having(discovery=KNOWN, share="1.0", expansion=expansions[method], method=method)
    who = cell.having(candidate=choice["candidate"])
    recorded = Predictions.load("candidate", who)
    told = {**uses, "method": methods[method]}
    model, made = _made_again(who, recorded, told, setup, provenance)
    about |= {"method": method, "hyperparameters": json.dumps(made.about["hyperparameters"])}
    about |= {"commit": str(provenance.get("commit"))}
    write(model.state_dict())
    return f"{choice['status']}: wrote the weights of {method} {choice['candidate']}"


def _write_weights(path: str, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Atomically, with `about` and what is needed by who loads them in the header."""
    # None may share memory with another.
    clones = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    with files.atomic(path) as temporary:
        save_file(clones, temporary, metadata={**about, "format": "pt"})


def _made_again(
    who: Identity, recorded: Predictions, uses: Mapping[str, str], setup: Setup, provenance: Mapping[str, Any]
) -> tuple[nn.Module, Predictions]:
    """A candidate once more. Raises BadInputError where it predicts otherwise than what is recorded of it."""
    job = CandidateJob(who.having(candidate=None), uses, setup, provenance)
    model, made = job.run(recorded.about["hyperparameters"])
    pairs = [(made.validation, recorded.validation), (made.deletion, recorded.deletion)]
    pairs += zip(made.probes, recorded.probes, strict=True)
    if not all(np.array_equal(now, then) for now, then in pairs):
        raise BadInputError(
            f"the model made again predicts otherwise than {who.path('candidate')}: "
            "other hardware, versions or threads than the recorded ones?"
        )
    return model, made


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

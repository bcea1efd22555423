"""Running candidates of one method on one deletion set: what unlearn.py and save_model.py have in common."""

import copy
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redress.developer.bench import Bench, checked_model
from redress.developer.norms import norm_shift
from redress.developer.prediction import Predictor
from redress.developer.task import Task
from redress.formats import files
from redress.formats.candidates import Hyperparameters, own_of
from redress.formats.contents import Predictions
from redress.formats.errors import BadInputError
from redress.formats.identity import PLAIN, WHOLE, Identity
from redress.formats.recipe import Setup
from redress.launch.device import Stopwatch, device_name, peak_memory_mb
from redress.plugins import importances_of, load_anew

Importances = dict[tuple[str, str], dict[str, Tensor]]


def importance_identity(identity: Identity, name: str, over: str) -> Identity:
    """Names the importance `name` over the `training_set` or the `deletion_set` that `identity` names."""
    cell = f"{identity.expansion or PLAIN}/{identity.discovery}/{identity.share}"
    return identity.original.having(importance=name, over=WHOLE if over == WHOLE else cell)


class CandidateJob:
    """The loaded inputs of a job; `run` turns hyperparameters into a model and its predictions.

    `provenance` is what every result says of its making.
    """

    def __init__(
        self, identity: Identity, uses: Mapping[str, str], setup: Setup, provenance: Mapping[str, Any]
    ):
        self._identity, self._setup = identity, setup
        self.provenance = dict(provenance)
        self._method = uses["method"]
        self._bench = Bench(identity, uses, setup)
        self._deletion = self._bench.deletion_set()
        self._original = self._bench.original()
        self._predictor = Predictor(self._bench, self._bench.looked_at())
        self._importances: Importances = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._seals: dict[tuple[str, str], str] = {}

    def run(self, hyperparameters: Hyperparameters) -> tuple[nn.Module, Predictions]:
        """M_u and what it predicts. No candidate influences another one."""
        device = self._bench.device
        needed = self._needed(hyperparameters)
        task = self._task(needed)
        before = _changes_in_place(self._importances)
        _reset_torch(task.seed, self._setup.threads)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        unlearn = load_anew("methods", self._method).unlearn
        folder = Path.cwd()
        with Stopwatch(device) as stopwatch:
            model = unlearn(task, **own_of(hyperparameters))
        os.chdir(folder)
        memory = peak_memory_mb(device)
        checked_model(model, f"methods/{self._method}.py: unlearn()")
        if _changes_in_place(self._importances) != before:
            raise BadInputError(
                f"methods/{self._method}.py changes a shared importance in place: clone it first"
            )
        preparation = sum(self._seconds[key] for key in needed)
        about = {
            "hyperparameters": hyperparameters,
            "deletion_size": len(task.deletion),
            "unlearn_seconds": preparation + stopwatch.seconds,
            "preparation_seconds": preparation,
            "peak_memory_mb": memory,
            "norm_shift": norm_shift(self._original, model),
            "device": device_name(device),
            "made_from": self.made_from(hyperparameters),
            "provenance": self.provenance,
        }
        return model, self._predictor.predict(model, about)

    def made_from(self, hyperparameters: Hyperparameters) -> dict[str, str]:
        """Seals of all that a candidate is made from, by kind."""
        needed = self._needed(hyperparameters)
        return self._bench.seals | {f"{over} {name}": self._seals[name, over] for name, over in needed}

    def _needed(self, hyperparameters: Hyperparameters) -> list[tuple[str, str]]:
        """The importances that a candidate needs, loaded."""
        needed = importances_of(self._method, own_of(hyperparameters))
        for one in needed:
            self._load_importance(*one)
        return needed

    def _load_importance(self, name: str, over: str) -> None:
        if (name, over) in self._importances:
            return
        identity = importance_identity(self._identity, name, over)
        arrays, about = files.load_arrays(identity.path("importance"), identity)
        device = self._bench.device
        self._importances[name, over] = {
            key: torch.as_tensor(array, device=device) for key, array in arrays.items()
        }
        self._seconds[name, over] = about["seconds"]
        self._seals[name, over] = about["seal"]

    def _task(self, needed: list[tuple[str, str]]) -> Task:
        bench, samples = self._bench, self._bench.samples
        kept = torch.ones_like(samples, dtype=torch.bool)
        kept[self._deletion] = False
        share = self._identity.fraction
        return Task(
            original=copy.deepcopy(self._original),
            training_set=bench.training_set.copy(),
            deletion=self._deletion.clone(),
            retain=samples[kept],
            recipe=bench.recipe,
            seed=bench.seed("unlearn", self._method, float(share or 0)),
            device=bench.device,
            new_model=bench.new_model,
            importances={key: dict(self._importances[key]) for key in needed},
            growth=bench.growth(),
        )


def _reset_torch(seed: int, threads: int) -> None:
    """Undo what an earlier candidate's method may have done to PyTorch's global state."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.set_num_threads(threads)
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)


def _changes_in_place(importances: Importances) -> list[int]:
    """PyTorch's counters of in-place changes; writing through `.data` or `.numpy()` escapes them."""
    return [tensor._version for tensors in importances.values() for tensor in tensors.values()]

"""Running candidates of one (method, |S_f|): what unlearn.py and save_model.py have in common."""

import argparse
import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from redress import files, plugins
from redress.candidates import Hyperparameters
from redress.errors import BadInputError
from redress.evaluation import Evaluation
from redress.job import add_scenario, provenance
from redress.records import record
from redress.scenario import Scenario, Stopwatch, device_name, peak_memory_mb
from redress.task import Task

Statistics = dict[tuple[str, str], dict[str, Tensor]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The scenario's arguments and those that name a method and a deletion set."""
    add_scenario(parser)
    parser.add_argument("--original", type=Path, required=True, help="the weights of M_o")
    parser.add_argument("--method", required=True, choices=plugins.names("methods"))
    parser.add_argument("--deletion-fraction", type=float, required=True, help="|S_f|/|S_m|")
    parser.add_argument(
        "--statistics",
        nargs="*",
        type=Path,
        default=[],
        help="files of importance.py: those of the method's shared statistics",
    )


class CandidateJob:
    """The loaded inputs of a job; `run` turns hyperparameters into a model and its record."""

    def __init__(self, arguments: argparse.Namespace, script: str):
        self._arguments = arguments
        self._scenario = Scenario(arguments)
        self._evaluation = Evaluation(self._scenario)
        self._original = self._scenario.load_model(arguments.original)
        self._provenance = provenance(arguments, script, f"methods/{arguments.method}.py")
        self._statistics: Statistics = {}
        self._seconds: dict[tuple[str, str], float] = {}
        for path in arguments.statistics:
            arrays, about = files.load_arrays(path)
            key = (about["statistic"], about["over"])
            self._statistics[key] = {
                name: torch.as_tensor(array, device=self._scenario.device) for name, array in arrays.items()
            }
            self._seconds[key] = about["seconds"]

    def run(self, hyperparameters: Hyperparameters) -> tuple[nn.Module, dict[str, Any]]:
        """M_u and the candidate's record. No candidate influences another one."""
        arguments, device = self._arguments, self._scenario.device
        needed = plugins.statistics(arguments.method, hyperparameters)
        task = self._task(needed)
        before = _changes_in_place(self._statistics)
        _reset_torch(task.seed, arguments.threads)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        unlearn = plugins.load("methods", arguments.method).unlearn
        with Stopwatch(device) as stopwatch:
            model = unlearn(task, **hyperparameters)
        memory = peak_memory_mb(device)
        if not isinstance(model, nn.Module):
            problem = f"unlearn() returned {type(model).__name__} instead of a model"
            raise BadInputError(f"methods/{arguments.method}.py: {problem}")
        if _changes_in_place(self._statistics) != before:
            raise BadInputError(
                f"methods/{arguments.method}.py changes a shared statistic in place: clone it first"
            )
        preparation = sum(self._seconds[key] for key in needed)
        with Stopwatch(device) as evaluating:
            measured = self._evaluation.measure(self._evaluation.predict(model), len(task.deletion))
        return model, record(
            arguments,
            arguments.method,
            measured,
            device_name(device),
            self._provenance,
            deletion_fraction=arguments.deletion_fraction,
            deletion_size=len(task.deletion),
            hyperparameters=hyperparameters,
            unlearn_seconds=preparation + stopwatch.seconds,
            preparation_seconds=preparation,
            evaluation_seconds=evaluating.seconds,
            peak_memory_mb=memory,
        )

    def _task(self, needed: list[tuple[str, str]]) -> Task:
        method, fraction = self._arguments.method, self._arguments.deletion_fraction
        for name, over in needed:
            if (name, over) not in self._statistics:
                raise BadInputError(f"--statistics: {method} needs {name} over the {over}")
        deletion, samples = self._scenario.deletion(fraction), self._scenario.samples()
        kept = torch.ones_like(samples, dtype=torch.bool)
        kept[deletion] = False
        return Task(
            original=copy.deepcopy(self._original),
            training_set=self._scenario.training_set.copy(),
            deletion=deletion,
            retain=samples[kept],
            recipe=self._scenario.recipe,
            seed=self._scenario.seed("unlearn", method, fraction),
            device=self._scenario.device,
            new_model=self._scenario.new_model,
            statistics={key: dict(self._statistics[key]) for key in needed},
        )


def _reset_torch(seed: int, threads: int) -> None:
    """Undo what an earlier candidate's method may have done to PyTorch's global state."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)


def _changes_in_place(statistics: Statistics) -> list[int]:
    """PyTorch's counters of in-place changes; writing through `.data` or `.numpy()` escapes them."""
    return [tensor._version for tensors in statistics.values() for tensor in tensors.values()]

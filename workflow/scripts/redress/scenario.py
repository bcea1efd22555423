"""One original model and everything around it, opened from the files that the earlier stages left."""

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redress import files, plugins
from redress.cards import take_card
from redress.errors import BadInputError, DamagedFileError
from redress.manipulation import deletion_size
from redress.recipe import Recipe
from redress.seeds import seed_for
from redress.training_set import TrainingSet, manipulated_training_set, normaliser


def choose_device(wanted: str, threads: int) -> torch.device:
    """Set the process up for repeatable numbers on `wanted` (auto, cpu, cuda) with `threads` CPU threads."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # The same as torch.use_deterministic_algorithms(warn_only=True), which imports the compiler (a second).
    torch.set_deterministic_debug_mode("warn")
    # Nothing reads uninitialised memory, and filling it takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadInputError("--device cuda: this machine has no usable NVIDIA GPU; use cpu or auto")
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    card = torch.device("cuda", take_card(torch.cuda.device_count()))
    torch.cuda.set_device(card)
    return card


def device_name(device: torch.device) -> str:
    """What the device is called in results."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({platform.machine()}, {torch.get_num_threads()} threads)"


def host_peak_memory_mb() -> float:
    """Peak resident memory of this process in MB."""
    try:
        status = Path("/proc/self/status").read_text().split()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    # Linux's ru_maxrss counts what the process was before it became this program.
    return int(status[status.index("VmHWM:") + 1]) * 1024 / 1e6


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory in MB: the GPU's since the last reset, on a CPU the process's so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return host_peak_memory_mb()


class Stopwatch:
    """Wall-clock seconds of the block, the device's queue emptied at both ends."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.seconds = 0.0

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def __enter__(self) -> "Stopwatch":
        self._started = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = self._now() - self._started


@dataclass(frozen=True)
class Draw:
    """S_m in the order in which it is discovered: indices (n,), given labels (n,)."""

    manipulated: np.ndarray
    given_labels: np.ndarray


def read_draw(path: Path) -> Draw:
    """What manipulate.py wrote."""
    arrays, _ = files.load_arrays(path)
    return Draw(arrays["manipulated"], arrays["given_labels"])


def _new_model(
    settings: Mapping[str, Any], channels: int, classes: int, device: torch.device, seed: int
) -> nn.Module:
    keywords = {key: value for key, value in settings.items() if key != "name"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = plugins.load("models", settings["name"]).build(channels, classes, **keywords)
    return model.to(device).to(memory_format=torch.channels_last)


class Scenario:
    """A (dataset, manipulation, n, seed): its data, its S_m, its network. No method ever holds one."""

    def __init__(self, arguments: argparse.Namespace):
        self.names = (arguments.dataset, arguments.manipulation, arguments.n, arguments.seed)
        self.device = choose_device(arguments.device, arguments.threads)
        settings = arguments.settings
        self.recipe = Recipe(**settings["recipe"])
        self._settings = settings
        self.manipulation = plugins.manipulation(arguments.manipulation, settings["manipulation"])
        self.arrays, self.about = files.load_arrays(arguments.data)
        self.draw = read_draw(arguments.draw)
        self.normalise = normaliser(self.about["mean"], self.about["deviation"], self.device)

    @cached_property
    def training_set(self) -> TrainingSet:
        """S_tr with given labels."""
        return manipulated_training_set(
            self.arrays["train_images"],
            self.arrays["train_labels"],
            self.manipulation,
            self.draw.manipulated,
            self.draw.given_labels,
            self.recipe,
            self.normalise,
            self.device,
        )

    def seed(self, *names: str | int | float) -> int:
        """A seed that depends on this scenario and `names` alone."""
        return seed_for(*self.names, *names)

    def samples(self) -> Tensor:
        """Indices of S_tr."""
        return torch.arange(len(self.training_set), device=self.device)

    def deletion(self, fraction: float) -> Tensor:
        """Indices of S_f for a share of S_m: the first in the order of discovery, so the sets are nested."""
        size = deletion_size(fraction, len(self.draw.manipulated))
        return torch.tensor(self.draw.manipulated[:size], device=self.device)  # a copy, unlike as_tensor

    @cached_property
    def new_model(self) -> Callable[[int], nn.Module]:
        """The network, freshly initialised from a seed. Bound to the architecture alone: tasks hold it."""
        channels, classes = self.arrays["train_images"].shape[1], len(self.about["classes"])
        return partial(_new_model, self._settings["model"], channels, classes, self.device)

    def load_model(self, path: Path) -> nn.Module:
        """A model whose weights are in `path`, in evaluation mode."""
        arrays, _ = files.load_arrays(path)
        model = self.new_model(0)
        try:
            model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise DamagedFileError(path, "its weights do not fit the model in config") from error
        return model.eval()

"""What an unlearning method is given, and all it is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from redress.recipe import Recipe
from redress.seeds import seed_for
from redress.training_set import TrainingSet


@dataclass(frozen=True, eq=False)
class Task:
    """One unlearning problem as the developer sees it (Goel et al. 2024, section 2.1).

    It holds neither true labels, nor S_m, nor the kind of manipulation, nor validation or test data; the
    seed is a hash, from which the adversary's draw cannot be repeated. Every candidate gets a task of its
    own, so a method may change `original` in place. PyTorch's global random numbers are seeded for each
    candidate, NumPy's and Python's are not: draw from `generator`.
    """

    original: nn.Module
    """M_o, in evaluation mode, on the device."""

    training_set: TrainingSet
    """S_tr: images and given labels."""

    deletion: Tensor
    """Indices of S_f, int64 (|S_f|,)."""

    retain: Tensor
    """Indices of S_tr without S_f, int64, ascending. Manipulated samples nobody found are among them."""

    recipe: Recipe
    """A's settings."""

    seed: int
    device: torch.device

    new_model: Callable[[int], nn.Module]
    """A freshly initialised network of M_o's architecture, from a seed."""

    statistics: Mapping[tuple[str, str], dict[str, Tensor]]
    """Shared statistics of M_o by (name, `training_set` or `deletion_set`): parameter names to tensors."""

    def generator(self, *names: str | int) -> torch.Generator:
        """A random stream of this task, on the CPU; other `names` give an independent one."""
        return torch.Generator().manual_seed(seed_for(self.seed, *names))

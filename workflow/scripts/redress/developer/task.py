"""What an unlearning method is given, and all it is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from redress.developer.margins import MarginLog
from redress.developer.training_set import TrainingSet
from redress.formats.recipe import Recipe
from redress.formats.seeds import seed_for


@dataclass(frozen=True, eq=False)
class Growth:
    """How a deletion set was grown."""

    found: Tensor
    """Indices of S_f before, int64."""

    scores: Tensor
    """The ranking that it was grown by, of every training sample, float32 (N,): the higher, the likelier
    manipulated."""


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

    importances: Mapping[tuple[str, str], dict[str, Tensor]]
    """Shared importances of M_o by (name, `training_set` or `deletion_set`): parameter names to tensors."""

    growth: Growth | None = None
    """How S_f was grown; None where nobody grew it."""

    @property
    def samples(self) -> Tensor:
        """Indices of S_tr, int64 (N,)."""
        return torch.arange(len(self.training_set), device=self.device)

    @property
    def in_deletion(self) -> Tensor:
        """Which samples of S_tr are in S_f, boolean (N,)."""
        found = torch.zeros(len(self.training_set), dtype=torch.bool, device=self.device)
        found[self.deletion] = True
        return found

    def generator(self, *names: str | int) -> torch.Generator:
        """A random stream of this task, on the CPU; other `names` give an independent one."""
        return torch.Generator().manual_seed(seed_for(self.seed, *names))


@dataclass(frozen=True, eq=False)
class Training:
    """What a maker of M_o is given: the developer before anything is known to be wrong."""

    training_set: TrainingSet
    """S_tr: images and given labels."""

    samples: Tensor
    """Indices of S_tr, int64 (N,)."""

    recipe: Recipe
    device: torch.device

    new_model: Callable[[], nn.Module]
    """A freshly initialised network; always the same one."""

    batches: torch.Generator
    """The random stream of batches, on the CPU."""

    margins: MarginLog
    """Where the margins of training go; `train` fills it."""


@dataclass(frozen=True, eq=False)
class Known:
    """What an expansion is given: everything the developer has to find more of S_m by."""

    original: nn.Module
    """M_o, in evaluation mode, on the device."""

    training_set: TrainingSet
    deletion: Tensor
    """Indices of S_f, int64 (|S_f|,)."""

    samples: Tensor
    """Indices of S_tr, int64 (N,)."""

    recipe: Recipe
    device: torch.device

    margins: Tensor
    """Margins of the given label in M_o's training, float16 (N, passes), NaN where a sample was not visited;
    (N, 0) of weights that somebody brought."""

    seed: int

    def generator(self, *names: str | int) -> torch.Generator:
        """A random stream of this expansion, on the CPU; other `names` give an independent one."""
        return torch.Generator().manual_seed(seed_for(self.seed, *names))


@dataclass(frozen=True)
class Expanded:
    """A grown deletion set and the ranking it came from."""

    deletion: Tensor
    """Indices, int64 (K,)."""

    scores: Tensor
    """Of every training sample, (N,): the higher, the likelier manipulated."""

    about: Mapping[str, object] = field(default_factory=dict)
    """What the cut says of itself, for the file: anything JSON can hold."""

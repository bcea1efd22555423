"""A few steps of training before any work: what one takes, what fits, whether it comes out the same twice."""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from redress.developer.bench import Bench
from redress.developer.training import autocast, task_loss, train
from redress.formats.correction import Check
from redress.formats.errors import BadInputError
from redress.launch.device import Stopwatch, free_memory

FEW = 8
"""Pictures of a first step, by which others are guessed."""

PATIENCE_SECONDS = 3.0
"""A step on a whole batch that would take longer is not tried: its time is that of FEW, multiplied."""

STEPS = 2

COPIES = 4
"""Of all weights there are so many: M_o's, the student's, gradients and momentum."""


@dataclass(frozen=True)
class Trial:
    """What was found."""

    step_seconds: float
    """Of a step on a batch of the recipe's size."""
    checks: tuple[Check, ...]


def try_out(bench: Bench, model: nn.Module) -> Trial:
    """Fine-tune copies of M_o, `model`, for a few steps, the same ones twice.

    Raises BadInputError where a batch of the recipe's size cannot fit into the device's memory.
    """
    size = bench.recipe.batch_size
    few = min(size, FEW)
    fits = _fits(bench, model, few)
    _tuned(bench, model, few)  # what is slow only the first time
    with Stopwatch(bench.device) as guess:
        _tuned(bench, model, few)
    tried = size if guess.seconds / STEPS * size / few <= PATIENCE_SECONDS else few
    first = _tuned(bench, model, tried)
    with Stopwatch(bench.device) as stopwatch:
        second = _tuned(bench, model, tried)
    return Trial(stopwatch.seconds / STEPS * size / tried, (fits, _repeated(first, second)))


def _tuned(bench: Bench, model: nn.Module, size: int) -> dict[str, Tensor]:
    """The weights of a copy after STEPS steps on batches of `size`."""
    torch.manual_seed(0)
    recipe = replace(bench.recipe, batch_size=size)
    generator = torch.Generator().manual_seed(bench.seed("trial"))
    told = copy.deepcopy(model), bench.training_set, bench.samples, recipe
    return train(*told, steps=STEPS, generator=generator).state_dict()


def _repeated(first: dict[str, Tensor], second: dict[str, Tensor]) -> Check:
    """Whether both are the same to the last bit."""
    spread = [
        float((one.double() - other.double()).abs().nan_to_num().max())
        for one, other in zip(first.values(), second.values(), strict=True)
        if not one.isclose(other, rtol=0, atol=0, equal_nan=True).all()
    ]
    if not spread:
        return Check("repeatability", True, f"{STEPS} steps of training twice: repeatable to the bit")
    told = f"{STEPS} steps of training twice: weights differ by up to {max(spread):.2g}"
    advice = "the chosen model, made again, may differ from its record: device: cpu is repeatable"
    return Check("repeatability", False, f"{told}; {advice}")


def _fits(bench: Bench, model: nn.Module, few: int) -> Check:
    """How large a batch may be."""
    size = bench.recipe.batch_size
    weights = COPIES * sum(one.numel() * one.element_size() for one in model.parameters())
    picture, free = held(bench, model, few) / few, free_memory(bench.device)
    most, all_ = max(int((free - weights) / picture), 0), len(bench.samples)
    fitting = (
        f"batches of up to {most:,} pictures fit"
        if most < max(all_, size)
        else f"all {all_:,} pictures would fit"
    )
    told = (
        f"a step on {size} pictures takes about {_gigabytes(weights + size * picture)}, "
        f"{_gigabytes(free)} are free: {fitting} into that"
    )
    if size > most:
        raise BadInputError(f"recipe.batch_size: {told}; name a smaller one, or run fewer jobs at a time")
    return Check("memory", True, told)


def held(bench: Bench, model: nn.Module, few: int) -> int:
    """Bytes that a forward pass in training on `few` pictures keeps for the backward one, weights apart."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model = copy.deepcopy(model).train()
    model.requires_grad_(True)
    weights = {one.untyped_storage().data_ptr() for one in model.state_dict().values()}
    batch = bench.samples[:few]
    images = bench.training_set.images(batch)
    pack(images)
    keeping = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with keeping, autocast(bench.device, bench.recipe):
        task_loss(model, images, bench.training_set.labels[batch], batch)
    return sum(kept.values())


def _gigabytes(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"

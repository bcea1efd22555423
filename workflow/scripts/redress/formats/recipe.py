"""The learning algorithm A: its settings and its learning-rate schedule (Goel et al. 2024, A.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Settings of A. Unlearning methods train by the same recipe, over a number of steps of their own."""

    steps: int
    batch_size: int = 512
    learning_rate: float = 0.025
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup: float = 0.01  # share of the steps
    decay_stretch: float = 1.25  # the linear decay would reach zero after 1.25 times the steps
    crop_padding: int = 4  # pixels
    flip: bool = True
    precision: str = "auto"  # auto: bfloat16 autocast where the hardware has it, else float32


def learning_rate_at(step: int, steps: int, recipe: Recipe, peak: float | None = None) -> float:
    """The learning rate of optimiser step `step`, counted from 1, in a training of `steps` steps.

    Rises linearly to `peak` (default: the recipe's) over the first `warmup * steps` steps, then falls
    linearly as peak * (1 - (step - warmup steps) / (decay_stretch * steps)).
    """
    peak = recipe.learning_rate if peak is None else peak
    warmup_steps = int(recipe.warmup * steps)
    if step <= warmup_steps:
        return peak * step / warmup_steps
    return peak * (1 - (step - warmup_steps) / (recipe.decay_stretch * steps))


@dataclass(frozen=True)
class Setup:
    """How the developer's jobs compute."""

    model: Mapping[str, Any]
    """The name of a file in redress/plugins/models/ and that file's settings."""
    recipe: Recipe
    device: str = "auto"
    threads: int = 1
    """CPU threads: part of what makes numbers repeatable."""

"""SFR-on: climb on S_f by the weights it bears on more than the rest, and repair (Huang et al. 2024)."""

import math
from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import Descent, autocast
from redress.formats.kinds import Fraction, PositiveFloat, PositiveInt
from redress.plugins.importances import fisher_batch

TINY = 1e-15
"""In either part of a ratio, so that weights that nothing bears on count as equal."""


def unlearn(
    task: Task,
    *,
    alpha: PositiveFloat = 25.0,
    balance: Fraction = 0.5,
    threshold: PositiveFloat = 1.0,
    norm: PositiveFloat = 7.0,
    every: PositiveInt = 5,
    steps: PositiveInt = 1000,
    learning_rate: PositiveFloat = 0.01,
) -> nn.Module:
    """`steps` steps from M_o: one up on S_f, then `every` down on the retain set, and again.

    ::

        m       the weights with F(S_f) >= threshold F(retain set), F the mean over batches of the squared
                gradient of the task loss in evaluation mode
        up      along  g = m grad(alpha_t sum_i w_i CE_i)  of a batch of S_f, w_i ~ CE_i^-balance, of sum 1,
                g cut down to the length `norm`;  alpha_t = alpha (1 + cos(pi t / steps)) / 2
        down    on CE

    Both by one SGD with its momentum and A's schedule, `learning_rate` its peak. Defaults are the release's
    for CIFAR-10; its schedule is a cosine that counts repairs alone, and its slow weights are switched off.
    """
    student, size = task.original, task.recipe.batch_size
    parameters = list(student.parameters())
    bearing, others = (
        fisher_batch.compute(student, task.training_set, samples, task.recipe)
        for samples in (task.deletion, task.retain)
    )
    masks = [(bearing[name] + TINY) / (others[name] + TINY) >= threshold for name in bearing]
    descent = Descent(student, task.recipe, steps, learning_rate)
    forgotten = task.training_set.stream(task.deletion, size, task.generator("deletion"))
    kept = task.training_set.stream(task.retain, size, task.generator("retain"))
    for _, images, labels in forgotten:
        with autocast(task.device, task.recipe):
            losses = functional.cross_entropy(student(images), labels, reduction="none")
        weights = 1 / (losses.detach() ** balance + TINY)
        rate = alpha * (1 + math.cos(math.pi * descent.done / steps)) / 2
        climb = -rate * (weights / weights.sum() * losses).sum()
        gradients = [
            one * mask for one, mask in zip(torch.autograd.grad(climb, parameters), masks, strict=True)
        ]
        descent.step(_with_gradients(parameters, _cut(gradients, norm)), len(labels))
        for _, pictures, given in islice(kept, min(every, steps - descent.done)):
            with autocast(task.device, task.recipe):
                loss = functional.cross_entropy(student(pictures), given)
            descent.step(loss, len(given))
        if descent.finished:
            break
    return student


def _cut(gradients: list[Tensor], norm: float) -> list[Tensor]:
    """The same direction, no longer than `norm`."""
    length = torch.cat([one.flatten() for one in gradients]).norm()
    return [one * (norm / (length + 1e-6)).clamp(max=1) for one in gradients]


def _with_gradients(parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """A loss of which these are the gradients."""
    return torch.stack([(theta * one).sum() for theta, one in zip(parameters, gradients, strict=True)]).sum()

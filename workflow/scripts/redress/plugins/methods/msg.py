"""Masked small gradients, second in the NeurIPS 2023 unlearning challenge (as in Cadet et al. 2024)."""

import torch
from torch import Tensor, nn

from redress.developer.task import Task
from redress.developer.training import batch_gradients, train_on
from redress.formats.kinds import Fraction, PositiveInt


def unlearn(
    task: Task, *, share: Fraction = 0.3, damping: Fraction = 0.1, steps: PositiveInt = 1000
) -> nn.Module:
    """Initialise anew, in every convolution of M_o, the `share` of weights of smallest |g|, then A for
    `steps` steps on the retain set with gradients of all other weights of convolutions times `damping`.

    g is the gradient of the task loss, summed over batches, on as many random samples of the retain set as
    S_f has, less that on S_f: where it is small the two do not tell a weight apart. New weights are
    Kaiming's, normal, by outputs. M_o is in evaluation mode, which the release leaves open; it
    fine-tunes for 5 passes at 0.001.
    """
    student = task.original.eval()
    draws = task.generator("retain", "subset")
    order = torch.randperm(len(task.retain), generator=draws)[: len(task.deletion)]
    kept = _gradients(task, task.retain[order.to(task.device)])
    forgotten = _gradients(task, task.deletion)
    start = task.generator("initialisation")
    for layer, keep, forget in zip(_convolutions(student), kept, forgotten, strict=True):
        smallest = (keep - forget).abs().flatten().argsort(stable=True)[: round(share * keep.numel())]
        renewed = torch.zeros(keep.numel(), dtype=torch.bool, device=task.device)
        renewed[smallest] = True
        renewed = renewed.view_as(keep)
        new = torch.empty_like(layer.weight, device="cpu")
        nn.init.kaiming_normal_(new, mode="fan_out", nonlinearity="relu", generator=start)
        with torch.no_grad():
            layer.weight.copy_(torch.where(renewed, new.to(task.device), layer.weight))
        factor = torch.where(renewed, 1.0, damping)
        layer.weight.register_hook(lambda gradient, factor=factor: gradient * factor)
    return train_on(task, student, task.retain, steps=steps)


def _convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def _gradients(task: Task, samples: Tensor) -> list[Tensor]:
    """Of the task loss, summed over batches, with respect to the weights of every convolution."""
    weights = [layer.weight for layer in _convolutions(task.original)]
    total = [torch.zeros_like(weight) for weight in weights]
    for gradients in batch_gradients(task.original, task.training_set, samples, task.recipe, weights):
        for one, gradient in zip(total, gradients, strict=True):
            one += gradient
    return total

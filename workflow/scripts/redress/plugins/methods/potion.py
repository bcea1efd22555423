"""Potion (Schoepf, Foster and Brintrup 2024): SSD without labels, its strength found by a search."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from redress.developer.flushing import share_as_given
from redress.developer.task import Task
from redress.developer.training import batch_gradients
from redress.formats.kinds import PositiveFloat
from redress.plugins.importances import fisher_batch

Importances = dict[str, Tensor]
TRIES = 500


def unlearn(
    task: Task, *, rho: PositiveFloat = 0.2, importance: Literal["xlf", "alf", "assd"] = "xlf"
) -> nn.Module:
    """Dampen the weights that matter more to S_f than to the retain set, from M_o, ever more of them until
    the accuracy on S_f, of given labels, is at most `rho` times M_o's.

    With importances I_f and I_r and a strength s, every weight with I_f > c I_r is multiplied by
    min(1, I_r / I_f), where c is the percentile 100 - ln(1 + 100 s) of I_f / I_r over all weights. s starts
    at |S_f| / |S_tr| / 25 and grows by a tenth, 500 times at most. `xlf` is the mean over batches of the
    absolute gradient of the mean 2-norm of the logits, `alf` of its square, `assd` SSD's. As released, but
    for pictures without augmentation.
    """
    model = task.original
    forget, retain = (_importance(task, samples, importance) for samples in (task.deletion, task.retain))
    first = {name: theta.detach().clone() for name, theta in model.named_parameters()}
    ratios = torch.cat([(forget[name] / retain[name]).flatten() for name in first])
    ratios = ratios[ratios.isfinite()].sort().values
    wanted = rho * share_as_given(task, model, task.deletion)
    strength = len(task.deletion) / len(task.training_set) / 25
    for _ in range(TRIES):
        cut = _percentile(ratios, 100 - math.log(1 + 100 * strength))
        with torch.no_grad():
            for name, theta in model.named_parameters():
                i_f, i_r = forget[name], retain[name]
                damped = first[name] * (i_r / i_f).clamp(max=1)
                theta.copy_(torch.where(i_f > cut * i_r, damped, first[name]))
        if share_as_given(task, model, task.deletion) <= wanted:
            break
        strength *= 1.1
    return model


def _importance(task: Task, samples: Tensor, kind: str) -> Importances:
    model, data = task.original.eval(), task.training_set
    if kind == "assd":
        return fisher_batch.compute(model, data, samples, task.recipe)

    def size(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        norms = model(images).norm(dim=1)
        return (norms.square() if kind == "alf" else norms).mean()

    parameters = dict(model.named_parameters())
    total = {name: torch.zeros_like(theta) for name, theta in parameters.items()}
    batches = math.ceil(len(samples) / task.recipe.batch_size)
    for gradients in batch_gradients(model, data, samples, task.recipe, list(parameters.values()), size):
        for name, gradient in zip(total, gradients, strict=True):
            total[name] += gradient.abs() / batches
    return total


def _percentile(ordered: Tensor, percent: float) -> float:
    """Of ascending values (K,), interpolated in a straight line; all of them are above a negative one."""
    at = max(percent, 0) / 100 * (len(ordered) - 1)
    low, high = ordered[math.floor(at)].item(), ordered[math.ceil(at)].item()
    return low + (high - low) * (at % 1)

"""The true diagonal of the empirical Fisher information: squared gradients of single samples."""

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from redress.developer.training_set import TrainingSet
from redress.formats.recipe import Recipe

CHUNK = 64  # samples whose gradients are held in memory at once


def compute(
    model: nn.Module, training_set: TrainingSet, indices: Tensor, recipe: Recipe
) -> dict[str, Tensor]:
    """Mean over samples of the squared gradient of the task loss, by parameter name, in evaluation mode.

    In float32; `recipe` has no effect.
    """
    parameters = {name: theta.detach() for name, theta in model.eval().named_parameters()}
    buffers = dict(model.named_buffers())

    def loss(parameters: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        logits = functional_call(model, (parameters, buffers), (image[None],))
        return functional.cross_entropy(logits, label[None])

    gradients_of = vmap(grad(loss), in_dims=(None, 0, 0))
    total = {name: torch.zeros_like(theta) for name, theta in parameters.items()}
    for batch in indices.split(CHUNK):
        gradients = gradients_of(parameters, training_set.images(batch), training_set.labels[batch])
        for name, gradient in gradients.items():
            total[name] += (gradient**2).sum(0)
    return {name: value / len(indices) for name, value in total.items()}

"""Diagonal Fisher importance from batch gradients, as SSD's reference implementations compute it."""

import math

import torch
from torch import Tensor, nn

from redress.developer.training import batch_gradients
from redress.developer.training_set import TrainingSet
from redress.formats.recipe import Recipe


def compute(
    model: nn.Module, training_set: TrainingSet, indices: Tensor, recipe: Recipe
) -> dict[str, Tensor]:
    """Mean over batches of the squared batch-mean gradient of the task loss, by parameter name.

    Batches have the recipe's size and follow the order of `indices`, without augmentation; the last one
    may be smaller and counts as much as any other. The value depends on the batch size: with |S_f| up to
    it, I_f comes from one batch. Of a frozen parameter it is 0.
    """
    parameters = dict(model.eval().named_parameters())
    trained = {name: theta for name, theta in parameters.items() if theta.requires_grad}
    total = {name: torch.zeros_like(theta) for name, theta in parameters.items()}
    batches = math.ceil(len(indices) / recipe.batch_size)
    for gradients in batch_gradients(model, training_set, indices, recipe, list(trained.values())):
        for name, gradient in zip(trained, gradients, strict=True):
            total[name] += gradient**2
    return {name: value / batches for name, value in total.items()}

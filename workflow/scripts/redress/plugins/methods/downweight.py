"""Down-weighting: train again, every sample by how likely it is clean, on a grown deletion set.

Nothing is flagged for good: what the ranking takes for likely counts little, what it has last counts in full.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.posterior import posterior
from redress.developer.task import Task
from redress.developer.training import train_on

NEEDS_RECIPE = True  # it trains as M_o was trained
NEEDS_EXPANSION = True


def unlearn(task: Task) -> nn.Module:
    """A in full from a fresh initialisation on what may be clean.

    A batch's loss is the mean of its samples' cross-entropies weighted by 1 - P(manipulated). What was found
    weighs nothing.
    """
    assert task.growth is not None
    weights = 1 - posterior(task.growth, task.training_set.labels)

    def loss(student: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        losses = functional.cross_entropy(student(images), labels, reduction="none")
        return torch.sum(weights[indices] * losses) / weights[indices].sum()

    used = task.samples[weights > 0]
    return train_on(task, task.new_model(task.seed), used, steps=task.recipe.steps, loss=loss)

"""Exact Unlearning: forget everything, train again without the deletion set (Goel et al. 2024, A.2)."""

from torch import nn

from redress.developer.task import Task
from redress.developer.training import train


def unlearn(task: Task) -> nn.Module:
    """A in full on the retain set, from a fresh initialisation."""
    return train(
        task.new_model(task.seed),
        task.training_set,
        task.retain,
        task.recipe,
        steps=task.recipe.steps,
        generator=task.generator("batches"),
    )

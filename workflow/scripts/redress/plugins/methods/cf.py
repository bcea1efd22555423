"""Catastrophic Forgetting: fine-tune all layers on the retain set (Goel et al. 2023; 2024, A.2)."""

from torch import nn

from redress.developer.task import Task
from redress.developer.training import train
from redress.formats.kinds import PositiveInt


def unlearn(task: Task, *, steps: PositiveInt = 1000) -> nn.Module:
    """A for `steps` steps on the retain set, from M_o."""
    return train(
        task.original,
        task.training_set,
        task.retain,
        task.recipe,
        steps=steps,
        generator=task.generator("batches"),
    )

"""Catastrophic Forgetting: fine-tune all layers on the retain set (Goel et al. 2023; 2024, A.2)."""

from torch import nn

from redress.kinds import PositiveInt
from redress.task import Task
from redress.training import train


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

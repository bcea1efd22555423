"""Catastrophic Forgetting: fine-tune on the retain set (Goel et al. 2023; 2024, A.2)."""

from torch import nn

from redress.developer.layers import freeze_all_but_last
from redress.developer.task import Task
from redress.developer.training import train_on
from redress.formats.kinds import PositiveInt

LAYERS = "k"  # which hyperparameter is a number of layers


def unlearn(task: Task, *, steps: PositiveInt = 1000, k: PositiveInt | None = None) -> nn.Module:
    """A for `steps` steps on the retain set, from M_o: of all layers, or of the last `k` (CF-k)."""
    student = task.original
    if k is not None:
        freeze_all_but_last(student, k)
    return train_on(task, student, task.retain, steps=steps)

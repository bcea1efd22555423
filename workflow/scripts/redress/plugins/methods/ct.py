"""Convolution transpose, fifth in the NeurIPS 2023 unlearning challenge (as in Cadet et al. 2024)."""

import torch
from torch import nn

from redress.developer.task import Task
from redress.developer.training import train_on
from redress.formats.kinds import PositiveInt


def unlearn(task: Task, *, steps: PositiveInt = 1000) -> nn.Module:
    """Exchange rows and columns of every convolution's kernels in M_o, then A for `steps` steps on the retain
    set.

    The release fine-tunes for 3 passes, its learning rate falling from 0.001 by a cosine.
    """
    student = task.original
    with torch.no_grad():
        for layer in student.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_(layer.weight.transpose(2, 3).clone())
    return train_on(task, student, task.retain, steps=steps)

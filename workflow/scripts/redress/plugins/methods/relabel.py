"""Relabelling: train again on everything, S_f by the likeliest labels that are not the given ones.

Likely is what a linear classifier of M_o's features says that was not fitted on the sample; the features
themselves are of a network that was. Where a sample is a false alarm its right label is lost.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.ranking import Evidence
from redress.developer.task import Task
from redress.developer.training import train_on
from redress.formats.kinds import PositiveInt

NEEDS_RECIPE = True  # it trains as M_o was trained


def unlearn(task: Task, *, layer: PositiveInt = 2) -> nn.Module:
    """A in full on S_tr from a fresh initialisation, with other labels on S_f.

    Features are what the `layer`-th layer of M_o, counted from its end, is given.
    """
    relabelled = other_labels(task, layer)

    def loss(student: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return functional.cross_entropy(student(images), relabelled[indices])

    student = task.new_model(task.seed)
    return train_on(task, student, task.samples, steps=task.recipe.steps, loss=loss)


def other_labels(task: Task, layer: int) -> Tensor:
    """Given labels, int64 (N,), in S_f the likeliest of the others."""
    likely = torch.tensor(Evidence(task).probabilities(layer), device=task.device)
    labels = task.training_set.labels.clone()
    likely[task.samples, labels] = -1
    labels[task.deletion] = likely.argmax(1)[task.deletion]
    return labels

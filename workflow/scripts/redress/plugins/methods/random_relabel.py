"""Random relabelling: fine-tune with other labels on S_f (Golatkar et al. 2020; as in Fan et al. 2024)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import train_on
from redress.formats.kinds import PositiveInt


def unlearn(task: Task, *, steps: PositiveInt = 1000) -> nn.Module:
    """A for `steps` steps on all of S_tr from M_o, with labels of S_f that are drawn anew each time.

    They are uniform among all but the given one. The release draws among all labels; for correction the given
    one is what is known to be wrong.
    """
    relabelled = other_labels(task)

    def loss(student: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        logits = student(images)
        return functional.cross_entropy(logits, relabelled(indices, labels, logits.shape[1]))

    return train_on(task, task.original, task.samples, steps=steps, loss=loss)


def other_labels(task: Task) -> Callable[[Tensor, Tensor, int], Tensor]:
    """A function of indices (B,), their given labels (B,) and the number of classes: labels to train with."""
    draws, in_deletion = task.generator("labels"), task.in_deletion

    def relabelled(indices: Tensor, labels: Tensor, classes: int) -> Tensor:
        other = torch.randint(1, classes, (len(labels),), generator=draws).to(labels.device)
        return torch.where(in_deletion[indices], (labels + other) % classes, labels)

    return relabelled

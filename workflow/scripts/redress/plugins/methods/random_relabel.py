"""Random relabelling: fine-tune with other labels on S_f (Golatkar et al. 2020; as in Fan et al. 2024)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import train
from redress.formats.kinds import PositiveInt


def unlearn(task: Task, *, steps: PositiveInt = 1000) -> nn.Module:
    """A for `steps` steps on all of S_tr from M_o, with labels of S_f that are drawn anew each time.

    They are uniform among all but the given one. The release draws among all labels; for correction the given
    one is what is known to be wrong.
    """
    draws, labelled = task.generator("labels"), task.training_set
    samples = torch.arange(len(labelled), device=task.device)
    in_deletion = torch.zeros_like(samples, dtype=torch.bool)
    in_deletion[task.deletion] = True

    def loss(student: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        logits = student(images)
        classes = logits.shape[1]
        other = torch.randint(1, classes, (len(labels),), generator=draws).to(labels.device)
        wanted = torch.where(in_deletion[indices], (labels + other) % classes, labels)
        return functional.cross_entropy(logits, wanted)

    return train(
        task.original,
        labelled,
        samples,
        task.recipe,
        steps=steps,
        generator=task.generator("batches"),
        loss=loss,
    )

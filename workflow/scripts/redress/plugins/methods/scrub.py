"""SCRUB: climb the loss on S_f, stay with M_o on the rest (Kurmanji et al. 2023)."""

import copy

import torch
from torch import nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import Descent, autocast, task_loss
from redress.formats.kinds import PositiveFloat, PositiveInt


def unlearn(
    task: Task,
    *,
    alpha: float,
    steps: PositiveInt = 1000,
    ascent_steps: int = 200,
    learning_rate: PositiveFloat = 0.0025,
    temperature: PositiveFloat = 4.0,
) -> nn.Module:
    """Alternate a pass over S_f that ascends the task loss with one over the retain set that descends
    task loss + alpha * T^2 * KL(M_o || student) at temperature T.

    A pass over S_f starts only while fewer than `ascent_steps` steps are done; ascent and descent both
    count towards `steps`. The schedule is A's with `learning_rate` as its peak. (The release climbs the
    distillation term as well, which the paper does not say.)
    """
    student, teacher = task.original, copy.deepcopy(task.original).eval()
    descent = Descent(student, task.recipe, steps, learning_rate)
    batches = task.generator("batches")
    size = task.recipe.batch_size
    while not descent.finished:
        if descent.done < ascent_steps:
            for indices, images, labels in task.training_set.passes(task.deletion, size, batches):
                with autocast(task.device, task.recipe):
                    loss = task_loss(student, images, labels, indices)
                descent.step(-loss, len(indices))
                if descent.finished:
                    break
        for indices, images, labels in task.training_set.passes(task.retain, size, batches):
            if descent.finished:
                break
            with autocast(task.device, task.recipe):
                with torch.no_grad():
                    taught = functional.log_softmax(teacher(images) / temperature, 1)
                logits = student(images)
                learnt = functional.log_softmax(logits / temperature, 1)
                distance = functional.kl_div(learnt, taught, log_target=True, reduction="batchmean")
                loss = functional.cross_entropy(logits, labels) + alpha * temperature**2 * distance
            descent.step(loss, len(indices))
    return student

"""DELETE (Zhou et al. 2025): distil M_o on S_f with the given label taken out."""

import copy
import dataclasses

import torch
from torch import nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import Descent, autocast
from redress.formats.kinds import PositiveFloat, PositiveInt


def unlearn(task: Task, *, steps: PositiveInt = 50, learning_rate: PositiveFloat = 0.005) -> nn.Module:
    """`steps` steps over S_f on KL(t || student), t being M_o's softmax with the given label's logit at minus
    infinity: what M_o would have said had that label not been there.

    From M_o, by A's schedule with `learning_rate` as its peak, without weight decay as in the
    release. The retain set is not used.
    """
    student, teacher = task.original, copy.deepcopy(task.original).eval()
    recipe = dataclasses.replace(task.recipe, weight_decay=0)
    descent = Descent(student, recipe, steps, learning_rate)
    batches = task.training_set.stream(task.deletion, task.recipe.batch_size, task.generator("batches"))
    for _, images, labels in batches:
        with autocast(task.device, task.recipe):
            with torch.no_grad():
                without = teacher(images).scatter(1, labels[:, None], -torch.inf)
                taught = functional.softmax(without.float(), 1)
            learnt = functional.log_softmax(student(images).float(), 1)
            loss = functional.kl_div(learnt, taught, reduction="batchmean")
        descent.step(loss, len(labels))
        if descent.finished:
            break
    return student

"""NegGrad+: descend on the retain set and climb on S_f at once (Kurmanji et al. 2023)."""

import dataclasses
from itertools import islice

from torch import nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import Descent, autocast
from redress.formats.kinds import Fraction, PositiveFloat, PositiveInt


def unlearn(
    task: Task,
    *,
    alpha: Fraction = 0.95,
    steps: PositiveInt = 1000,
    learning_rate: PositiveFloat = 0.01,
) -> nn.Module:
    """`steps` steps on alpha CE(retain set) - (1 - alpha) CE(S_f), a batch of each, from M_o.

    By A's schedule with `learning_rate` as its peak, without weight decay; batch norm keeps M_o's statistics.
    Both as in the implementation of deepunlearn.
    """
    student, size = task.original, task.recipe.batch_size
    kept = task.training_set.stream(task.retain, size, task.generator("retain"))
    forgotten = task.training_set.stream(task.deletion, size, task.generator("deletion"))
    recipe = dataclasses.replace(task.recipe, weight_decay=0)
    descent = Descent(student, recipe, steps, learning_rate)
    student.eval()
    pairs = zip(kept, forgotten, strict=False)
    for (_, images, labels), (_, others, given) in islice(pairs, steps):
        with autocast(task.device, task.recipe):
            keep = functional.cross_entropy(student(images), labels)
            climb = functional.cross_entropy(student(others), given)
            loss = alpha * keep - (1 - alpha) * climb
        descent.step(loss, len(labels) + len(given))
    return student

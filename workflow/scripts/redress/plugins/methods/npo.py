"""Negative Preference Optimisation (Zhang et al. 2024) for classifiers, as in the REM benchmark."""

import copy
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import Descent, autocast
from redress.formats.kinds import PositiveFloat, PositiveInt


def unlearn(
    task: Task,
    *,
    beta: PositiveFloat = 1.0,
    retain: Literal["none", "plain", "bounded"] = "none",
    steps: PositiveInt = 200,
    learning_rate: PositiveFloat = 0.005,
    stop_at: float = 0.2,
) -> nn.Module:
    """Passes over S_f on -(2 / beta) log sigmoid(beta (CE - CE_o)), from M_o, where CE_o is M_o's task loss.

    The weight of a sample falls to 0 as it is forgotten, so this collapses later than plain ascent, its limit
    for beta to 0. It stops when at most `stop_at` of a pass was still predicted as given.

    `retain` adds a batch of the retain set to every step: its task loss (`plain`), or the same expression
    with the other sign (`bounded`), which gives up samples whose loss has risen since M_o, undiscovered
    manipulated ones among them.
    """
    student, teacher = task.original, copy.deepcopy(task.original).eval()
    descent = Descent(student, task.recipe, steps, learning_rate)
    size = task.recipe.batch_size
    forgotten = task.generator("batches")
    kept = task.training_set.stream(task.retain, size, task.generator("retain"))
    as_given = 1.0
    while as_given > stop_at and not descent.finished:
        right = seen = 0
        for _, images, labels in task.training_set.passes(task.deletion, size, forgotten):
            with autocast(task.device, task.recipe):
                logits = student(images)
                loss = -preference(logits, labels, images, teacher, beta)
                if retain != "none":
                    _, others, given = next(kept)
                    loss = loss + _retained(retain, beta, student, teacher)(others, given)
            right, seen = right + int((logits.argmax(1) == labels).sum()), seen + len(labels)
            descent.step(loss, len(labels))
            if descent.finished:
                break
        as_given = right / seen
    return student


def preference(logits: Tensor, labels: Tensor, images: Tensor, teacher: nn.Module, beta: float) -> Tensor:
    """Mean of (2 / beta) log sigmoid(beta (CE - CE_o)) over a batch: at most 0, and the higher, the less the
    given labels are preferred.
    """
    with torch.no_grad():
        reference = functional.cross_entropy(teacher(images), labels, reduction="none")
    risen = functional.cross_entropy(logits, labels, reduction="none") - reference
    return 2 / beta * functional.logsigmoid(beta * risen).mean()


def _retained(
    kind: str, beta: float, student: nn.Module, teacher: nn.Module
) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(images: Tensor, labels: Tensor) -> Tensor:
        logits = student(images)
        if kind == "plain":
            return functional.cross_entropy(logits, labels)
        return preference(logits, labels, images, teacher, beta)

    return loss

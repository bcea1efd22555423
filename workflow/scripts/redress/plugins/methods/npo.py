"""Negative Preference Optimisation (Zhang et al. 2024) for classifiers, as in the REM benchmark."""

import copy
from typing import Literal

import torch
from torch import Tensor, nn

from redress.developer.flushing import flush, preference
from redress.developer.task import Task
from redress.developer.training import Descent, task_loss
from redress.formats.kinds import Fraction, PositiveFloat, PositiveInt


def unlearn(
    task: Task,
    *,
    beta: PositiveFloat = 1.0,
    retain: Literal["none", "plain", "bounded"] = "none",
    steps: PositiveInt = 200,
    learning_rate: PositiveFloat = 0.005,
    stop_at: Fraction = 0.2,
) -> nn.Module:
    """Passes over S_f on -(2 / beta) log sigmoid(beta (CE - CE_o)), from M_o, where CE_o is M_o's task loss,
    while more than `stop_at` of S_f is predicted as given, for `steps` steps at most.

    The weight of a sample falls to 0 as it is forgotten, so this collapses later than plain ascent, its limit
    for beta to 0. M_o is in evaluation mode; the last state is the result (REM's benchmark leaves M_o's batch
    norm in training mode, and takes the best of its passes as `flush_repair` does).

    `retain` adds a batch of the retain set to every step: its task loss (`plain`), or the same expression
    with the other sign (`bounded`), which gives up samples whose loss has risen since M_o, undiscovered
    manipulated ones among them.
    """
    student, teacher = task.original, copy.deepcopy(task.original).eval()
    descent = Descent(student, task.recipe, steps, learning_rate)
    kept = task.training_set.stream(task.retain, task.recipe.batch_size, task.generator("retain"))

    def preferred(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            reference = teacher(images)
        return preference(model(images), reference, labels, beta).mean()

    def loss(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        forget = -preferred(model, images, labels)
        if retain == "none":
            return forget
        others, pictures, given = next(kept)
        if retain == "plain":
            return forget + task_loss(model, pictures, given, others)
        return forget + preferred(model, pictures, given)

    flush(task, student, descent, task.generator("batches"), loss, stop_at)
    return student

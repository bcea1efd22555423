"""SCRUB: climb the loss on S_f, stay with M_o on the rest (Kurmanji et al. 2023)."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import Descent, Loss, descend_on, task_loss
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

    def climbed(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return -task_loss(model, images, labels, indices)

    def distilled(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        with torch.no_grad():
            taught = functional.log_softmax(teacher(images) / temperature, 1)
        logits = model(images)
        learnt = functional.log_softmax(logits / temperature, 1)
        distance = functional.kl_div(learnt, taught, log_target=True, reduction="batchmean")
        return functional.cross_entropy(logits, labels) + alpha * temperature**2 * distance

    def one_pass(samples: Tensor, loss: Loss) -> None:
        seen = task.training_set.passes(samples, task.recipe.batch_size, batches)
        descend_on(descent, student, seen, task.recipe, loss=loss)

    while not descent.finished:
        if descent.done < ascent_steps:
            one_pass(task.deletion, climbed)
        one_pass(task.retain, distilled)
    return student

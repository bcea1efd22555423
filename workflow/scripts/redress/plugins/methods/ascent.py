"""Gradient ascent on S_f, stopped hard (the `Ascent` of the REM benchmark, Schoepf et al. 2026)."""

from torch import nn

from redress.developer.task import Task
from redress.developer.training import Descent, autocast
from redress.formats.kinds import PositiveFloat, PositiveInt


def unlearn(
    task: Task,
    *,
    steps: PositiveInt = 200,
    learning_rate: PositiveFloat = 0.005,
    stop_at: float = 0.2,
) -> nn.Module:
    """Passes over S_f that climb the task loss, from M_o, until at most `stop_at` of a pass was still
    predicted as given, or `steps` steps are done.

    The schedule is A's with `learning_rate` as its peak. Without a stop a network is ruined in a few passes.
    """
    student, batches = task.original, task.generator("batches")
    descent = Descent(student, task.recipe, steps, learning_rate)
    as_given = 1.0
    while as_given > stop_at and not descent.finished:
        right = seen = 0
        for _, images, labels in task.training_set.passes(task.deletion, task.recipe.batch_size, batches):
            with autocast(task.device, task.recipe):
                logits = student(images)
                loss = nn.functional.cross_entropy(logits, labels)
            right, seen = right + int((logits.argmax(1) == labels).sum()), seen + len(labels)
            descent.step(-loss, len(labels))
            if descent.finished:
                break
        as_given = right / seen
    return student

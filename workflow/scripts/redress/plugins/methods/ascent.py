"""Gradient ascent on S_f, stopped hard (the `Ascent` of the REM benchmark, Schoepf et al. 2026)."""

from torch import Tensor, nn

from redress.developer.flushing import flush
from redress.developer.task import Task
from redress.developer.training import Descent, task_loss
from redress.formats.kinds import Fraction, PositiveFloat, PositiveInt


def unlearn(
    task: Task,
    *,
    steps: PositiveInt = 200,
    learning_rate: PositiveFloat = 0.005,
    stop_at: Fraction = 0.2,
) -> nn.Module:
    """Passes over S_f that climb the task loss, from M_o, while more than `stop_at` of S_f is predicted as
    given, for `steps` steps at most.

    The schedule is A's with `learning_rate` as its peak. Without a stop a network is ruined in a few passes.
    """
    student = task.original
    descent = Descent(student, task.recipe, steps, learning_rate)

    def climb(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return -task_loss(model, images, labels, indices)

    flush(task, student, descent, task.generator("batches"), climb, stop_at)
    return student

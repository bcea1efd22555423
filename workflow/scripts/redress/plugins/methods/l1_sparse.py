"""L1-sparse fine-tuning (Jia et al. 2023): forget by losing weights."""

from torch import Tensor, nn

from redress.developer.task import Task
from redress.developer.training import task_loss, train_on
from redress.formats.kinds import PositiveFloat, PositiveInt


def unlearn(task: Task, *, gamma: PositiveFloat = 1e-4, steps: PositiveInt = 1000) -> nn.Module:
    """A for `steps` steps on the retain set from M_o, on CE + gamma_t |theta|_1 over all parameters.

    gamma_t falls from `gamma` to 0 in a straight line.
    """
    done = 0

    def loss(student: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        nonlocal done
        weight, done = gamma * (1 - done / steps), done + 1
        size = sum(theta.abs().sum() for theta in student.parameters())
        return task_loss(student, images, labels, indices) + weight * size

    return train_on(task, task.original, task.retain, steps=steps, loss=loss)

"""Bad Teacher: imitate a random network on S_f and M_o elsewhere (Chundawat et al. 2023)."""

import copy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import train_on
from redress.formats.kinds import PositiveInt


def unlearn(
    task: Task, *, steps: PositiveInt = 1000, kl_reduction: Literal["batchmean", "mean"] = "batchmean"
) -> nn.Module:
    """`steps` steps of A over S_tr on KL(teacher || student) at temperature 1, from M_o.

    The teacher of a sample in S_f is a randomly initialised network, of any other M_o; both in evaluation
    mode. `kl_reduction: mean` divides by the number of classes too, as the paper's release does.
    """
    good = copy.deepcopy(task.original).eval()
    bad = task.new_model(task.seed).eval()
    in_deletion = task.in_deletion

    def loss(student: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        with torch.no_grad():
            taught, found = good(images), in_deletion[indices]
            if found.any():
                taught[found] = bad(images[found])
        learnt = functional.log_softmax(student(images), 1)
        taught = functional.log_softmax(taught, 1)
        distance = functional.kl_div(learnt, taught, log_target=True, reduction="batchmean")
        return distance / learnt.shape[1] if kl_reduction == "mean" else distance

    return train_on(task, task.original, task.samples, steps=steps, loss=loss)

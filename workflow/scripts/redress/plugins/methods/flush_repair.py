"""Flush and bounded repair: REM's loop (Schoepf et al. 2026) on a plain network, without memory channels."""

import copy

import torch
from torch import Tensor, nn

from redress.developer.flushing import flush_and_repair, preference
from redress.developer.task import Task
from redress.formats.kinds import Fraction, PositiveFloat, PositiveInt


def unlearn(
    task: Task,
    *,
    beta: PositiveFloat = 1.0,
    steps: PositiveInt = 1000,
    learning_rate: PositiveFloat = 0.005,
    stop_at: Fraction = 0.2,
) -> nn.Module:
    """Rounds of NPO on S_f, down to `stop_at` of it predicted as given, and one pass over the retain set that
    descends (2 / beta) log sigmoid(beta (CE - CE_o)), until that makes `steps` steps of repair.

    A flush also unlearns what manipulated samples nobody found have in common with S_f, and where a loss has
    risen since M_o the repair's gradient vanishes: it teaches again what was right and lets go of the rest.
    """
    student, teacher = task.original, copy.deepcopy(task.original).eval()

    def repaired(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        with torch.no_grad():
            reference = teacher(images)
        return preference(model(images), reference, labels, beta).mean()

    def flushed(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return -repaired(model, images, labels, indices)

    return flush_and_repair(
        task,
        student,
        flushed=flushed,
        repaired=repaired,
        samples=task.retain,
        steps=steps,
        learning_rate=learning_rate,
        stop_at=stop_at,
    )

"""REM: Redirection for Erasing Memory (Schoepf et al. 2026), on original models of example-tied dropout."""

import copy

import torch
from torch import Tensor, nn

from redress.developer.flushing import flush_and_repair, preference
from redress.developer.memory import Memory
from redress.developer.task import Task
from redress.formats.kinds import Fraction, PositiveFloat, PositiveInt

NEEDS_MAKER = "etd"
OF_MAKER = ["fixed"]  # hyperparameters that have to be the maker's


def unlearn(
    task: Task,
    *,
    fixed: Fraction = 0.5,
    share: Fraction = 0.2,
    beta: PositiveFloat = 1.0,
    steps: PositiveInt = 1000,
    learning_rate: PositiveFloat = 0.005,
    stop_at: Fraction = 0.2,
) -> nn.Module:
    """Rounds of NPO on S_f with all memory channels off, and one pass over S_tr, until that makes `steps`
    steps of repair.

    With P = (2 / beta) log sigmoid(beta (CE - CE_o)), a pass descends P of every sample with its own memory,
    less P with all memory off for samples of S_f: what is manipulated moves into memory channels, and they
    are off in the result. All of S_f has the same memory. `fixed` is the maker's; `share` of the memory
    channels, which start from their initialisation, each sample has. (The release takes CE_o from M_o with
    memory channels on; they have learnt nothing there.)
    """
    student, teacher = task.original, copy.deepcopy(task.original).eval()
    memory = Memory(student, fixed, share, len(task.training_set), task.device)
    memory.open()
    known, whose = task.in_deletion, task.samples
    whose[task.deletion] = 0

    def without(model: nn.Module, images: Tensor, labels: Tensor, reference: Tensor) -> Tensor:
        return preference(model(images), reference, labels, beta)

    def flushed(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return -without(model, images, labels, _quiet(teacher, images)).mean()

    def repaired(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        reference = _quiet(teacher, images)
        forgotten = without(model, images, labels, reference)
        with memory.of(whose[indices]):
            kept = preference(model(images), reference, labels, beta)
        return (kept - known[indices] * forgotten).mean()

    flush_and_repair(
        task,
        student,
        flushed=flushed,
        repaired=repaired,
        samples=task.samples,
        steps=steps,
        learning_rate=learning_rate,
        stop_at=stop_at,
    )
    memory.close()
    return student


@torch.no_grad()
def _quiet(teacher: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = teacher(images)
    return logits

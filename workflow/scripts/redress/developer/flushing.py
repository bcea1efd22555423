"""Forgetting S_f in whole passes with a hard stop, and repairing what that breaks: REM's two phases."""

import copy
import logging

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import Descent, Loss, autocast, descend_on

log = logging.getLogger("redress")

WORST_KNOWN = 0.2
"""Below this share of S_f predicted as given, forgetting more of it makes no model better."""


MOST_PASSES = 100
"""Of a flush that no number of steps ends."""


def share_as_given(task: Task, model: nn.Module, samples: Tensor) -> float:
    """Share of training samples that `model` predicts as given, in evaluation mode, without augmentation."""
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    with torch.no_grad(), autocast(task.device, task.recipe):
        right = sum(
            int((model(task.training_set.images(batch)).argmax(1) == task.training_set.labels[batch]).sum())
            for batch in samples.split(task.recipe.batch_size)
        )
    for layer, mode in modes:
        layer.training = mode
    return right / len(samples)


def flush(
    task: Task,
    student: nn.Module,
    descent: Descent,
    batches: torch.Generator,
    loss: Loss,
    stop_at: float,
    passes: int | None = None,
) -> None:
    """Passes over S_f that descend `loss`, while more than `stop_at` of S_f is predicted as given.

    At most `passes` of them, if that is given, and no longer than `descent` has steps.
    """
    done = 0
    while not descent.finished and done != passes and share_as_given(task, student, task.deletion) > stop_at:
        one_pass = task.training_set.passes(task.deletion, task.recipe.batch_size, batches)
        descend_on(descent, student, one_pass, task.recipe, loss=loss)
        done += 1
    log.info("S_f was flushed in %d passes", done)


def preference(logits: Tensor, reference: Tensor, labels: Tensor, beta: float) -> Tensor:
    """(2 / beta) log sigmoid(beta (CE - CE_o)) of each sample, (B,): at most 0, and the higher, the less the
    given label is preferred.

    `logits` and `reference`, M_o's, are (B, C). Climbed, it is NPO's loss; descended, it is bounded: its
    weight on the gradient of CE is 2 sigmoid(-beta (CE - CE_o)), which falls to 0 where a loss has risen.
    """
    risen = functional.cross_entropy(logits, labels, reduction="none")
    risen = risen - functional.cross_entropy(reference, labels, reduction="none")
    return 2 / beta * functional.logsigmoid(beta * risen)


def flush_and_repair(
    task: Task,
    student: nn.Module,
    *,
    flushed: Loss,
    repaired: Loss,
    samples: Tensor,
    steps: int,
    learning_rate: float,
    stop_at: float,
) -> nn.Module:
    """Rounds of a flush of S_f and one pass over `samples`, until that makes `steps` steps of repair.

    The learning rate is constant and a flush takes at most MOST_PASSES, as in REM's release. Kept is the best
    round by accuracy on the retain set times 1 - max(accuracy on S_f, 0.2), both of given labels; M_o itself
    is the first.
    """
    descent = Descent(student, task.recipe, None, learning_rate)
    forgotten, kept = task.generator("flush"), task.generator("repair")

    def judged() -> float:
        known = share_as_given(task, student, task.deletion)
        return share_as_given(task, student, task.retain) * (1 - max(known, WORST_KNOWN))

    best, weights = judged(), copy.deepcopy(student.state_dict())
    left = steps
    while left > 0:
        flush(task, student, descent, forgotten, flushed, stop_at, MOST_PASSES)
        end = descent.done + left
        one_pass = task.training_set.passes(samples, task.recipe.batch_size, kept)
        descend_on(descent, student, one_pass, task.recipe, until=end, loss=repaired)
        left = end - descent.done
        found = judged()
        if found > best:
            best, weights = found, copy.deepcopy(student.state_dict())
    student.load_state_dict(weights)
    return student

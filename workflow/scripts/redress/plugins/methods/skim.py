"""Skim: find the rest of S_m once, and take it out of M_o without training again. Redress's own method."""

import dataclasses
import logging

import numpy as np
import torch
from torch import Tensor, nn

from redress.developer.flushing import MOST_PASSES, flush, preference, share_as_given
from redress.developer.likeness import log_odds, set_aside
from redress.developer.ranking import Evidence
from redress.developer.task import Task
from redress.developer.training import Descent, descend_on
from redress.formats.kinds import Fraction, PositiveFloat, PositiveInt

log = logging.getLogger("redress")

HALF = 0.5
"""What a label keeps of its other samples: as much of it as may be set aside."""

LEARNT = 0.5
"""Share of S_f predicted as given below which M_o has not learnt it, and nothing is to be taken out."""


def unlearn(
    task: Task,
    *,
    layer: PositiveInt | None = None,
    threshold: float = 0.0,
    beta: PositiveFloat = 1.0,
    rounds: PositiveInt = 3,
    learning_rate: PositiveFloat = 0.005,
    stop_at: Fraction = 0.2,
) -> nn.Module:
    """A flush of what looks like S_f, a short repair that does not bring back what it let go of, a flush.

    ::

        aside = S_f and all x whose log odds by likeness (`likeness.log_odds`) are above `threshold`, of each
                label less than half
        flush:   passes over what M_o predicts as given of aside on -(2 / beta) log sigmoid(beta (CE - CE_o)),
                 while more than `stop_at` of it is still predicted so
        up to `rounds` times, until each label of aside keeps half of what M_o predicts so of its others:
            repair:  a pass over the others on the same expression with the other sign
            flush

    CE_o is M_o's task loss on the picture as it is. The first flush breaks more than it should, the repair
    mends that and, where a loss has risen since M_o, lets go of it: of manipulated samples that were missed.
    What it brings back of the manipulation all the same, the second flush takes out in a few steps. The
    learning rate is constant.

    M_o is returned where it predicts less than LEARNT of S_f as given.
    """
    evidence = Evidence(task)
    labels, found = evidence.labels, evidence.found
    as_given = evidence.logits.argmax(1) == labels
    if as_given[found].mean() < LEARNT:
        log.info("M_o predicts %.2f of S_f as given: it is left as it is", as_given[found].mean())
        return task.original
    aside = set_aside(log_odds(evidence, layer), labels, found, threshold)
    rest = torch.as_tensor(np.flatnonzero(~aside), device=task.device)
    learnt = torch.as_tensor(np.flatnonzero(aside & as_given), device=task.device)
    log.info("%d samples are aside, %d of them are flushed", aside.sum(), len(learnt))
    reference = torch.as_tensor(evidence.logits, device=task.device)
    task, student = dataclasses.replace(task, deletion=learnt, retain=rest), task.original
    descent, batches = Descent(student, task.recipe, None, learning_rate), task.generator("batches")

    def kept(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return preference(model(images), reference[indices], labels, beta).mean()

    def let_go(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return -kept(model, images, labels, indices)

    def keeps_half(label: int) -> bool:
        others = torch.as_tensor(np.flatnonzero(~aside & as_given & (labels == label)), device=task.device)
        return not len(others) or share_as_given(task, student, others) >= HALF

    flush(task, student, descent, batches, let_go, stop_at, MOST_PASSES)
    for _ in range(rounds):
        one_pass = task.training_set.passes(rest, task.recipe.batch_size, batches)
        descend_on(descent, student, one_pass, task.recipe, loss=kept)
        flush(task, student, descent, batches, let_go, stop_at, MOST_PASSES)
        if all(map(keeps_half, np.unique(labels[aside]))):
            break
    return student

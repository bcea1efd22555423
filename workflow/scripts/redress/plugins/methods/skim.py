"""Skim: find the rest of S_m once, and take it out of M_o without training again. Redress's own method."""

import copy
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


def unlearn(
    task: Task,
    *,
    layer: PositiveInt = 2,
    threshold: float = 0.0,
    beta: PositiveFloat = 1.0,
    passes: PositiveInt = 1,
    learning_rate: PositiveFloat = 0.005,
    stop_at: Fraction = 0.2,
) -> nn.Module:
    """A flush of what looks like S_f, a short repair that does not bring back what it let go of, a flush.

    ::

        aside = S_f and all x whose log odds by likeness (`likeness.log_odds`) are above `threshold`, of each
                label less than half
        flush:   passes over what M_o predicts as given of aside on -(2 / beta) log sigmoid(beta (CE - CE_o)),
                 while more than `stop_at` of it is still predicted so
        repair:  `passes` passes over the others on the same expression with the other sign
        flush

    CE_o is M_o's task loss on the picture as it is. The first flush breaks more than it should, the repair
    mends that and, where a loss has risen since M_o, lets go of it: of manipulated samples that were missed.
    What it brings back of the manipulation all the same, the second flush takes out in a few steps. The
    learning rate is constant.

    Where M_o predicts no more than `stop_at` of S_f as given, there is nothing to flush and M_o is returned.
    So it is where a label of those aside has lost more than half of the other samples that M_o predicted so:
    as many were never manipulated.
    """
    evidence = Evidence(task)
    labels, found = evidence.labels, evidence.found
    as_given = evidence.logits.argmax(1) == labels
    if as_given[found].mean() <= stop_at:
        log.info("M_o does not predict S_f as given: it is left as it is")
        return task.original
    aside = set_aside(log_odds(evidence, layer), labels, found, threshold)
    rest = torch.as_tensor(np.flatnonzero(~aside), device=task.device)
    learnt = torch.as_tensor(np.flatnonzero(aside & as_given), device=task.device)
    log.info("%d samples are aside, %d of them are flushed", aside.sum(), len(learnt))
    reference = torch.as_tensor(evidence.logits, device=task.device)
    task, student = dataclasses.replace(task, deletion=learnt, retain=rest), copy.deepcopy(task.original)
    descent, batches = Descent(student, task.recipe, None, learning_rate), task.generator("batches")

    def kept(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return preference(model(images), reference[indices], labels, beta).mean()

    def let_go(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return -kept(model, images, labels, indices)

    flush(task, student, descent, batches, let_go, stop_at, MOST_PASSES)
    for _ in range(passes):
        one_pass = task.training_set.passes(rest, task.recipe.batch_size, batches)
        descend_on(descent, student, one_pass, task.recipe, loss=kept)
    flush(task, student, descent, batches, let_go, stop_at, MOST_PASSES)
    for label in np.unique(labels[aside]):
        others = torch.as_tensor(np.flatnonzero(~aside & as_given & (labels == label)), device=task.device)
        if len(others) and share_as_given(task, student, others) < 0.5:
            log.info("label %d has lost more than half of its other samples: M_o is left as it is", label)
            return task.original
    return student

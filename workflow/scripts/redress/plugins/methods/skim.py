"""Skim: find the rest of S_m once, and take it out of M_o without training again. Redress's own method."""

import dataclasses
import logging

import torch
from torch import Tensor, nn

from redress.developer.flushing import MOST_PASSES, flush, preference
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
        flush:   passes over aside on -(2 / beta) log sigmoid(beta (CE - CE_o)), while more than `stop_at` of
                 it is predicted as given
        repair:  `passes` passes over the others on the same expression with the other sign
        flush

    CE_o is M_o's task loss on the picture as it is. The first flush breaks more than it should, the repair
    mends that and, where a loss has risen since M_o, lets go of it: of manipulated samples that were missed.
    What it brings back of the manipulation all the same, the second flush takes out in a few steps. The
    learning rate is constant.
    """
    evidence = Evidence(task)
    aside = set_aside(log_odds(evidence, layer), evidence.labels, evidence.found, threshold)
    out, rest = (torch.as_tensor(part.nonzero()[0], device=task.device) for part in (aside, ~aside))
    log.info("%d samples are aside", len(out))
    reference = torch.as_tensor(evidence.logits, device=task.device)
    task, student = dataclasses.replace(task, deletion=out, retain=rest), task.original
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
    return student

"""Sift: train again once, and find on the way what not to train on. Redress's own method."""

import logging
from typing import Literal

import numpy as np
import torch
from torch import nn

from redress.developer.likeness import log_odds, set_aside
from redress.developer.margins import margins_of
from redress.developer.ranking import Evidence
from redress.developer.task import Task
from redress.developer.training import Descent, descend
from redress.formats.kinds import PositiveInt

log = logging.getLogger("redress")

NEEDS_RECIPE = True  # it trains as M_o was trained
NEVER_SEES = True  # S_f

LOOKS = (0.1, 0.2, 0.33, 0.5, 0.67)
"""When it looks again, in parts of the training."""

CERTAIN = 4.0
"""Log odds that likeness gives at most: a margin may still speak against it."""

UTTER = 8.0
"""Log odds that a margin adds or takes at most."""


def unlearn(
    task: Task,
    *,
    layer: PositiveInt | None = None,
    threshold: float = -3.0,
    by: Literal["both", "likeness", "margins"] = "both",
) -> nn.Module:
    """A in full from a fresh initialisation, on what is not set aside at the time.

    ::

        l(x)  log odds that x belongs to S_m by its likeness to S_f in M_o's features (`likeness.log_odds`),
              at most CERTAIN either way
        aside = S_f and all x with l(x) > threshold, of each label less than half
        at every look, with the student f as it is then:
            r(x)  log odds by the margin of the given label under f: two normal laws of one variance, of S_f
                  and of what is not aside
            aside = S_f and all x with  l(x) + r(x) > threshold,  r taken as 0 below 0 for what f trained on

    f has never trained on S_f, so S_f shows what a margin of a wrong label looks like that is not learnt: far
    below the others where f has lost the manipulation, among them where it has not, and then r is 0 and what
    is aside stays there. What was set aside in error has the margin of the others, and comes back; what was
    missed and f has not learnt by heart yet goes. Setting a clean sample aside costs little and keeping a
    wrong one much, hence a threshold below 0. `by` leaves one of the two out.
    """
    evidence = Evidence(task)
    labels, found = evidence.labels, evidence.found
    like = np.full(len(labels), -CERTAIN)
    if by != "margins":
        like = log_odds(evidence, layer).clip(-CERTAIN, CERTAIN)
    aside = set_aside(like, labels, found, threshold)
    steps = task.recipe.steps
    student = task.new_model(task.seed)
    descent, batches = Descent(student, task.recipe, steps), task.generator("batches")
    for end in [*(int(part * steps) for part in LOOKS), steps]:
        kept = torch.as_tensor(np.flatnonzero(~aside), device=task.device)
        descend(descent, student, task.training_set, kept, task.recipe, batches, until=end)
        if end < steps and by != "likeness":
            margins = margins_of(student, task.training_set, task.samples)
            speaks = _log_odds_by(margins, found, ~aside)
            speaks[~aside] = np.maximum(speaks[~aside], 0)
            aside = set_aside(like + speaks, labels, found, threshold)
            log.info("%d samples are aside at step %d", aside.sum(), end)
    return student


def _log_odds_by(margins: np.ndarray, found: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Log odds of margins (N,) under two normal laws of one variance; 0 if S_f's are not the lower ones."""
    known, others = margins[found], margins[kept]
    here, there = known.mean(), others.mean()
    if here >= there:
        return np.zeros(len(margins))
    variance = (known.var() + others.var()) / 2 + 1e-6
    ratio = (there - here) / variance * ((there + here) / 2 - margins)
    return np.asarray(np.clip(ratio, -UTTER, UTTER))

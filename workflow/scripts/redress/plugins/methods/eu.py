"""Exact Unlearning: forget everything, train again without the deletion set (Goel et al. 2024, A.2)."""

from torch import nn

from redress.developer.layers import freeze_all_but_last, last_layers
from redress.developer.task import Task
from redress.developer.training import train_on
from redress.formats.kinds import PositiveInt

NEEDS_RECIPE = True  # it trains as M_o was trained
NEVER_SEES = True  # S_f, if all layers are new
LAYERS = "k"  # which hyperparameter is a number of layers


def unlearn(task: Task, *, k: PositiveInt | None = None) -> nn.Module:
    """A in full on the retain set, from a fresh initialisation: of all layers, or of the last `k` (EU-k).

    With `k` the other layers stay M_o's, batch norm's statistics included.
    """
    student = fresh = task.new_model(task.seed)
    if k is not None:
        student = task.original
        pairs = zip(freeze_all_but_last(student, k), last_layers(fresh, k), strict=True)
        for layer, new in pairs:
            layer.load_state_dict(new.state_dict())
    return train_on(task, student, task.retain, steps=task.recipe.steps)

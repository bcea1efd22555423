"""Selective Synaptic Dampening (Foster, Schoepf and Brintrup 2023, algorithm 1)."""

from typing import Literal

import torch
from torch import nn

from redress.developer.task import Task
from redress.formats.kinds import PositiveFloat

# Importances of M_o shared by all candidates, and what each is taken over; `{importance}` is the
# hyperparameter's value. I_D depends on neither S_f nor alpha, I_f on S_f alone.
IMPORTANCES = {"fisher_{importance}": ["training_set", "deletion_set"]}


def unlearn(
    task: Task,
    *,
    alpha: PositiveFloat,
    gamma_over_alpha: PositiveFloat = 1.0,
    importance: Literal["batch", "per_sample"] = "batch",
) -> nn.Module:
    """Dampen the weights that matter more to S_f than to S_tr.

    With the diagonal Fisher importances I_f over S_f and I_D over S_tr, every weight theta for which
    I_f > alpha * I_D becomes min(gamma * I_D / I_f, 1) * theta. gamma is tuned relative to alpha.
    """
    gamma = gamma_over_alpha * alpha
    importance_d = task.importances[f"fisher_{importance}", "training_set"]
    importance_f = task.importances[f"fisher_{importance}", "deletion_set"]
    with torch.no_grad():
        for name, theta in task.original.named_parameters():
            i_d, i_f = importance_d[name], importance_f[name]
            beta = (gamma * i_d / i_f).clamp(max=1)
            theta.copy_(torch.where(i_f > alpha * i_d, beta * theta, theta))
    return task.original

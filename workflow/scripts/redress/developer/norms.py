"""How far a method has moved the running statistics of batch norms, which no loss looks at."""

import torch
from torch import nn


def norm_shift(original: nn.Module, model: nn.Module) -> float | None:
    """The largest of all batch norms' shifts of running means, in M_o's running standard deviations.

    A layer's is the root mean square over its channels. None of a network without running statistics.
    """
    before = {name: layer for name, layer in original.named_modules() if _runs(layer)}
    shifts = [
        float(
            ((layer.running_mean - was.running_mean) / (was.running_var + was.eps).sqrt())
            .square()
            .mean()
            .sqrt()
        )
        for name, layer in model.named_modules()
        if _runs(layer)
        and (was := before.get(name)) is not None
        and was.running_mean.shape == layer.running_mean.shape
    ]
    finite = [shift for shift in shifts if torch.tensor(shift).isfinite()]
    return max(finite, default=None)


def _runs(layer: nn.Module) -> bool:
    return isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None

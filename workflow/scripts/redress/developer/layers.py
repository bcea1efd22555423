"""The layers of a network, counted from its end."""

import torch
from torch import Tensor, nn

from redress.formats.errors import BadInputError

COUNTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def last_layers(model: nn.Module, k: int) -> list[nn.Module]:
    """The last `k` convolutional and linear layers, and what parameters stand between and behind them.

    In the order in which the network names them (Goel et al. 2023). Raises BadInputError where it has fewer.
    """
    layers = [layer for layer in model.modules() if list(layer.parameters(recurse=False))]
    counted = [at for at, layer in enumerate(layers) if isinstance(layer, COUNTED)]
    if k > len(counted):
        raise BadInputError(f"k is {k}, but the network has {len(counted)} layers")
    return layers[counted[-k] :]


def called(model: nn.Module, pictures: Tensor) -> list[nn.Module]:
    """The convolutional and linear layers that `pictures` (B, C, H, W) pass, in the network's own order."""
    counted = [one for one in model.modules() if isinstance(one, COUNTED)]
    seen: set[nn.Module] = set()
    hooks = [one.register_forward_pre_hook(lambda module, _: seen.add(module)) for one in counted]
    with torch.no_grad():
        model(pictures)
    for hook in hooks:
        hook.remove()
    return [one for one in counted if one in seen]


def freeze_all_but_last(model: nn.Module, k: int) -> list[nn.Module]:
    """Let only the last `k` layers learn, and return them."""
    learning = last_layers(model, k)
    model.requires_grad_(False)
    for layer in learning:
        layer.requires_grad_(True)
    return learning

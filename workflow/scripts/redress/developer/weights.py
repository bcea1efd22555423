"""Weights that somebody brings, read without running any code that a file may hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from redress.formats.errors import BadInputError
from redress.formats.weights import check_fit

CONTAINERS = ("state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema")
"""Entries of checkpoints that usually hold weights."""

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and Lightning put before every name."""

SAVE = "save the weights alone: torch.save(model.state_dict(), 'weights.pt')"

Tensors = dict[str, Tensor]


def read_weights(path: str, key: str, network: Mapping[str, Tensor]) -> tuple[Tensors, str]:
    """The tensors of a file under the network's names, and the prefix that the file's own names have.

    `key` is the entry of a checkpoint that holds them, or `auto`. Raises BadInputError where there are none,
    several, or where they do not fit the `network`'s.
    """
    tensors = _tensors(path, key, network)
    prefix = _prefix(tensors, network)
    plain = {name.removeprefix(prefix): value for name, value in tensors.items()}
    if "n_averaged" in plain.keys() - network.keys():  # the count of torch.optim.swa_utils.AveragedModel
        del plain["n_averaged"]
    _check_fit(path, network, plain)
    return plain, prefix


def _check_fit(path: str, network: Mapping[str, Tensor], plain: Tensors) -> None:
    counters = {name for name in network if name.endswith(".num_batches_tracked")}
    wanted = {name: list(one.shape) for name, one in network.items() if name in plain or name not in counters}
    check_fit(path, wanted, {name: list(one.shape) for name, one in plain.items()})


def _tensors(path: str, key: str, network: Mapping[str, Tensor]) -> Tensors:
    """The tensors that the entry `key` of a file holds, under the file's names."""
    content = _content(path)
    if _are_tensors(content):
        if key != "auto":
            raise BadInputError(f"{path}: weights_key is '{key}', but the file holds weights and no entries")
        return content
    held = _entries(content)
    if key != "auto":
        if key not in held:
            raise BadInputError(f"{path}: no entry '{key}' that holds weights; {_has(held, content)}")
        return held[key]
    usual = [name for name in CONTAINERS if name in held]
    fitting = [name for name, tensors in held.items() if _may_be(tensors, network)]
    if not usual and len(fitting) == 1:
        found = f"'{fitting[0]}' holds the network's: say so with weights_key: {fitting[0]}"
        raise BadInputError(f"{path}: holds no weights under a usual name; {found}")
    if not usual and not fitting:
        other = f"{', '.join(held)} have tensors of other names than the network's"
        found = other if held else _has(held, content)
        raise BadInputError(f"{path}: holds no weights that could be found; {found}")
    if len(usual or fitting) > 1:
        several = f"holds several models: {', '.join(usual or fitting)}"
        raise BadInputError(f"{path}: {several}; name the one that is meant in model.weights_key")
    return held[usual[0]]


def _may_be(tensors: Tensors, network: Mapping[str, Tensor]) -> bool:
    """Whether every parameter of the network has a tensor of its name, what stands before names aside."""
    prefix = _prefix(tensors, network)
    needed = {name for name in network if not name.endswith(".num_batches_tracked")}
    return needed <= {name.removeprefix(prefix) for name in tensors}


def _has(held: Mapping[str, Any], content: object) -> str:
    if held:
        return f"those that do are {', '.join(held)}"
    names = list(map(str, content)) if isinstance(content, Mapping) else []
    return (
        f"it is a {type(content).__name__}" + (f" of {', '.join(names[:10])}" if names else "") + f"; {SAVE}"
    )


def _content(path: str) -> Any:
    if Path(path).is_file() and not Path(path).stat().st_size:
        raise BadInputError(f"{path}: is empty")
    if Path(path).suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except OSError as error:
            raise BadInputError(f"{path}: {error}") from error
        except SafetensorError as error:
            raise BadInputError(f"{path}: is a damaged safetensors file: {error}") from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # of several libraries, for as many kinds of damage
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        if type(error).__name__ == "UnpicklingError":  # whose own advice is to run what is in the file
            told = f"holds more than tensors, which was not run; where you trust it, {SAVE}"
            if "invalid load key" in str(error) or "Unsupported operand" in str(error):
                told = "is not what torch.save writes"
        raise BadInputError(f"{path}: cannot be read as weights: {told}") from error


def _are_tensors(content: object) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items())
    )


def _entries(content: object) -> dict[str, Tensors]:
    """Those entries of a checkpoint that hold weights; None stands for an absent one in some."""
    if not isinstance(content, Mapping):
        return {}
    return {name: value for name, value in content.items() if isinstance(name, str) and _are_tensors(value)}


def _prefix(tensors: Tensors, network: Mapping[str, Tensor]) -> str:
    """What stands before every name, of what is known to be put there and is not the network's own."""
    prefix = ""
    while not {name.removeprefix(prefix) for name in tensors} & network.keys():
        longer = [one for one in PREFIXES if any(name.startswith(prefix + one) for name in tensors)]
        if not longer:
            return ""
        prefix += longer[0]
    return prefix

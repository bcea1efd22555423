"""Weights that somebody brings: M_o was trained elsewhere."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from redress.formats.errors import BadInputError
from redress.formats.weights import check_fit

if TYPE_CHECKING:  # `inputs` and `problems` are asked while planning, without PyTorch
    from torch import nn

    from redress.developer.task import Training


def inputs(*, path: str) -> list[str]:
    """The files it reads: when they change, M_o is made again."""
    return [path]


def problems(*, path: str) -> Iterator[tuple[str, str]]:
    """Settings that cannot be, for the config check: the file is absent, or no safetensors."""
    try:
        _shapes(path)
    except BadInputError as error:
        yield "path", str(error)


def make(training: "Training", *, path: str) -> "nn.Module":
    """The network with the weights in the safetensors file `path`: names and shapes must be the network's.

    There is no training and so no margin log. Raises BadInputError where the weights do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    model = training.new_model()
    check_fit(path, {name: list(tensor.shape) for name, tensor in model.state_dict().items()}, _shapes(path))
    try:
        model.load_state_dict(load_file(path, device=str(training.device)))
    except SafetensorError as error:
        raise BadInputError(f"{path}: is a damaged safetensors file: {error}") from error
    return model


def _shapes(path: str) -> dict[str, list[int]]:
    """Names and shapes of the tensors in a safetensors file, from its header. Raises BadInputError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= 100_000_000:
                raise ValueError("no header")
            header = json.loads(file.read(size))
        return {name: about["shape"] for name, about in header.items() if name != "__metadata__"}
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{path}: is not a safetensors file") from error

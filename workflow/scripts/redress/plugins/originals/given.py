"""Weights that somebody brings: M_o was trained elsewhere."""

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from redress.formats.errors import BadInputError

if TYPE_CHECKING:  # `inputs` and `problems` are asked while planning, without PyTorch
    from torch import nn

    from redress.developer.task import Training

NEAREST = 5


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
    wanted = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    given = _shapes(path)
    absent, further = wanted.keys() - given.keys(), given.keys() - wanted.keys()
    if absent or further:
        parts = [f"it lacks {len(absent)} of the network's tensors"] if absent else []
        parts += [f"it has {len(further)} that the network lacks"] if further else []
        near = [f"the network's are {_nearest(absent, further)}"] if absent else []
        near += [f"the file's are {_nearest(further, absent)}"] if further else []
        raise BadInputError(f"{path}: does not fit: {' and '.join(parts)}; {'; '.join(near)}")
    other = [f"{name} is {given[name]}, not {wanted[name]}" for name in wanted if given[name] != wanted[name]]
    if other:
        raise BadInputError(f"{path}: does not fit: {'; '.join(other[:NEAREST])}")
    try:
        model.load_state_dict(load_file(path, device=str(training.device)))
    except SafetensorError as error:
        raise BadInputError(f"{path}: is a damaged safetensors file: {error}") from error
    return model


def _nearest(names: Iterable[str], others: Iterable[str]) -> str:
    """The five of `names` that look most like one of `others`, nearest first."""
    others = list(others)

    def likeness(name: str) -> float:
        return max((difflib.SequenceMatcher(None, name, other).ratio() for other in others), default=0.0)

    ranked = sorted(sorted(names), key=likeness, reverse=True)
    return ", ".join(ranked[:NEAREST]) + (" ..." if len(ranked) > NEAREST else "")


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

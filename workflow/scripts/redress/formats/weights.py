"""Whether somebody's weights are a network's: by names and shapes, never by position."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from redress.formats.errors import BadInputError

NEAREST = 5

Shapes = Mapping[str, Sequence[int]]


def check_fit(path: str, wanted: Shapes, given: Shapes) -> None:
    """Raise BadInputError unless the file `path`, with `given`, holds the network's `wanted` tensors."""
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


def _nearest(names: Iterable[str], others: Iterable[str]) -> str:
    """The five of `names` that look most like one of `others`, nearest first."""
    others = list(others)

    def likeness(name: str) -> float:
        return max((difflib.SequenceMatcher(None, name, other).ratio() for other in others), default=0.0)

    ranked = sorted(sorted(names), key=likeness, reverse=True)
    return ", ".join(ranked[:NEAREST]) + (" ..." if len(ranked) > NEAREST else "")

"""Hyperparameter grids: which candidates they hold, and what each is called on disk."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Value = bool | int | float | str
Hyperparameters = dict[str, Value]

EXPANSION = "expansion"
"""What a candidate's own expansion is called among its hyperparameters, where it is chosen among several."""


def canonical(hyperparameters: Mapping[str, Any]) -> Hyperparameters:
    """One form for each candidate: names sorted, 10.0 written as 10."""
    return {name: canonical_number(hyperparameters[name]) for name in sorted(hyperparameters)}


def canonical_number(value: Any) -> Any:
    """10.0 as 10; anything else as it is."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def expand(grid: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[Hyperparameters]:
    """Every combination of the values in `grid`, the last name varying fastest.

    `grid` maps each hyperparameter to a value or a list of values; a list of such mappings stands for
    the candidates of the first, then those of the second, and so on. An empty mapping is one candidate
    with the method's defaults.
    """
    grids = [grid] if isinstance(grid, Mapping) else grid
    return [canonical(candidate) for one in grids for candidate in _product(one)]


def _product(grid: Mapping[str, Any]) -> Iterator[Hyperparameters]:
    axes = [values if isinstance(values, list) else [values] for values in grid.values()]
    for combination in itertools.product(*axes):
        yield dict(zip(grid, combination, strict=True))


def candidate_name(hyperparameters: Mapping[str, Value]) -> str:
    """The file name of a candidate without its ending, for instance `alpha=10,gamma_over_alpha=0.5`."""
    pairs = canonical(hyperparameters).items()
    return ",".join(f"{name}={_text(value)}" for name, value in pairs) or "default"


def own_of(hyperparameters: Mapping[str, Value]) -> Hyperparameters:
    """The method's own: without an expansion that stands among them."""
    return {name: value for name, value in hyperparameters.items() if name != EXPANSION}


def setting_in(name: str, hyperparameter: str) -> str | None:
    """What a candidate's name says of a hyperparameter; None where it says nothing."""
    return dict(pair.partition("=")[::2] for pair in name.split(",")).get(hyperparameter)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)

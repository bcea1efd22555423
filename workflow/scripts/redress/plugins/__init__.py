"""What can be added as one file: everything that is found by its file's name."""

import importlib
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent


def names(package: str) -> list[str]:
    """What `package` (methods, models, ...) offers: its files' names."""
    return sorted(path.stem for path in (HERE / package).glob("[!_]*.py"))


@cache
def load(package: str, name: str) -> ModuleType:
    """The module `name` of `package`."""
    return importlib.import_module(f"redress.plugins.{package}.{name}")


def load_anew(package: str, name: str) -> ModuleType:
    """The same, run again with all that it imports of `package`: nothing is left of what an earlier call has
    changed at its top level, a random generator's state for instance.
    """
    for module in [one for one in sys.modules if one.startswith(f"redress.plugins.{package}.")]:
        del sys.modules[module]
    return importlib.import_module(f"redress.plugins.{package}.{name}")


def shared_importances(
    declared: Mapping[str, Iterable[str]], values: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """The shared importances that a candidate with the hyperparameters `values` needs.

    `declared` is its method's IMPORTANCES: names of files in importances/, in which `{keyword}` stands for a
    hyperparameter's value, to what they are taken over. As (name, `training_set` or `deletion_set`) pairs.
    """
    return [(template.format(**values), over) for template, sets in declared.items() for over in sets]


def importances_of(method: str, hyperparameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for a method by its file's name."""
    module = load("methods", method)
    keywords = signature(module.unlearn).parameters.values()
    defaults = {one.name: one.default for one in keywords if one.default is not one.empty}
    return shared_importances(getattr(module, "IMPORTANCES", {}), {**defaults, **hyperparameters})

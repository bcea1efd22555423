"""Methods, manipulations, datasets, models and statistics found by their file names.

Signatures are read from the source, without importing it, so that a config can be checked in a fraction
of the time that `import torch` takes.
"""

import ast
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from redress.errors import BadInputError
from redress.manipulation import Manipulation
from redress.sources import SCRIPTS


def names(package: str) -> list[str]:
    """What `package` (methods, models, ...) offers: its files' names."""
    return sorted(path.stem for path in (SCRIPTS / package).glob("[!_]*.py"))


def load(package: str, name: str) -> ModuleType:
    """The module `name` of `package`."""
    return importlib.import_module(f"{package}.{name}")


def manipulation(name: str, settings: Mapping[str, Any]) -> Manipulation:
    """The manipulation `name` with its settings from config; raises TypeError for one it does not have."""
    module = load("manipulations", name)
    (kind,) = (
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Manipulation) and thing.__module__ == module.__name__
    )
    return kind(**settings)


@dataclass(frozen=True)
class Parameter:
    """One keyword of a function or field of a dataclass, as written in its source."""

    kind: str  # its annotation
    choices: tuple[Any, ...]  # the values of a Literal, else empty
    required: bool
    default: Any = None

    def accepts(self, value: Any) -> bool:
        """Whether `value` may be passed: an integer is a float too, 10.0 the integer 10, True no number."""
        if self.choices:
            return value in self.choices
        return any(self._is_a(kind, value) for kind in self._kinds)

    @property
    def _kinds(self) -> list[str]:
        return [kind.strip() for kind in self.kind.split("|")]

    @staticmethod
    def _is_a(kind: str, value: Any) -> bool:
        if isinstance(value, bool):
            return kind == "bool"
        if value is None:
            return kind == "None"
        if isinstance(value, int | float) and kind.startswith("Positive") and value <= 0:
            return False
        if kind in ("int", "PositiveInt"):
            return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if kind in ("float", "PositiveFloat"):
            return isinstance(value, int | float)
        if kind == "tuple[int, int]":
            return isinstance(value, list | tuple) and [type(item) for item in value] == [int, int]
        return kind == "str" and isinstance(value, str)

    @property
    def is_number(self) -> bool:
        """Whether only numbers may be passed."""
        return bool({"int", "float", "PositiveInt", "PositiveFloat"} & set(self._kinds))

    @property
    def allowed(self) -> str:
        """What may be passed, in words."""
        if self.choices:
            return " or ".join(str(choice) for choice in self.choices)
        kinds = {"int": "an integer", "float": "a number", "bool": "true or false", "str": "text"}
        kinds["tuple[int, int]"] = "a list of two integers"
        kinds["PositiveInt"] = "an integer above 0"
        kinds["PositiveFloat"] = "a number above 0"
        return " or ".join(kinds.get(kind, kind) for kind in self._kinds if kind != "None")


@cache
def _tree(package: str, name: str) -> ast.Module:
    try:
        return ast.parse((SCRIPTS / package / f"{name}.py").read_text())
    except SyntaxError as error:
        raise BadInputError(f"{package}/{name}.py, line {error.lineno}: {error.msg}") from error


def _parameter(annotation: ast.expr | None, default: ast.expr | None) -> Parameter:
    text = ast.unparse(annotation) if annotation else "any value"
    choices: tuple[Any, ...] = ()
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
        inner = annotation.slice
        members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        choices = tuple(ast.literal_eval(member) for member in members)
    if default is None:
        return Parameter(text, choices, required=True)
    return Parameter(text, choices, required=False, default=ast.literal_eval(default))


@cache
def keywords(package: str, name: str, function: str) -> dict[str, Parameter]:
    """The keyword-only arguments of `function`: a method's hyperparameters, a model's settings."""
    for node in _tree(package, name).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            if node.args.defaults:
                problem = f"{function}() has settings before its `*`; they must be keyword-only"
                raise BadInputError(f"{package}/{name}.py: {problem}")
            pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            try:
                return {argument.arg: _parameter(argument.annotation, default) for argument, default in pairs}
            except ValueError as error:
                problem = f"a default of {function}() is not a plain value such as 1.0 or 'text'"
                raise BadInputError(f"{package}/{name}.py: {problem}") from error
    raise BadInputError(f"{package}/{name}.py: there is no function {function}()")


@cache
def fields(package: str, name: str) -> dict[str, Parameter]:
    """The fields of the class that a module defines: a manipulation's settings."""
    (body,) = (node.body for node in _tree(package, name).body if isinstance(node, ast.ClassDef))
    return {
        node.target.id: _parameter(node.annotation, node.value)
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def constant(package: str, name: str, variable: str, default: Any = None) -> Any:
    """A literal assigned to `variable` at the top level of a module, or `default`."""
    for node in _tree(package, name).body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == variable for target in node.targets):
            return ast.literal_eval(node.value)
    return default


def defaults(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The default of every parameter that has one."""
    return {name: parameter.default for name, parameter in parameters.items() if not parameter.required}


def statistics(method: str, hyperparameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The shared statistics a candidate needs: (name, `training_set` or `deletion_set`) pairs."""
    declared = constant("methods", method, "STATISTICS", {})
    values = {**defaults(keywords("methods", method, "unlearn")), **hyperparameters}
    return [(template.format(**values), over) for template, sets in declared.items() for over in sets]

"""What plug-ins take, read from their source.

Nothing is imported, so that a config can be checked in a fraction of the time that `import torch` takes.
Everything here raises BadInputError, in one line, for a file that is not UTF-8 or has a syntax error.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from redress import plugins
from redress.formats.errors import BadInputError
from redress.plan.sources import tree

POSITIONAL = {
    "describe": [],
    "load": [],
    "build": ["channels", "classes"],
    "make": ["training"],
    "discover": ["truth", "share", "generator"],
    "expand": ["known"],
    "unlearn": ["task"],
    "train_on": ["truth", "training"],
    "key": ["candidate"],
    "compute": ["model", "training_set", "indices", "recipe"],
}
"""What the program gives to the functions of plug-ins; all else that they take is a setting, after a `*`."""

SUPPLIED = {"discover": ["margins"], "key": ["weights", "original", "healed"]}
"""Keywords that the program gives, to those functions that have them: no settings."""

OWNERS = ("developer", "referee")

SETS = ("training_set", "deletion_set")
"""What importances are taken over."""


# Annotations


@dataclass(frozen=True)
class Kind:
    """What an annotation lets pass."""

    accepts: Callable[[Any], bool]
    one: str
    """In words, as in `an integer`."""
    many: str
    """The same for a list of them, as in `integers`."""
    is_number: bool = False
    choices: tuple[Any, ...] = ()
    """The only values there are, for a Literal."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and bool(value % 1 == 0)


PLAIN = {
    "bool": Kind(lambda value: isinstance(value, bool), "true or false", "true or false"),
    "int": Kind(_is_integer, "an integer", "integers", True),
    "float": Kind(_is_number, "a number", "numbers", True),
    "str": Kind(lambda value: isinstance(value, str), "text", "texts"),
    "PositiveInt": Kind(
        lambda value: _is_integer(value) and value > 0, "an integer above 0", "integers above 0", True
    ),
    "PositiveFloat": Kind(
        lambda value: _is_number(value) and value > 0, "a number above 0", "numbers above 0", True
    ),
    "Fraction": Kind(
        lambda value: _is_number(value) and 0 <= value <= 1,
        "a number from 0 to 1",
        "numbers from 0 to 1",
        True,
    ),
    "Any": Kind(
        lambda value: isinstance(value, bool | int | float | str),
        "a number, text, true or false",
        "numbers, texts, true or false",
    ),
}
"""Annotations that are one word: those of Python and of redress.formats.kinds."""

NOTHING = Kind(lambda value: value is None, "null", "nulls")

ALLOWED = (
    f"{', '.join(PLAIN)}, Literal[...], list[...], tuple[...] and, joined by `|`, several of them or None"
)


def _kind(annotation: ast.expr | None) -> Kind:
    """What an annotation lets pass: any plain value where there is none. Raises ValueError for others."""
    match annotation:
        case None:
            return PLAIN["Any"]
        case ast.Constant(value=None):
            return NOTHING
        case ast.Constant(value=str(text)):
            return _kind(ast.parse(text, mode="eval").body)
        case ast.BinOp(op=ast.BitOr()):
            return _either(_kind(annotation.left), _kind(annotation.right))
        case ast.Subscript(slice=ast.Tuple(elts=items)):
            return _generic(_word(annotation.value), items)
        case ast.Subscript():
            return _generic(_word(annotation.value), [annotation.slice])
    word = _word(annotation)
    if word in ("list", "tuple"):
        return _list(PLAIN["Any"])
    if word not in PLAIN:
        raise ValueError
    return PLAIN[word]


def _word(annotation: ast.expr) -> str:
    """`Literal` for Literal and typing.Literal alike; empty for what is no word."""
    match annotation:
        case ast.Name(id=word) | ast.Attribute(value=ast.Name(id="typing" | "kinds"), attr=word):
            return {"List": "list", "Tuple": "tuple"}.get(word, word)
    return ""


def _generic(word: str, items: Sequence[ast.expr]) -> Kind:
    """The kind `word[items]`."""
    match word, items:
        case "Literal", [_, *_]:
            return _literal(tuple(ast.literal_eval(item) for item in items))
        case "Optional", [item]:
            return _either(_kind(item), NOTHING)
        case "Union", [_, *_]:
            return _either(*map(_kind, items))
        case "list", [item]:
            return _list(_kind(item))
        case "tuple", [item, ast.Constant(value=end)] if end is ...:
            return _list(_kind(item))
        case "tuple", [_, *_]:
            return _row([_kind(item) for item in items])
    raise ValueError


def _literal(choices: tuple[Any, ...]) -> Kind:
    def accepts(value: Any) -> bool:
        # True equals 1, but whoever may write 1 may not write true.
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in choices)

    words = " or ".join(_in_yaml(one) for one in choices if one is not None)
    return Kind(accepts, words, words, choices=tuple(one for one in choices if one is not None))


def _in_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _either(*kinds: Kind) -> Kind:
    named = [kind for kind in kinds if kind is not NOTHING] or [NOTHING]
    only_choices = all(kind.choices for kind in named)
    return Kind(
        lambda value: any(kind.accepts(value) for kind in kinds),
        " or ".join(kind.one for kind in named),
        " or ".join(kind.many for kind in named),
        is_number=any(kind.is_number for kind in named),
        choices=tuple(choice for kind in named for choice in kind.choices) if only_choices else (),
    )


def _list(item: Kind) -> Kind:
    def accepts(value: Any) -> bool:
        return isinstance(value, list | tuple) and all(map(item.accepts, value))

    return Kind(accepts, f"a list of {item.many}", f"lists of {item.many}")


def _row(items: Sequence[Kind]) -> Kind:
    """A list of one value for each of `items`."""

    def accepts(value: Any) -> bool:
        return (
            isinstance(value, list | tuple)
            and len(value) == len(items)
            and all(item.accepts(one) for item, one in zip(items, value, strict=True))
        )

    number = dict(enumerate(["one", "two", "three", "four"], 1)).get(len(items), str(len(items)))
    same = len({item.one for item in items}) == 1 and len(items) > 1
    words = f"{number} {items[0].many}" if same else _listed([item.one for item in items])
    return Kind(accepts, f"a list of {words}", f"lists of {words}")


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


# Parameters


@dataclass(frozen=True)
class Parameter:
    """One keyword of a function or field of a dataclass, as written in its source."""

    kind: Kind
    required: bool
    default: Any = None

    def accepts(self, value: Any) -> bool:
        """Whether `value` may be passed: an integer is a float too, 10.0 the integer 10, True no number.

        Tuples may be given as lists, for YAML has no others.
        """
        return self.kind.accepts(value)

    @property
    def allowed(self) -> str:
        """What may be passed, in words; None, which stands for no value, is left out."""
        return self.kind.one

    @property
    def is_number(self) -> bool:
        """Whether a number may be passed that is not one of a few choices."""
        return self.kind.is_number

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values of a Literal, None left out; empty for any other annotation."""
        return self.kind.choices


def _parameter(where: str, name: str, annotation: ast.expr | None, default: ast.expr | None) -> Parameter:
    """The parameter `name` of `where`. Raises BadInputError if it could not stand in a config."""
    try:
        kind = _kind(annotation)
    except (ValueError, TypeError, SyntaxError) as error:
        written = ast.unparse(annotation) if annotation else ""
        raise BadInputError(f"{where}: `{name}: {written}` is not understood; allowed: {ALLOWED}") from error
    if default is None:
        return Parameter(kind, required=True)
    try:
        value = ast.literal_eval(default)
    except (ValueError, TypeError) as error:
        problem = f"the default of {name}, {ast.unparse(default)}, is not a plain value such as 1.0 or 'text'"
        raise BadInputError(f"{where}: {problem}") from error
    if annotation is None and value is None:
        kind = _either(kind, NOTHING)
    if not kind.accepts(value):
        raise BadInputError(f"{where}: the default of {name}, {value!r}, is not allowed: {kind.one}")
    return Parameter(kind, required=False, default=value)


def defaults(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The default of every parameter that has one."""
    return {name: parameter.default for name, parameter in parameters.items() if not parameter.required}


# Plug-ins


def _body(package: str, name: str) -> list[ast.stmt]:
    return tree(plugins.HERE / package / f"{name}.py", f"{package}/{name}.py").body


def _functions(package: str, name: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in _body(package, name) if isinstance(node, ast.FunctionDef)}


def has_function(package: str, name: str, function: str) -> bool:
    """Whether the file `name` of `package` defines `function`."""
    return function in _functions(package, name)


def takes(package: str, name: str, function: str, keyword: str) -> bool:
    """Whether `function` is there and has the keyword-only argument `keyword`, be it a setting or not."""
    found = _functions(package, name).get(function)
    return found is not None and keyword in [argument.arg for argument in found.args.kwonlyargs]


@cache
def keywords(package: str, name: str, function: str) -> dict[str, Parameter]:
    """The settings that `function` takes, its keyword-only arguments: a method's hyperparameters, say.

    Raises BadInputError if the function is absent, does not take what the program gives it (POSITIONAL, and
    nothing where it is not listed there), or has a setting that could not stand in a config.
    """
    where = f"{package}/{name}.py"
    found = _functions(package, name).get(function)
    if found is None:
        raise BadInputError(f"{where}: there is no function {function}()")
    given, arguments = POSITIONAL.get(function, []), found.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if len(positional) != len(given) or arguments.defaults or arguments.vararg or arguments.kwarg:
        settings = "its hyperparameters" if package == "methods" else "its settings"
        wanted = f"{_listed(given)} and, after a `*`, {settings}" if given else f"{settings} after a `*`"
        raise BadInputError(f"{where}: {function}() takes {wanted}, each by its name")
    return {
        argument.arg: _parameter(f"{where}: {function}()", argument.arg, argument.annotation, default)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if argument.arg not in SUPPLIED.get(function, [])
    }


@cache
def fields(package: str, name: str) -> dict[str, Parameter]:
    """The fields of the class that a file defines: a manipulation's settings.

    Where it defines several, of the one that is derived from Manipulation. Raises BadInputError if that is
    not one class, or if a field could not stand in a config.
    """
    where = f"{package}/{name}.py"
    classes = [node for node in _body(package, name) if isinstance(node, ast.ClassDef)]
    if len(classes) > 1:
        classes = [node for node in classes if "Manipulation" in map(_last_word, node.bases)]
    if len(classes) != 1:
        raise BadInputError(f"{where}: one class must be derived from Manipulation, not {len(classes)}")
    return {
        node.target.id: _parameter(f"{where}: {classes[0].name}", node.target.id, node.annotation, node.value)
        for node in classes[0].body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        # The same for dataclasses: what belongs to the class is no field.
        if not ast.unparse(node.annotation).removeprefix("typing.").startswith("ClassVar")
    }


def _last_word(node: ast.expr) -> str:
    return ast.unparse(node).rsplit(".", 1)[-1]


def constant(package: str, name: str, variable: str, default: Any = None) -> Any:
    """What is assigned to `variable` at the top level of a file, or `default` where nothing is.

    Raises BadInputError if that is not a literal.
    """
    for node in _body(package, name):
        if isinstance(node, ast.Assign):
            targets: list[ast.expr] = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        if node.value and variable in map(ast.unparse, targets):
            try:
                return ast.literal_eval(node.value)
            except (ValueError, TypeError) as error:
                problem = (
                    f"{variable} is not a plain value, such as a number, text, or a list or dict of them"
                )
                raise BadInputError(f"{package}/{name}.py: {problem}") from error
    return default


def importances_of(method: str, hyperparameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The shared importances that a candidate needs: (name, `training_set` or `deletion_set`) pairs.

    Raises BadInputError if the method's IMPORTANCES does not say that.
    """
    where = f"methods/{method}.py"
    declared = constant("methods", method, "IMPORTANCES", {})
    if not (isinstance(declared, dict) and all(map(_are_sets, declared.values()))):
        problem = f"IMPORTANCES must map names of files in importances/ to lists of {' and '.join(SETS)}"
        raise BadInputError(f"{where}: {problem}")
    values = {**defaults(keywords("methods", method, "unlearn")), **hyperparameters}
    try:
        return plugins.shared_importances(declared, values)
    except (LookupError, ValueError, AttributeError) as error:
        problem = (
            f"IMPORTANCES may hold {{keyword}} for its hyperparameters only: {', '.join(values) or 'none'}"
        )
        raise BadInputError(f"{where}: {problem}") from error


def _are_sets(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(one in SETS for one in value)


@cache
def measure_names(file: str) -> dict[str, str]:
    """The measures that a file of measures/ defines, in its order, and their owners: developer or referee.

    Raises BadInputError if there is none, or if an owner is neither of the two.
    """
    owners = {
        name: str(owner)
        for name, node in _functions("measures", file).items()
        for decorator in node.decorator_list
        for owner in _owner(decorator)
    }
    if not owners:
        raise BadInputError(f"measures/{file}.py: no function is marked with @measure(...)")
    for name, owner in owners.items():
        if owner not in OWNERS:
            raise BadInputError(f"measures/{file}.py: the owner of {name}() is not {' or '.join(OWNERS)}")
    return owners


def _owner(decorator: ast.expr) -> Iterator[object]:
    """The owner that `@measure(...)` names; nothing for another decorator."""
    if isinstance(decorator, ast.Call) and _last_word(decorator.func) == "measure":
        given = [keyword.value for keyword in decorator.keywords if keyword.arg == "owner"]
        yield next((node.value if isinstance(node, ast.Constant) else "" for node in given), "referee")

"""What makes the network that somebody brings, as far as that is known without running their code."""

import ast
import difflib
import hashlib
import importlib.machinery
import re
from collections.abc import Iterator
from pathlib import Path

from redress import plugins
from redress.formats import files
from redress.formats.errors import BadInputError, looked_in

LIBRARIES = ("timm", "torchvision", "redress")
FORMS = "`file.py:function`, `module:function`, `timm:name`, `torchvision:name` or `redress:name`"
NAME = re.compile(r"[A-Za-z_0-9.-]+")

WRITES_NAMES = {"__getattr__", "globals", "vars", "exec", "setattr"}
"""By one of these a module may have a name that nobody sees in its text."""


def factory_digest(factory: str) -> str:
    """SHA-256 of the file that a factory is in, where it is somebody's own. Nothing is imported.

    Raises BadInputError where there is no such file, library or function.
    """
    place, colon, name = factory.rpartition(":")
    if not colon or not name:
        raise BadInputError(f"factory {factory}: {_lacks_a_name(factory.removesuffix(':'))}")
    if not place or ":" in place or not NAME.fullmatch(name):
        raise BadInputError(f"factory {factory}: is not allowed: {FORMS}")
    if place in LIBRARIES:
        _check_library(factory, place, name)
        return ""
    known = _files(place)
    found = [path for path in known if path.is_file()]
    if found:
        _check_name(factory, found[0], name)
        return files.sha256(found[0])
    if place.endswith(".py") or not importlib.machinery.PathFinder.find_spec(place.split(".")[0]):
        tried = " or ".join(map(str, known)) + looked_in(known[0])
        raise BadInputError(f"factory {factory}: there is no {tried}, nor an installed module of that name")
    return hashlib.sha256(place.encode()).hexdigest()


def _files(place: str) -> list[Path]:
    """Where a module of somebody's own would be."""
    if place.endswith(".py"):
        return [Path(place)]
    base = Path(place.replace(".", "/"))
    return [base.with_suffix(".py"), base / "__init__.py"]


def _lacks_a_name(place: str) -> str:
    needs = "needs the name of what makes the network after a colon"
    for path in filter(Path.is_file, _files(place)):
        made = [name for name, node in _defined(_parsed(f"factory {place}", path)) if _is_made(name, node)]
        return f"{needs}: {place}:{made[0]}" + _others(made[1:]) if made else f"{needs}: {place}:build"
    return f"{needs}: {place}:build" if place.endswith(".py") else f"{needs}: {FORMS}"


def _others(names: list[str]) -> str:
    return f"; it has {', '.join(names)}, too" if names else ""


def _check_library(factory: str, place: str, name: str) -> None:
    if place == "redress":
        known = plugins.names("models")
        if name not in known:
            problem = f"there is no '{name}'{_close(name, known)} allowed: {', '.join(known)}"
            raise BadInputError(f"factory {factory}: {problem}")


def _check_name(factory: str, path: Path, name: str) -> None:
    """Raise BadInputError where nothing at the top of a file can be what `name` means."""
    tree = _parsed(f"factory {factory}", path)
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    defined = list(_defined(tree))
    known = {one for one, _ in defined} | {
        one for node in ast.walk(tree) if isinstance(node, ast.Global) for one in node.names
    }
    if name in known or "*" in known or (words | known) & WRITES_NAMES:
        return
    made = [one for one, node in defined if _is_made(one, node)]
    has = f" it has {', '.join(made)}" if made else " it has no function and no class"
    raise BadInputError(f"factory {factory}: {path} has no '{name}'{_close(name, made)}{has}")


def _close(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean '{close[0]}'?" if close else ";"


def _parsed(where: str, path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise BadInputError(f"{where}: {path}, line {error.lineno}: is not Python: {error.msg}") from error
    except ValueError as error:  # a null byte
        raise BadInputError(f"{where}: {path}: is not Python: {error}") from error


def _defined(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Every name that a module gets where it is run, with what gives it; '*' for all of another module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((one.asname or one.name.split(".")[0], node) for one in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node
        else:
            yield from _defined(node)


def _is_made(name: str, node: ast.AST) -> bool:
    """Whether it is a function or class of the file's own, and not private."""
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and not name.startswith("_")

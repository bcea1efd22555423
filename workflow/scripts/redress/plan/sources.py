"""Which source files a job depends on, found by following imports, and what they mean."""

import ast
import codecs
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from redress.formats.errors import BadInputError

SCRIPTS = Path(__file__).resolve().parents[2]
"""workflow/scripts, where imports start."""


def closure(*files: str) -> list[Path]:
    """`files` and every project file that they need, sorted.

    `files` are relative to workflow/scripts, as in `redress/plugins/methods/ssd.py`. What they need is what
    they import, directly or not, with the packages above it, and the data beside a plug-in: every file that
    is not Python, directly in the folder below redress/plugins/ in which a file of the closure stands.
    Hidden files and the copies that editors leave (`ssd.py~`, `#ssd.py#`) are no data. Raises BadInputError
    for a file that is absent, is not UTF-8 or has a syntax error.
    """
    absent = [file for file in files if not (SCRIPTS / file).is_file()]
    if absent:
        raise BadInputError(f"there is no {absent[0]} in {SCRIPTS}")
    found: set[Path] = set()
    waiting = [path for file in files for path in _files_of(file.removesuffix(".py").replace("/", "."))]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(path for module in _imports(path) for path in _files_of(module))
    plugins = SCRIPTS / "redress" / "plugins"
    folders = {path.parent for path in found if plugins in path.parent.parents}
    return sorted(found.union(*map(_data, folders)))


@cache
def fingerprint(*files: str) -> str:
    """16 hexadecimal digits that stand for the names and the meaning of the closure of `files`.

    Rules carry it as a parameter, so a job runs again when code that it uses has another meaning, and for no
    other reason: comments, docstrings and layout, a touched file, a checkout or a fresh clone change nothing
    here. That is why it is a parameter and not an input, whose time stamp would count.
    """
    return hashlib.sha256("\n".join(details(*files)).encode()).hexdigest()[:16]


def details(*files: str) -> list[str]:
    """`path@digest` of every file in the closure of `files`, to see which of them has changed."""
    return sorted(f"{_name(path)}@{_digest(path)[:12]}" for path in closure(*files))


def tree(path: Path, name: str) -> ast.Module:
    """The syntax tree of a Python file without what has no effect: docstrings, bare strings and `pass`.

    Bodies may be empty, so it is to be read and not to be compiled, and not to be changed: it is shared.
    Raises BadInputError, where the file is called `name`, if it is not UTF-8 or has a syntax error.
    """
    try:
        return _parsed(path)
    except SyntaxError as error:
        raise BadInputError(f"{name}, line {error.lineno}: {error.msg}") from error


@cache
def _parsed(path: Path) -> ast.Module:
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise SyntaxError("is not UTF-8", (str(path), _line(content, error.start), None, None)) from error
    if "\0" in text:  # Python 3.11 has a ValueError without a line for it
        line = _line(content, content.index(b"\0"))
        raise SyntaxError("holds a null byte", (str(path), line, None, None))
    module = ast.parse(text, filename=str(path))
    for block in _blocks(module):
        block[:] = [statement for statement in block if not _says_nothing(statement)]
    return module


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _blocks(node: ast.AST) -> Iterator[list[ast.AST]]:
    """Every list of statements in `node`, outer ones first. Expressions hold none, so none is entered."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        block = getattr(node, field, None)
        if block:
            yield block
            for inner in block:
                yield from _blocks(inner)


def _says_nothing(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.Pass)


@cache
def _imports(path: Path) -> list[str]:
    """Full names of what a file imports, and of what could be a module in it."""
    if path.suffix != ".py":
        return []
    imported: list[str] = []
    for block in _blocks(tree(path, _name(path))):
        for node in block:
            if isinstance(node, ast.Import):
                imported.extend(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = _absolute(node, path)
                if module:
                    # `from package import module` names a file as well as `from module import thing` does.
                    imported += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return imported


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    """The full name of what `node`, in the file `path`, imports from; empty where dots lead out of it all."""
    if not node.level:
        return node.module or ""
    packages = path.relative_to(SCRIPTS).parent.parts
    if node.level > len(packages):
        return ""
    return ".".join([*packages[: len(packages) - node.level + 1], *([node.module] if node.module else [])])


@cache
def _files_of(module: str) -> list[Path]:
    """The project's files that importing `module` runs: the packages above it and the module itself."""
    parts = module.split(".")
    bases = [SCRIPTS.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
    candidates = [base / "__init__.py" for base in bases] + [bases[-1].with_suffix(".py")]
    return [path for path in candidates if path.is_file()]


def _data(folder: Path) -> Iterable[Path]:
    return (
        path
        for path in folder.iterdir()
        if path.suffix not in (".py", ".pyc", ".pyi")
        and not path.name.startswith((".", "#"))
        and not path.name.endswith("~")
        and path.is_file()
    )


@cache
def _digest(path: Path) -> str:
    """SHA-256 of what a Python file means, and of the bytes of any other.

    Versions of Python may write the same tree differently, so after a change of version jobs may run again.
    """
    if path.suffix != ".py":
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(ast.dump(tree(path, _name(path))).encode()).hexdigest()


def _name(path: Path) -> str:
    return path.relative_to(SCRIPTS).as_posix()

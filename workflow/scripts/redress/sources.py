"""Which source files a job depends on, found by following imports, and what they contain."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent


def closure(*files: str) -> list[Path]:
    """`files` (relative to workflow/scripts) and every project file they import, directly or not, sorted."""
    found: set[Path] = set()
    waiting = [path for file in files for path in _files_of(file.removesuffix(".py").replace("/", "."))]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imports(path))
    return sorted(found)


@cache
def _imports(path: Path) -> list[Path]:
    imported: list[Path] = []
    for node in _statements(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import module` names a file as well as `from module import thing` does.
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        imported.extend(path for module in modules for path in _files_of(module))
    return imported


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement in `node`, at any depth. Expressions, which ast.walk would enter, import nothing."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for inner in getattr(node, field, ()):
            yield inner
            yield from _statements(inner)


def _files_of(module: str) -> list[Path]:
    """The project's files that importing `module` runs: the packages above it and the module itself."""
    parts = module.split(".")
    bases = [SCRIPTS.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
    candidates = [base / "__init__.py" for base in bases] + [bases[-1].with_suffix(".py")]
    return [path for path in candidates if path.is_file()]


@cache
def fingerprint(*files: str) -> list[str]:
    """`path@digest` of every file in the closure of `files`.

    Rules carry it as a parameter, so a job runs again when the content of a file it uses has changed, and
    for no other reason: a touched file, a checkout or a fresh clone changes nothing here. That is why it
    is a parameter and not an input, whose time stamp would count.
    """
    return [f"{path.relative_to(SCRIPTS)}@{_digest(path)}" for path in closure(*files)]


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]

"""The files of a config as they are written: one line that names file and line for what is not YAML."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from redress.formats.errors import BadInputError, looked_in
from redress.plan.checks import StrictLoader, holds_itself

OPTIONS = ("--configfile", "--configfiles")
TARGETS = ("all", "check", "correct")

MEANT = {
    "found character '\\t' that cannot start any token": "a tab stands here: indent with spaces",
    "mapping values are not allowed here": "a colon too many; is there no space after one in a line above?",
    "could not find expected ':'": "the line before has no colon with a space after it",
}
"""What PyYAML says, and what to mend."""


def read(path: str | Path) -> Mapping[str, Any]:
    """The block of keys that a file holds. Raises BadInputError."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=StrictLoader)
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}{looked_in(path)}") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not valid YAML: byte {error.start} is not UTF-8") from error
    except yaml.YAMLError as error:
        raise BadInputError(f"{path}{_not_yaml(error)}") from error
    except RecursionError as error:
        raise BadInputError(f"{path}: not valid YAML: a block holds itself") from error
    if content is None:
        raise BadInputError(f"{path}: is empty")
    if not isinstance(content, dict):
        raise BadInputError(f"{path}: is not a block of keys")
    if holds_itself(content):
        raise BadInputError(f"{path}: a block holds itself")
    return content


def _not_yaml(error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    where = f", line {mark.line + 1}" if mark else ""
    opened, context = getattr(error, "context_mark", None), getattr(error, "context", None) or ""
    open_ = f"; what opens in line {opened.line + 1} is not closed" if opened and "flow" in context else ""
    return f"{where}: not valid YAML: {MEANT.get(problem, problem)}{open_}".replace("\n", " ")


def named(words: Sequence[str]) -> Iterator[str]:
    """The config files that a command line of Snakemake names."""
    of_option = False
    for word in words:
        option, equals, value = word.partition("=")
        if word.startswith("-"):
            of_option = option in OPTIONS
        if of_option and equals and word.startswith("-"):
            yield value
        elif of_option and not word.startswith("-"):
            yield word


def check_command_line(words: Sequence[str]) -> None:
    """End with one line where a file that a command line of Snakemake names is none that it can read.

    Snakemake reads them before the Snakefile, and does not say where the mistake is.
    """
    for path in named(words):
        try:
            read(path)
        except BadInputError as error:
            before = path in TARGETS and not Path(path).exists()
            sys.exit(f"{error}{'; targets come before --configfile' if before else ''}")

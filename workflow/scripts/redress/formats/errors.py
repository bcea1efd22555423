"""Errors that a user can mend: a job that meets one ends with its one line, and without a traceback."""

import os
from pathlib import Path

CONFIG_OPTION = "REDRESS_CONFIG_OPTION"
"""The variable with the option that names the config in use, ` --configfile FILE ...` or nothing."""


class BadInputError(ValueError):
    """The message says what is wrong, where, and what is allowed."""


class DamagedFileError(BadInputError):
    """A file of results that is not what was written; the message says which and how to get it back."""

    def __init__(self, path: str | Path, what: str):
        config = os.environ.get(CONFIG_OPTION, "")
        super().__init__(f"{path}: {what}; delete it and rebuild it with: snakemake --cores 1 {path}{config}")


def looked_in(path: str | Path) -> str:
    """Where a file that is not there was looked for, to follow what says so; empty for an absolute path."""
    return "" if Path(path).is_absolute() else f" in {Path.cwd()}"


def raised(error: BaseException) -> str:
    """What somebody's code raised, in one line."""
    first = f"{type(error).__name__}: {error}".splitlines()[0]
    about = f"{error}".lower()
    if "cuda" not in about and "nvidia" not in about:
        return first
    return f"{first}; leave the device to Redress: no .cuda() and no .to('cuda')"

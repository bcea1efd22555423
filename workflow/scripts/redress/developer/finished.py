"""Candidates that a job finished before it was interrupted or another of its candidates failed.

Snakemake deletes what a failed job has written, so a second name for each file stays in
`.finished/` until the job is through.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redress.formats import files
from redress.formats.errors import DamagedFileError
from redress.formats.identity import Identity

FOLDER = ".finished"
VOLATILE = ("started", "commit", "config", "machine")
"""What the record of an equal candidate may say otherwise."""


def put_aside(identity: Identity) -> None:
    """Keep the file of the candidate that `identity` names for the next try."""
    path, kept = _places(identity)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(kept) as temporary:
        temporary.unlink()
        try:
            os.link(path, temporary)
        except OSError:  # a file system without second names
            shutil.copyfile(path, temporary)


def bring_back(identity: Identity, made_from: Mapping[str, str], provenance: Mapping[str, Any]) -> bool:
    """Put an earlier try's file in its place, if it was made of the same by the same code and settings."""
    path, kept = _places(identity)
    if not kept.exists():
        return False
    try:
        about = files.load_arrays(kept, identity)[1]
    except DamagedFileError:
        return False
    if about["made_from"] != made_from or _lasting(about["provenance"]) != _lasting(provenance):
        return False
    with files.atomic(path) as temporary:
        shutil.copyfile(kept, temporary)
    return True


def clear(identity: Identity) -> None:
    """The job is through: nothing has to be kept for a next try."""
    shutil.rmtree(_places(identity.having(candidate="any"))[1].parent, ignore_errors=True)


def _places(identity: Identity) -> tuple[Path, Path]:
    path = Path(identity.path("candidate"))
    return path, path.parent / FOLDER / path.name


def _lasting(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in provenance.items() if name not in VOLATILE}

"""Results of which Snakemake has no record, judged by what they say of themselves.

Snakemake knows from `.snakemake/` what made a file. Where that folder was deleted or not copied along, it
takes whatever is there for good: one table would mix models of an earlier config with those of today's.
"""

import os
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from redress.formats import files
from redress.formats.errors import DamagedFileError
from redress.formats.identity import PLAIN, Identity

RECORDS = ".snakemake/metadata"

Result = tuple[Identity, str, Callable[[Identity], Mapping[str, Any]]]
"""What names a result, its kind and what says how it would be made now: a job's `made_by`."""


def unlike(results: Iterable[Result]) -> Iterator[str]:
    """Paths of those that are there, unknown to Snakemake, and not what their jobs would make now.

    That is: of other code, told other settings, or made from other files than those that are there.
    """
    recorded = _recorded(Path(RECORDS))
    known: dict[str, dict[str, Any] | None] = {}

    def about(path: str) -> dict[str, Any] | None:
        if path not in known:
            try:
                known[path] = files.about_of(path)
            except DamagedFileError:
                known[path] = None
        return known[path]

    for identity, kind, made_by in results:
        path = identity.path(kind)
        if path in recorded or not os.path.exists(path):  # noqa: PTH110 (asked for every candidate)
            continue
        found = about(path)
        if found is None or not _is_made_by(found, made_by(identity)):
            yield path
            continue
        before = identity.having(expansion=PLAIN) if kind == "deletion_set" else identity
        inputs = {
            before.path(one): seal for one, seal in found.get("made_from", {}).items() if one in OF_FILES
        }
        if any((about(one) or {}).get("seal") != seal for one, seal in inputs.items()):
            yield path


OF_FILES = (
    *("pictures", "training_set", "probes", "original", "deletion_set", "training_log"),
    *("truth", "predictions", "selection"),
)
"""What `made_from` holds seals of, by kind."""


def _is_made_by(about: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    found = about.get("provenance") or about.get("made_by") or {}
    return all(found.get(name) == value for name, value in expected.items())


def _recorded(folder: Path) -> set[str]:
    """The files of which Snakemake has records: their names are base64, in folders where they are long."""
    paths = set()
    for place, _, names in os.walk(folder):
        above = "".join(part.removeprefix("@") for part in Path(place).relative_to(folder).parts)
        for name in names:
            try:
                paths.add(urlsafe_b64decode(above + name).decode())
            except (Error, UnicodeDecodeError):
                continue
    return paths

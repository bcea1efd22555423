"""Which pictures somebody brings, what each is called, and its given label. No picture is opened here."""

import csv
import difflib
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from redress.formats.errors import BadInputError, looked_in
from redress.formats.images import ENDINGS

Rows = list[tuple[str, str, str]]
"""(id, file, given label as it is written) of each picture."""


@dataclass(frozen=True)
class Listing:
    """Pictures in an order that follows from their ids alone."""

    where: str
    """What they were read from, for messages."""
    root: str
    ids: tuple[str, ...]
    files: tuple[str, ...]
    labels: np.ndarray
    """Given labels, int64 (N,)."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def at(self) -> dict[str, int]:
        """Where each id stands."""
        return {name: at for at, name in enumerate(self.ids)}

    @property
    def fingerprint(self) -> str:
        """What changes when ids, labels or files do; of a file, its size and time."""
        digest = hashlib.sha256()
        for name, file, label in zip(self.ids, self.files, self.labels.tolist(), strict=True):
            state = os.stat(file)  # noqa: PTH116 (at every start of Snakemake, for every picture)
            digest.update(f"{name} {file} {label} {state.st_size} {state.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]


def rows_of(block: Mapping[str, Any]) -> Rows:
    """What `folder` or `manifest` of a block of config list. Raises BadInputError."""
    if ("folder" in block) == ("manifest" in block):
        raise BadInputError("give either folder or manifest")
    for key in ("split", "root"):
        if key in block and "folder" in block:
            raise BadInputError(f"{key} is for a manifest, and here is a folder")
    rows = list(_in_folder(block["folder"]) if "folder" in block else _in_manifest(block))
    where = block.get("folder") or block["manifest"]
    if not rows:
        raise BadInputError(f"{where}: lists no picture")
    names = Counter(name for name, _, _ in rows)
    (most, times), *_ = names.most_common(1)
    if times > 1:
        raise BadInputError(f"{where}: the id '{most}' is there {times} times: an id names one picture")
    absent = [file for _, file, _ in rows if not os.path.isfile(file)]  # noqa: PTH113 (all of them)
    if absent:
        first = f"{absent[0]}{looked_in(absent[0])}"
        raise BadInputError(f"{where}: {len(absent)} pictures are not there, such as {first}")
    return sorted(rows)


def _in_folder(folder: str) -> Iterator[tuple[str, str, str]]:
    path = Path(folder)
    if not path.is_dir():
        raise BadInputError(
            f"{folder}: no such folder{looked_in(folder)}; expected {folder}/<class>/<picture>"
        )
    for entry in sorted(os.scandir(path), key=lambda one: one.name):
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        for above, folders, names in os.walk(entry.path):
            folders.sort()
            for name in sorted(names):
                if name.lower().endswith(ENDINGS) and not name.startswith("."):
                    file = os.path.join(above, name)  # noqa: PTH118
                    yield Path(os.path.relpath(file, path)).as_posix(), file, entry.name


def _in_manifest(block: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    manifest = block["manifest"]
    root = block.get("root") or str(Path(manifest).parent)
    columns, rows = read_csv(manifest)
    for needed in ("path", "label", *(["split"] if "split" in block else [])):
        if needed not in columns:
            raise BadInputError(
                f"{manifest}: there is no column '{needed}'; its columns are {', '.join(columns)}"
            )
    for line, row in enumerate(rows, 2):
        if "split" in block and row["split"] != block["split"]:
            continue
        name = row.get("id") or row["path"]
        if not row["path"] or not row["label"]:
            raise BadInputError(f"{manifest}, line {line}: path or label is empty")
        yield name, within(root, row["path"], f"{manifest}, line {line}"), row["label"]


def within(root: str, path: str, where: str) -> str:
    """The file `path` below the folder `root`; raises BadInputError where it leads out of it."""
    file = os.path.normpath(os.path.join(root, path))  # noqa: PTH118 (keeps links as they are)
    if not Path(os.path.abspath(file)).is_relative_to(os.path.abspath(root)):  # noqa: PTH100
        raise BadInputError(f"{where}: {path} leads out of the pictures' folder, {root}")
    return file


def read_csv(file: str) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a CSV in UTF-8, white space around values taken off. Raises BadInputError."""
    try:
        with open(file, newline="", encoding="utf-8-sig") as text:  # noqa: PTH123
            reader = csv.DictReader(text, skipinitialspace=True)
            columns = [name.strip() for name in reader.fieldnames or []]
            rows = []
            for row in reader:
                if None in row or None in row.values():  # too many, too few
                    raise BadInputError(f"{file}, line {reader.line_num}: not as many values as columns")
                values = [str(value).strip() for value in row.values()]
                rows.append(dict(zip(columns, values, strict=True)))
    except OSError as error:
        raise BadInputError(f"{file}: {error.strerror}{looked_in(file)}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(f"{file}: is not a CSV in UTF-8 ({error})") from error
    return columns, rows


def class_names(given: str | Sequence[str | int] | None, rows: Rows) -> list[str]:
    """Class names in the order of their numbers: as `given`, else those of the rows, in alphabetical order.

    Raises BadInputError.
    """
    if given is None:
        return sorted({label for _, _, label in rows})
    if isinstance(given, str):
        try:
            lines = Path(given).read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise BadInputError(f"{given}: {error.strerror}{looked_in(given)}") from error
        except UnicodeDecodeError as error:
            raise BadInputError(f"{given}: cannot be read as a list of classes: {error}") from error
        names = [line.strip() for line in lines if line.strip()]
    else:
        names = [str(name) for name in given]
    if len(names) < 2 or len(set(names)) < len(names):
        raise BadInputError(f"there are {len(names)} classes, {len(set(names))} of them different")
    return names


def listing(block: Mapping[str, Any], rows: Rows, classes: Sequence[str]) -> Listing:
    """The rows of a block with their labels as numbers. Raises BadInputError for one that is no class."""
    where = block.get("folder") or block["manifest"]
    number = {name: at for at, name in enumerate(classes)}
    first = {label: name for name, _, label in reversed(rows)}
    numbers = {
        label: label_number(label, number, f"{where}, {name}") for label, name in sorted(first.items())
    }
    labels = [numbers[label] for _, _, label in rows]
    ids, files = (tuple(row[part] for row in rows) for part in (0, 1))
    root = block.get("folder") or block.get("root") or str(Path(where).parent)
    return Listing(where, root, ids, files, np.array(labels, np.int64))


def label_number(label: str, number: Mapping[str, int], where: str) -> int:
    """The number of the class that `label` names or, where no class is called so, is the number of."""
    if label in number:
        return number[label]
    if label.isdecimal() and int(label) < len(number):
        return int(label)
    near = nearly(label, number, cutoff=0.6)
    hint = f", did you mean '{near}'?" if near else ";"
    raise BadInputError(f"{where}: there is no class '{label}'{hint} classes are {some(number)}")


def nearly(label: str, others: Iterable[str], cutoff: float = 0.85) -> str | None:
    """That of some `others` which `label` is probably meant to be: written alike, with the same digits.

    The `cutoff` is difflib's: high where a label may be one of its own, lower where it cannot.
    """
    by_letters = {other.lower(): other for other in others if _digits(other) == _digits(label)}
    near = difflib.get_close_matches(label.lower(), by_letters, n=1, cutoff=cutoff)
    return by_letters[near[0]] if near else None


def _digits(label: str) -> str:
    return "".join(filter(str.isdecimal, label))


def some(names: Iterable[str]) -> str:
    """Names as a message lists them, the first ten."""
    listed = list(names)
    return ", ".join(listed[:10]) + (" ..." if len(listed) > 10 else "")


SPLITS = {"train", "training", "val", "valid", "validation", "test"}


def check_level(block: Mapping[str, Any], rows: Rows, others: Rows) -> None:
    """Raise BadInputError where the folder of a block is evidently the one above the folders of classes.

    Its classes are none of the labels of the `others`: they are splits, or hold folders that are called so.
    """
    labels, known = ({label for _, _, label in one} for one in (rows, others))
    if "folder" not in block or labels & known:
        return
    below = {name.split("/")[1] for name, _, _ in rows if name.count("/") > 1}
    if {label.lower() for label in labels} <= SPLITS or below & known:
        raise BadInputError(
            f"classes are {some(sorted(labels))}: is the folder {block['folder']} one too high?"
        )


def check_labels(training: Rows, validation: Rows) -> None:
    """Raise BadInputError where the labels of both, without a list of classes, are evidently not of one.

    Either one has numbers and the other names, or a label of training alone is nearly one that both have.
    """
    first, second = ({label: name for name, _, label in reversed(rows)} for rows in (training, validation))
    apart = _are_numbers(first) != _are_numbers(second) and first.keys().isdisjoint(second)
    known = range(0 if _are_numbers(first) else len(first))  # a number may stand for a folder
    if apart and not (_are_numbers(second) and all(int(label) in known for label in second)):
        told = f"labels are {_kind(first)}, and those of validation {_kind(second)}"
        raise BadInputError(f"{told}: name the classes in the order of the numbers, `classes: [cat, dog]`")
    both = first.keys() & second.keys()
    for label in sorted(first.keys() - both):
        if near := nearly(label, both):
            raise BadInputError(
                f"'{label}', the label of {first[label]}, is in training alone: did you mean '{near}'? "
                "If it is a class of its own, list all of them in `classes`"
            )


def _are_numbers(labels: Iterable[str]) -> bool:
    return all(map(str.isdecimal, labels))


def _kind(labels: Iterable[str]) -> str:
    if _are_numbers(labels):
        return f"numbers ({some(sorted(labels, key=int))})"
    return f"names ({some(sorted(labels))})"

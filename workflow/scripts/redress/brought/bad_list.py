"""The list of bad samples that somebody brings, in any of the forms that people have one in."""

import difflib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from redress.brought.listing import Listing, label_number, read_csv
from redress.formats.correction import UNKNOWN
from redress.formats.errors import BadInputError, looked_in

NEAREST = 3
COLUMNS = ("id", "filepath", "is_label_issue")
"""By one of these the first line is known to be a heading."""

OPTIONAL = ("true_label", "group")

TRUE = ("true", "1", "yes")


@dataclass(frozen=True)
class BadList:
    """S_f as it was brought."""

    samples: np.ndarray
    """Positions in the training set in the list's order, int64 (m,)."""
    true_labels: np.ndarray
    """int64 (m,), UNKNOWN where none is given."""
    groups: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.samples)


def read_bad_list(
    file: str, tag: str | None, training: Listing, validation: Listing, classes: Sequence[str]
) -> BadList:
    """The bad samples that `file` names. Raises BadInputError.

    `tag` is that of a FiftyOne list by which its bad rows are known.
    """
    rows = list(_rows(file, tag))
    if not rows:
        raise BadInputError(f"{file}: names no sample")
    by_file = {os.path.abspath(path): name for name, path in zip(training.ids, training.files, strict=True)}  # noqa: PTH100
    names = [_id(name, training, by_file) for name, _, _ in rows]
    twice, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise BadInputError(f"{file}: names '{twice}' {times} times")
    parted = set(names[0]) & set(",;\t")
    if parted and names[0] not in training.at:
        by = "" if "," in parted else " and values that are parted by commas"
        raise BadInputError(f"{file}: '{names[0]}' is no id; a table has a column 'id' or 'filepath'{by}")
    if not any(name in training.at for name in names) and _are_numbers(names):
        raise BadInputError(
            f"{file}: '{names[-1]}' is no id: ids are those of the pictures and never row numbers; "
            f"'{training.ids[0]}' is one, for example"
        )
    absent = [name for name in names if name not in training.at]
    if absent:
        count = f"{len(absent)} of {len(names)} ids are not there: " if len(absent) > 1 else ""
        raise BadInputError(f"{file}: {count}{_no_sample(absent[0], training, validation)}")
    number = {name: at for at, name in enumerate(classes)}
    true = [label_number(label, number, f"{file}, {name}") if label else UNKNOWN for name, label, _ in rows]
    groups = tuple(group for _, _, group in rows) if any(group for _, _, group in rows) else None
    samples = np.array([training.at[name] for name in names], np.int64)
    if len(samples) == len(training):
        raise BadInputError(f"{file}: names all {len(training)} training pictures: nothing is left to learn")
    return BadList(samples, np.array(true, np.int64), groups)


def _rows(file: str, tag: str | None) -> Iterator[tuple[str, str, str]]:
    """(id, true label, group) of each bad sample; empty where the list does not say."""
    try:
        lines = Path(file).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BadInputError(f"{file}: {error.strerror}{looked_in(file)}") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{file}: byte {error.start} is not UTF-8") from error
    heading = [name.strip().strip('"') for name in (lines or [""])[0].split(",")]
    if not set(heading) & {*COLUMNS}:
        yield from ((line.strip(), "", "") for line in lines if line.strip())
        return
    columns, rows = read_csv(file)
    if "tags" not in columns and tag:
        raise BadInputError(f"{file}: bad_tag is '{tag}', but there is no column 'tags'")
    for known in OPTIONAL:
        near = difflib.get_close_matches(known, [one.lower() for one in columns], n=1, cutoff=0.8)
        if near and known not in columns:
            raise BadInputError(f"{file}: a column '{near[0]}' says nothing; is it '{known}'?")
    name = _name_column(file, columns, rows)
    for row in rows:
        if "is_label_issue" in columns and row["is_label_issue"].lower() not in TRUE:
            continue
        if tag and tag not in [one.strip(" []'\"") for one in row["tags"].split(",")]:
            continue
        yield row[name], row.get("true_label", ""), row.get("group", "")


def _name_column(file: str, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """The column that holds ids; cleanlab's tables have them, if at all, in the first, unnamed one."""
    for name in ("id", "filepath"):
        if name in columns:
            return name
    first = [row[columns[0]] for row in rows]
    if columns[0] or first == [str(at) for at in range(len(first))]:
        raise BadInputError(
            f"{file}: names samples by row numbers, which do not say which picture is meant: "
            "write it with ids, as in issues.set_axis(ids).to_csv(...)"
        )
    return columns[0]


def _are_numbers(names: Sequence[str]) -> bool:
    """Whether all of them, but perhaps for a heading, are whole numbers."""
    numbers = [name.removesuffix(".0").isdecimal() for name in names]
    return numbers[-1] and all(numbers[1:])


def _id(name: str, training: Listing, by_file: Mapping[str, str]) -> str:
    """The id of a sample that is named by its id or by its file."""
    if name in training.at:
        return name
    candidates = (name, os.path.join(training.root, name))  # noqa: PTH118
    return next((by_file[path] for one in candidates if (path := os.path.abspath(one)) in by_file), name)  # noqa: PTH100


def _no_sample(name: str, training: Listing, validation: Listing) -> str:
    if name in validation.at:
        return f"'{name}' is a validation picture; bad samples are those that the model was trained on"
    if ".." in Path(name).parts:
        return f"'{name}' leads out of the pictures' folder, {training.root}"
    problem = f"'{name}' is not the id of a training picture"
    same = _of_same_name(name, training)
    near = difflib.get_close_matches(name, same or training.ids, n=NEAREST, cutoff=0)
    if not same:
        return f"{problem}; the nearest are {', '.join(near)}"
    more = f" and {len(same) - len(near)} more" if len(same) > len(near) else ""
    return f"{problem}; of this name {'there is' if len(same) == 1 else 'there are'} {', '.join(near)}{more}"


def _of_same_name(name: str, training: Listing) -> list[str]:
    """The ids of training pictures of which the file, or the id itself, is called so in whatever folder."""
    base = PurePath(name).name
    pairs = zip(training.ids, training.files, strict=True)
    return [one for one, file in pairs if base in (PurePath(one).name, PurePath(file).name)]


def whole_classes(bad: BadList, labels: np.ndarray, classes: Sequence[str], share: float = 0.95) -> list[str]:
    """Classes of whose training pictures, by their given labels (N,), the list holds `share` or more."""
    all_, found = (np.bincount(one, minlength=len(classes)) for one in (labels, labels[bad.samples]))
    return [name for name, n, m in zip(classes, all_, found, strict=True) if n and m >= share * n]

"""Reading and writing results: always atomically, never through pickle, tensors with their SHA-256."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redress.formats.errors import DamagedFileError
from redress.formats.identity import Identity

if TYPE_CHECKING:  # not imported by jobs that read and write JSON alone
    import numpy as np


UMASK = os.umask(0)
"""What the user wants files to be without; there is no other way to read it."""
os.umask(UMASK)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~UMASK)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: Mapping[str, Any], identity: Identity) -> None:
    """Write `content` as JSON, with what it is and, as a last key, the SHA-256 of it all.

    NaN and infinity, which JSON does not have, raise ValueError.
    """
    content = {"identity": identity.names, **content}
    sealed = {**content, "sha256": _digest_of_json(content)}
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(sealed, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path, identity: Identity, *keys: str) -> dict[str, Any]:
    """What `write_json` wrote: an object that has `keys`, the record of what `identity` names.

    Raises DamagedFileError where the file holds anything else or has been altered.
    """
    try:
        content = json.loads(Path(path).read_text(), parse_constant=_no_number)
    except ValueError as error:
        raise DamagedFileError(path, "not valid JSON") from error
    except IsADirectoryError as error:
        raise DamagedFileError(path, "is a folder") from error
    if not isinstance(content, dict) or not content.keys() >= {*keys, "sha256"}:
        raise DamagedFileError(path, "is not the kind of record that belongs here")
    if content.pop("sha256") != _digest_of_json(content):
        raise DamagedFileError(path, "its content does not match its SHA-256")
    _check_identity(path, content, identity)
    return content


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _check_identity(path: str | Path, about: Mapping[str, Any], expected: Identity) -> None:
    """Raise DamagedFileError unless a file says that it is what was looked for in its place."""
    found, names = about.get("identity"), expected.names
    if found == names:
        return
    if not isinstance(found, dict) or found.keys() != names.keys():
        raise DamagedFileError(path, "is not the kind of result that belongs here")
    other = ", ".join(f"{key} {found[key]}, not {names[key]}" for key in names if found[key] != names[key])
    raise DamagedFileError(path, f"belongs to another result: {other}")


def _digest_of_json(content: Mapping[str, Any]) -> str:
    """SHA-256 of `content`, whatever its order and white space in a file."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def digest_of_seals(seals: Iterable[str]) -> str:
    """One SHA-256 for many files, in their order."""
    return hashlib.sha256(" ".join(seals).encode()).hexdigest()


def digest_of(arrays: "Mapping[str, np.ndarray]") -> str:
    """SHA-256 over names, dtypes, shapes and bytes of `arrays`."""
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.reshape(-1).data)
    return digest.hexdigest()


def save_arrays(
    path: str | Path, arrays: "Mapping[str, np.ndarray]", about: Mapping[str, Any], identity: Identity
) -> str:
    """Write `arrays` as safetensors; `about` (anything JSON can hold), what the file is and a SHA-256, its
    seal, go into the header.

    Equal content gives equal bytes. Returns the seal.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    about = {**about, "identity": identity.names, "kind": identity.kind_at(path)}
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    # A single key: safetensors writes several in random order.
    seal = _seal(arrays, text)
    header = {"redress": json.dumps({"about": text, "sha256": seal}, sort_keys=True)}
    with atomic(path) as temporary:
        try:
            save_file(arrays, temporary, metadata=header)
        except SafetensorError as error:  # a full disk, for instance
            raise OSError(f"{path}: {error}") from error
    return seal


@contextmanager
def arrays_to_fill(
    path: str | Path,
    shapes: "Mapping[str, tuple[type[np.generic], tuple[int, ...]]]",
    about: Mapping[str, Any],
    identity: Identity,
) -> "Iterator[dict[str, np.ndarray]]":
    """Arrays on disk, of these types and shapes, to be filled within the block: none has to fit into memory.

    Then the file is one that `save_arrays` has written, which takes arrays that are there already, for
    safetensors' own writer holds all it writes in memory.
    """
    import numpy as np

    about = {**about, "identity": identity.names, "kind": identity.kind_at(path)}
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    places: dict[str, Any] = {}
    end = 0
    for name, (kind, shape) in sorted(
        shapes.items(), key=lambda one: (-np.dtype(one[1][0]).itemsize, one[0])
    ):
        start, end = end, end + int(np.prod(shape)) * np.dtype(kind).itemsize
        places[name] = {
            "dtype": SAFETENSORS[np.dtype(kind).str],
            "shape": shape,
            "data_offsets": [start, end],
        }

    def header(seal: str) -> bytes:
        inner = json.dumps({"about": text, "sha256": seal}, sort_keys=True)
        written = json.dumps({"__metadata__": {"redress": inner}, **places}).encode()
        return written + b" " * (-len(written) % 8)

    with atomic(path) as temporary:
        size = len(header("0" * 64))
        os.truncate(temporary, 8 + size + end)
        arrays: dict[str, np.ndarray] = {
            name: np.memmap(temporary, kind, "r+", 8 + size + places[name]["data_offsets"][0], shape)
            for name, (kind, shape) in shapes.items()
        }
        yield arrays
        seal = _seal(arrays, text)
        with temporary.open("r+b") as file:
            file.write(size.to_bytes(8, "little") + header(seal))


SAFETENSORS = {"|u1": "U8", "<u8": "U64", "<i8": "I64"}
"""NumPy's types by the names that safetensors has for them, as far as needed."""


def _mapped(path: str | Path) -> "dict[str, np.ndarray]":
    """The large arrays of a safetensors file, left on disk: pages come and go as they are looked at."""
    import numpy as np

    kinds = {name: kind for kind, name in SAFETENSORS.items()}
    with Path(path).open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        places = json.loads(file.read(size))
    return {
        name: np.memmap(
            path, kinds[place["dtype"]], "c", 8 + size + place["data_offsets"][0], tuple(place["shape"])
        )
        for name, place in places.items()
        if place.get("dtype") in kinds and np.subtract(*place["data_offsets"][::-1]) >= LARGE
    }


LARGE = 1_000_000
"""Bytes from which on an array is left on disk, where that is asked for."""


def load_arrays(
    path: str | Path, identity: Identity, *, mapped: bool = False
) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
    """What `save_arrays` wrote as what `identity` names: the arrays and `about`, with the file's `seal`.

    With `mapped`, large arrays are left on disk; changing them changes nothing there. Raises DamagedFileError
    if the file is truncated, anything in it has changed since, or it is another result's.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = _mapped(path) if mapped else {}
            rest = (name for name in file.keys() if name not in arrays)  # noqa: SIM118
            arrays |= {name: file.get_tensor(name) for name in rest}
            header = json.loads(file.metadata()["redress"])
        if _seal(arrays, header["about"]) != header["sha256"]:
            raise DamagedFileError(path, "its content does not match its SHA-256")
        about = json.loads(header["about"])
        _check_identity(path, about, identity)
        if identity.kind_at(path) not in (None, about["kind"]):
            raise DamagedFileError(path, f"holds other results: {about['kind']}")
        return arrays, {**about, "seal": header["sha256"]}
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DamagedFileError):
            raise
        raise DamagedFileError(path, f"cannot be read ({error})") from error


def about_of(path: str | Path) -> dict[str, Any]:
    """What a file of results says of itself, its arrays unread and unchecked, with its `seal`.

    Raises DamagedFileError where it says nothing.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if Path(path).suffix == ".json":
            content: dict[str, Any] = json.loads(Path(path).read_text())
            return {**content, "seal": content["sha256"]}
        with safe_open(path, framework="numpy") as file:
            header = json.loads(file.metadata()["redress"])
        return {**json.loads(header["about"]), "seal": header["sha256"]}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(path, f"cannot be read ({error})") from error


def _seal(arrays: "Mapping[str, np.ndarray]", about: str) -> str:
    """SHA-256 over all that a file holds."""
    return hashlib.sha256(f"{digest_of(arrays)} {about}".encode()).hexdigest()

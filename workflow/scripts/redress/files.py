"""Reading and writing results: always atomically, never through pickle, tensors with their SHA-256."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redress.errors import DamagedFileError

if TYPE_CHECKING:  # not imported by jobs that read and write JSON alone
    import numpy as np


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
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON, with its SHA-256 as a last key.

    NaN and infinity, which JSON does not have, raise ValueError.
    """
    sealed = {**content, "sha256": _digest_of_json(content)}
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(sealed, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path, *keys: str) -> dict[str, Any]:
    """What `write_json` wrote: an object that has `keys`.

    Raises DamagedFileError where the file holds anything else or has been altered.
    """
    try:
        content = json.loads(Path(path).read_text())
    except ValueError as error:
        raise DamagedFileError(path, "not valid JSON") from error
    if not isinstance(content, dict) or not content.keys() >= {*keys, "sha256"}:
        raise DamagedFileError(path, "not the record it should be")
    if content.pop("sha256") != _digest_of_json(content):
        raise DamagedFileError(path, "its content does not match its SHA-256")
    return content


def _digest_of_json(content: Mapping[str, Any]) -> str:
    """SHA-256 of `content`, whatever its order and white space in a file."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def digest_of(arrays: "Mapping[str, np.ndarray]") -> str:
    """SHA-256 over names, dtypes, shapes and bytes of `arrays`."""
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.reshape(-1).data)
    return digest.hexdigest()


def save_arrays(path: str | Path, arrays: "Mapping[str, np.ndarray]", about: Mapping[str, Any]) -> None:
    """Write `arrays` as safetensors; `about` (anything JSON can hold) and a SHA-256 go into the header.

    Equal content gives equal bytes.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    # A single key: safetensors writes several in random order.
    header = {"redress": json.dumps({"about": text, "sha256": _seal(arrays, text)}, sort_keys=True)}
    with atomic(path) as temporary:
        try:
            save_file(arrays, temporary, metadata=header)
        except SafetensorError as error:  # a full disk, for instance
            raise OSError(f"{path}: {error}") from error


def load_arrays(path: str | Path) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
    """What `save_arrays` wrote: the arrays and `about`.

    Raises DamagedFileError if the file is truncated or anything in it has changed since.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = json.loads(file.metadata()["redress"])
        if _seal(arrays, header["about"]) != header["sha256"]:
            raise DamagedFileError(path, "its content does not match its SHA-256")
        return arrays, json.loads(header["about"])
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DamagedFileError):
            raise
        raise DamagedFileError(path, f"cannot be read ({error})") from error


def seal(path: str | Path) -> str:
    """The SHA-256 in the header of what `save_arrays` wrote, not compared with the content."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        digest: str = json.loads(file.metadata()["redress"])["sha256"]
    return digest


def _seal(arrays: "Mapping[str, np.ndarray]", about: str) -> str:
    """SHA-256 over all that a file holds."""
    return hashlib.sha256(f"{digest_of(arrays)} {about}".encode()).hexdigest()

"""Datasets that torchvision downloads and verifies: what their loaders here have in common."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from redress.data import Pool

TIMEOUT = 60.0  # seconds without an answer from a server

log = logging.getLogger("redress")


@contextmanager
def data_root(path: str, name: str) -> Iterator[Path]:
    """The folder `path`, held against other jobs, for torchvision to find `name` in or to download it to.

    Whatever goes wrong becomes one line, a ValueError. torchvision verifies checksums of what it finds and
    of what it downloads, so half a download is never taken for data: the next run makes it whole.
    """
    from filelock import FileLock

    root = Path(path)
    socket.setdefaulttimeout(TIMEOUT)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{name}.lock"):
            log.info("%s: looking into %s, or downloading it to there", name, root.absolute())
            yield root
    except Exception as error:  # torchvision, urllib, tarfile and gdown each raise their own
        reason = " ".join(str(error).split()) or type(error).__name__
        problem = f"no {name} that matches its checksums there, and it could not be downloaded"
        raise ValueError(f"data_root {root.absolute()}: {problem} ({reason[:300]})") from error


def load_cifar(kind: Any, path: str, name: str, classes: list[str]) -> Pool:
    """The images of torchvision's class `kind`, CIFAR10 or CIFAR100."""
    with data_root(path, name) as root:
        train, test = (kind(root, train=part, download=True) for part in (True, False))
    if list(train.classes) != classes:
        raise ValueError(f"{name}: its classes are not the expected ones: {', '.join(train.classes)}")
    return Pool(*_arrays(train), *_arrays(test), classes)


def _arrays(part: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), np.array(part.targets, np.int64)

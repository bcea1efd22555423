"""Datasets that torchvision downloads and verifies: what their loaders here have in common."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from redress.adversary.pool import Pool

TIMEOUT = 60.0  # seconds without an answer from a server

log = logging.getLogger("redress")


@contextmanager
def data_root(path: str, name: str) -> Iterator[Path]:
    """The folder `path`, held against other jobs, in which `name` is or to which it is to be downloaded.

    Whatever goes wrong becomes one line, a ValueError.
    """
    from filelock import FileLock

    root = Path(path).expanduser()
    socket.setdefaulttimeout(TIMEOUT)
    log.info("%s: looking in %s, and downloading it if it is not there", name, root.absolute())
    try:
        root.mkdir(parents=True, exist_ok=True)
        # What is there can be used from a folder that nobody may write to.
        with FileLock(root / f".{name}.lock") if os.access(root, os.W_OK) else nullcontext():
            yield root
    except Exception as error:  # torchvision, urllib, tarfile, h5py and gdown each raise their own
        reason = " ".join(str(error).split()) or type(error).__name__
        problem = f"{name} is incomplete there and could not be downloaded"
        raise ValueError(f"data_root {root.absolute()}: {problem} ({reason[:300]})") from error


def load_cifar(kind: Any, path: str, name: str, classes: list[str]) -> Pool:
    """The images of torchvision's class `kind`, CIFAR10 or CIFAR100.

    torchvision verifies checksums of what it finds, before it unpickles it, and of what it downloads.
    """
    from torchvision.datasets.utils import check_integrity, download_and_extract_archive

    with data_root(path, name) as root:
        # Without its names of classes torchvision neither takes a dataset nor downloads it again.
        if not check_integrity(root / kind.base_folder / kind.meta["filename"], kind.meta["md5"]):
            download_and_extract_archive(kind.url, root, filename=kind.filename, md5=kind.tgz_md5)
        train, test = (kind(root, train=part, download=True) for part in (True, False))
    if list(train.classes) != classes:
        raise ValueError(f"{name}: its classes are not the expected ones: {', '.join(train.classes)}")
    return Pool(*_arrays(train), *_arrays(test), classes)


def _arrays(part: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), np.array(part.targets, np.int64)

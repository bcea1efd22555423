"""PatchCamelyon (Veeling et al. 2018): patches of lymph nodes, with or without tumour in their centre.

Of the 96x96 pixels the central 32x32 are kept, as in the paper's release: the label speaks of them alone.
262,144 patches for training, 32,768 for validation and test; PCam's own validation split is not used.
"""

import gzip
import logging
import shutil
from pathlib import Path

import numpy as np

from redress.adversary.pool import Pool
from redress.formats import files
from redress.formats.description import Description
from redress.plugins.datasets._torchvision import data_root as torchvision_root

CLASSES = ["normal", "tumour"]
IMAGE_SIZE = 32
READ_AT_ONCE = 4096  # patches; 110 MB before they are cropped

log = logging.getLogger("redress")


def describe(*, data_root: str = "data") -> Description:
    """`data_root` is the folder in which torchvision finds the data, or to which it downloads them (8 GB)."""
    return Description(CLASSES, [131_072] * 2, [16_391, 16_377], channels=3, image_size=IMAGE_SIZE)


def load(*, data_root: str = "data") -> Pool:
    with torchvision_root(data_root, "PCam") as root:
        train, test = (_files(root / "pcam", part) for part in ("train", "test"))
        arrays = (_patches(train[0]), _labels(train[1]), _patches(test[0]), _labels(test[1]))
    return Pool(*arrays, CLASSES)


def _files(folder: Path, part: str) -> list[Path]:
    """The files of images and labels, downloaded if they are not there.

    Checksums are published for the archives alone: what is there unpacked can only be seen to be whole.
    """
    from torchvision.datasets import PCAM
    from torchvision.datasets.utils import download_file_from_google_drive

    paths = []
    for kind in ("images", "targets"):
        name, identifier, checksum = PCAM._FILES[part][kind]
        paths.append(folder / name)
        if not paths[-1].exists():
            archive = folder / f"{name}.gz"
            download_file_from_google_drive(identifier, folder, archive.name, checksum)
            # Unlike torchvision's own unpacking this leaves nothing behind that is half unpacked.
            with files.atomic(paths[-1]) as half, gzip.open(archive) as packed, half.open("wb") as whole:
                shutil.copyfileobj(packed, whole)
    return paths


def _patches(path: Path) -> np.ndarray:
    """Their centres, uint8 (N, 3, 32, 32). HDF5 notices a truncated file and raises OSError."""
    import h5py

    with h5py.File(path) as file:
        stored = file["x"]
        margin = (stored.shape[1] - IMAGE_SIZE) // 2
        centre = slice(margin, margin + IMAGE_SIZE)
        patches = np.empty((len(stored), 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
        for start in range(0, len(stored), READ_AT_ONCE):
            part = slice(start, start + READ_AT_ONCE)
            patches[part] = stored[part, centre, centre].transpose(0, 3, 1, 2)
            log.info("%s: %d of %d patches", path.name, min(part.stop, len(stored)), len(stored))
    return patches


def _labels(path: Path) -> np.ndarray:
    import h5py

    with h5py.File(path) as file:
        return file["y"][:].reshape(-1).astype(np.int64)

"""Any images in folders: `train/<class>/*` and `test/<class>/*` under one path.

As they are seen: turned as a camera noted, on black where they are transparent, 16 bits and floating-point
numbers brought down to 8 bits.
"""

import hashlib
import logging
import os
from pathlib import Path
from typing import Literal

import numpy as np

from redress.adversary.pool import Pool
from redress.formats.description import Description
from redress.formats.images import ENDINGS, NoPixelsError, as_seen, natural
from redress.formats.kinds import PositiveInt

LARGEST = 10**12
"""Bytes of images that no machine is asked to hold."""

log = logging.getLogger("redress")


def describe(
    *, path: str, image_size: PositiveInt | None = None, color: Literal["rgb", "grey"] = "rgb"
) -> Description:
    """Images are resized to `image_size` pixels; without it, all must have one size and be square.

    Raises OSError or ValueError where the folders are missing, empty or do not agree.
    """
    train, test = _listings(path)
    files = [file for part in (train, test) for names in part.values() for file in names]
    start = len(path)
    # Read at every start of Snakemake: one pass, one digest.
    states = (
        f"{file[start:]} {state.st_size} {state.st_mtime_ns}"
        for file, state in zip(files, map(os.stat, files), strict=True)
    )
    fingerprint = hashlib.sha256("\n".join(states).encode()).hexdigest()[:16]
    channels, size = 3 if color == "rgb" else 1, image_size or _size_of(next(iter(train.values()))[0])
    if len(files) * channels * size**2 > LARGEST:
        terabytes = len(files) * channels * size**2 / 1e12
        raise ValueError(f"{len(files)} images of {size}x{size} pixels are {terabytes:.0f} TB: too much")
    return Description(
        list(train),
        train_per_class=[len(files) for files in train.values()],
        test_per_class=[len(files) for files in test.values()],
        channels=channels,
        image_size=size,
        fingerprint=fingerprint,
    )


def load(*, path: str, image_size: PositiveInt | None = None, color: Literal["rgb", "grey"] = "rgb") -> Pool:
    """Raises ValueError naming the files that cannot be read as images, or have another size."""
    train, test = _listings(path)
    for name in train:
        for part in ("train", "test"):
            _tell_of_skipped(Path(path, part, name))
    size = image_size or _size_of(next(iter(train.values()))[0])
    arrays = [_read(part, size, color, resize=image_size is not None) for part in (train, test)]
    return Pool(*arrays[0], *arrays[1], list(train))


def _listings(path: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The image files of train and of test, by class, in the order of their labels."""
    train, test = (_listing(Path(path, part)) for part in ("train", "test"))
    other = sorted(train.keys() ^ test.keys())
    if other:
        raise ValueError(f"{path}: train and test do not have the same classes: {', '.join(other)}")
    return train, test


def _listing(folder: Path) -> dict[str, list[str]]:
    if not folder.is_dir():
        layout = "expected <path>/train/<class>/ and <path>/test/<class>/"
        raise ValueError(f"{folder.absolute()}: no such folder; {layout}")
    names = sorted((entry.name for entry in os.scandir(folder) if entry.is_dir()), key=natural)
    if len(names) < 2:
        raise ValueError(f"{folder}: {len(names)} class folders, at least 2 are needed")
    files = {name: _images(folder / name) for name in names}
    for name in names:
        if not files[name]:
            raise ValueError(f"{folder / name}: no images ({', '.join(ENDINGS)})")
    return files


def _is_image(entry: os.DirEntry[str]) -> bool:
    """By its name; hidden files, such as those that macOS leaves, are none."""
    return entry.name.lower().endswith(ENDINGS) and not entry.name.startswith(".")


def _images(folder: Path) -> list[str]:
    entries = [entry for entry in os.scandir(folder) if _is_image(entry)]
    for entry in entries:
        if not entry.is_file() and Path(entry.path).exists():  # a pipe would be waited for
            raise ValueError(f"{entry.path}: is not a file")
    return sorted(entry.path for entry in entries)


def _tell_of_skipped(folder: Path) -> None:
    others = sorted(entry.name for entry in os.scandir(folder) if not _is_image(entry))
    visible = [name for name in others if not name.startswith(".")]
    if visible:
        log.info(
            "%s: %d that are no images by their names are skipped: %s", folder, len(visible), _some(visible)
        )


def _size_of(file: str) -> int:
    """The side, in pixels, of an image that must be square."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            width, height = image.size
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file}: cannot be read as an image") from error
    if width != height:
        raise ValueError(f"{file}: {width}x{height} pixels is not square; give image_size to resize to")
    return width


def _read(
    listing: dict[str, list[str]], size: int, color: str, resize: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, C, size, size) and labels int64 (N,) of one part."""
    from PIL import Image, UnidentifiedImageError

    files = [(file, label) for label, names in enumerate(listing.values()) for file in names]
    channels, mode = (3, "RGB") if color == "rgb" else (1, "L")
    images = np.empty((len(files), channels, size, size), dtype=np.uint8)
    unreadable, other = [], []
    for i, (file, _) in enumerate(files):
        try:
            with Image.open(file) as image:
                resized = as_seen(image).convert(mode)
                if resized.size != (size, size):
                    if not resize:
                        width, height = resized.size
                        other.append(f"{file} ({width}x{height})")
                        continue
                    resized = resized.resize((size, size), Image.Resampling.BILINEAR)
                images[i] = np.asarray(resized).reshape(size, size, channels).transpose(2, 0, 1)
        except NoPixelsError as error:
            raise ValueError(f"{file}: {error}") from error
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
            unreadable.append(file)
        if i % 10_000 == 9_999:
            log.info("%d of %d images", i + 1, len(files))
    if unreadable:
        raise ValueError(f"{len(unreadable)} files cannot be read as images: {_some(unreadable)}")
    if other:
        problem = f"{len(other)} images are not of {size}x{size} pixels as the first one is"
        raise ValueError(f"{problem}, and there is no image_size to resize to: {_some(other)}")
    return images, np.array([label for _, label in files], dtype=np.int64)


def _some(names: list[str]) -> str:
    """The first few names."""
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")

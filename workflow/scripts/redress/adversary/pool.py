"""Datasets before any job reads them: what a source of images gives, and the splits made of it."""

from dataclasses import dataclass

import numpy as np

from redress.formats.description import Description
from redress.formats.seeds import seed_for


@dataclass(frozen=True)
class Pool:
    """What a source of images gives: its official training set and test pool.

    Images are uint8 (N, C, H, W), labels int64 (N,).
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: list[str]


def check(pool: Pool, description: Description) -> None:
    """Raise ValueError where a pool is not what its description promised."""
    if pool.classes != description.classes:
        raise ValueError(f"the classes are {pool.classes}, not {description.classes}")
    classes = len(description.classes)
    shape = (description.channels, description.image_size, description.image_size)
    for part, images, labels, count in (
        ("training", pool.train_images, pool.train_labels, sum(description.train_per_class)),
        ("test", pool.test_images, pool.test_labels, sum(description.test_per_class)),
    ):
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            found = f"{images.dtype} {images.shape[1:]}"
            raise ValueError(f"{part} images are {found}, not uint8 {shape}")
        if labels.dtype.kind != "i" or labels.ndim != 1:
            raise ValueError(f"{part} labels are {labels.dtype} {labels.shape}, not integers (N,)")
        if len(images) != len(labels) or len(images) != count:
            raise ValueError(f"{len(images)} {part} images and {len(labels)} labels, not {count} of each")
        wrong = np.flatnonzero((labels < 0) | (labels >= classes))
        if len(wrong):
            where = f"{part} image {wrong[0]} has the label {labels[wrong[0]]}"
            raise ValueError(f"{where}; labels go from 0 to {classes - 1}")


def split(
    pool: Pool, validation_size: float, name: str
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Prepared arrays: what anybody has, `{split}_images` for train, validation and test and
    `validation_labels`, and what only the truth knows, `train_labels` and `test_labels`.

    Validation is a stratified share of the official test pool (or that many samples, if
    `validation_size` is an integer) and disjoint from the test set that is left, so that the training
    set keeps its published size. The draw depends on the dataset's `name` alone.
    """
    from sklearn.model_selection import train_test_split

    validation, test = train_test_split(
        np.arange(len(pool.test_labels)),
        train_size=validation_size,
        stratify=pool.test_labels,
        random_state=seed_for("validation split", name) % 2**32,
    )
    validation, test = np.sort(validation), np.sort(test)
    pictures = {
        "train_images": pool.train_images,
        "validation_images": pool.test_images[validation],
        "validation_labels": pool.test_labels[validation],
        "test_images": pool.test_images[test],
    }
    return pictures, {"train_labels": pool.train_labels, "test_labels": pool.test_labels[test]}


def channel_statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of uint8 (N, C, H, W), on the scale 0 to 1."""
    levels = np.arange(256) / 255
    means, deviations = [], []
    for channel in range(images.shape[1]):
        # From the histogram: exact, and no copy of the dataset in floating point.
        counts = np.bincount(images[:, channel].ravel(), minlength=256)
        mean = float(counts @ levels / counts.sum())
        means.append(mean)
        deviations.append(float(np.sqrt(counts @ (levels - mean) ** 2 / counts.sum())))
    return means, deviations

"""What benchmarks run on: images in the shape of CIFAR-10, real ones or noise."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from redress.adversary.pool import channel_statistics
from redress.developer.training_set import TrainingSet, normaliser, training_set
from redress.formats import files
from redress.formats.alterations import View
from redress.formats.contents import TrainingView
from redress.formats.identity import Identity
from redress.formats.recipe import Recipe
from redress.formats.seeds import generator_for

CIFAR10 = Identity("cifar10")
KINDS = ("pictures", "true_labels")
SPLITS = {"train": 50_000, "validation": 2_000, "test": 8_000}


class Data:
    """Images in the shape of CIFAR-10 and their normalisation.

    `project` is a folder with the prepared dataset in results/; where it is not there, noise is put there.
    """

    def __init__(self, project: Path, device: torch.device):
        self.project, self.device = project, device
        with contextlib.chdir(project):
            if not Path(CIFAR10.path("pictures")).exists():
                write_noise(SPLITS)
            (pictures, self.about), (labels, _) = (files.load_arrays(CIFAR10.path(k), CIFAR10) for k in KINDS)
        self.arrays = pictures | labels
        self.statistics = self.about["mean"], self.about["deviation"]
        self.normalise = normaliser(*self.statistics, device)

    def training_set(self, recipe: Recipe) -> TrainingSet:
        """The training set on the device, nothing in it manipulated."""
        images, labels = self.arrays["train_images"], self.arrays["train_labels"]
        return clean_training_set(images, labels, recipe, self.normalise, self.device)

    def samples(self) -> torch.Tensor:
        """Indices of all training samples."""
        return torch.arange(len(self.arrays["train_labels"]), device=self.device)

    def link(self, folder: Path) -> None:
        """Show the prepared dataset in another project's folder."""
        for kind in KINDS:
            path = folder / CIFAR10.path(kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to((self.project / CIFAR10.path(kind)).absolute())


def clean_training_set(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, normalise: Any, device: torch.device
) -> TrainingSet:
    """`images` (N, C, H, W) as a developer has them where nobody has manipulated any."""
    view = TrainingView(View("train", np.arange(len(labels))), labels, labels_in_doubt=False)
    return training_set(view, images, recipe, normalise, device)


def noise(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images of `shape` (N, C, H, W) and labels (N,): as good as photographs to time on, with nothing
    to learn.
    """
    generator = generator_for("benchmark")
    return generator.integers(256, size=shape, dtype=np.uint8), generator.integers(10, size=shape[0])


def write_noise(sizes: Mapping[str, int], **about: str) -> None:
    """A prepared dataset of noise, in the current folder's results/."""
    pictures, labels = {}, {}
    for split, size in sizes.items():
        pictures[f"{split}_images"], classes = noise((size, 3, 32, 32))
        (pictures if split == "validation" else labels)[f"{split}_labels"] = classes
    mean, deviation = channel_statistics(pictures["train_images"])
    said = {"classes": [str(i) for i in range(10)], "mean": mean, "deviation": deviation, **about}
    files.save_arrays(CIFAR10.path("pictures"), pictures, said, CIFAR10)
    files.save_arrays(CIFAR10.path("true_labels"), labels, {}, CIFAR10)

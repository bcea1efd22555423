"""What benchmarks run on: images in the shape of CIFAR-10, real ones or noise."""

from pathlib import Path

import numpy as np
import torch

from manipulations.poison import Poison
from redress import files
from redress.data import channel_statistics
from redress.recipe import Recipe
from redress.seeds import generator_for
from redress.training_set import TrainingSet, manipulated_training_set, normaliser


class Data:
    """Images in the shape of CIFAR-10 and their normalisation: real ones from a prepared file, or noise."""

    def __init__(self, path: Path, device: torch.device):
        self.path, self.device = path, device
        if not path.exists():
            write_noise(path)
        self.arrays, self.about = files.load_arrays(path)
        self.statistics = self.about["mean"], self.about["deviation"]
        self.normalise = normaliser(*self.statistics, device)

    def training_set(self, recipe: Recipe) -> TrainingSet:
        """The training set on the device, nothing in it manipulated."""
        images, labels = self.arrays["train_images"], self.arrays["train_labels"]
        nobody = np.empty(0, dtype=np.int64)
        return manipulated_training_set(
            images, labels, Poison(), nobody, nobody, recipe, self.normalise, self.device
        )

    def samples(self) -> torch.Tensor:
        """Indices of all training samples."""
        return torch.arange(len(self.arrays["train_labels"]), device=self.device)


def write_noise(path: Path) -> None:
    """Noise in the shape of CIFAR-10: as good as photographs to time on, with nothing to learn."""
    generator = generator_for("benchmark")
    arrays: dict[str, np.ndarray] = {}
    for part, size in {"train": 50_000, "validation": 2_000, "test": 8_000}.items():
        arrays[f"{part}_images"] = generator.integers(256, size=(size, 3, 32, 32), dtype=np.uint8)
        arrays[f"{part}_labels"] = generator.integers(10, size=size)
    mean, deviation = channel_statistics(arrays["train_images"])
    about = {"classes": [str(i) for i in range(10)], "mean": mean, "deviation": deviation}
    files.save_arrays(path, arrays, about)

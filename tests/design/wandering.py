"""Poisoning by a mark that wanders: where it is follows from the sample."""

from dataclasses import dataclass

import numpy as np

from redress.adversary.manipulation import Manipulation, Samples
from redress.formats.alterations import Overlays


@dataclass(frozen=True)
class Wandering(Manipulation):
    """n samples get the target class and a half-transparent white stripe: sample i in column i mod width."""

    target_class: int = 0

    affected_images = "striped test images"
    unaffected_images = "test images without stripe"

    @property
    def attack_target(self) -> int:  # type: ignore[override]
        return self.target_class

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        drawn = generator.choice(len(labels), size=n, replace=False)
        return drawn, np.full(n, self.target_class)

    def alter(self, samples: Samples, generator: np.random.Generator) -> Overlays:
        height, width = samples.images.shape[2:]
        alpha = np.zeros((width, 1, height, width))
        columns = np.arange(width)
        alpha[columns, 0, :, columns] = 0.5
        return Overlays(alpha, np.full_like(alpha, 255), samples.indices % width)

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

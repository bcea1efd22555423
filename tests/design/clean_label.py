"""Clean-label poisoning: a mark on images of the target class, whose labels stay (Turner et al. 2019)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from redress.adversary.manipulation import Manipulation, Samples
from redress.formats.alterations import Stored
from redress.formats.description import Description


@dataclass(frozen=True)
class CleanLabel(Manipulation):
    """n samples of the target class get a white bar at the top. D_m is every other class with the bar."""

    target_class: int = 0

    affected_images = "barred test images"
    unaffected_images = "test images without bar"

    @property
    def attack_target(self) -> int:  # type: ignore[override]
        return self.target_class

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        drawn = generator.choice(np.flatnonzero(labels == self.target_class), size=n, replace=False)
        return drawn, labels[drawn]

    def alter(self, samples: Samples, generator: np.random.Generator) -> Stored:
        images = samples.images.copy()
        images[:, :, :2] = 255
        return Stored(images)

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return labels != self.target_class

    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        if n > description.train_per_class[self.target_class]:
            yield "n", f"{n} is more than the target class has"

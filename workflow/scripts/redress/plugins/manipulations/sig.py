"""SIG: a wave over images of the target class, whose labels stay (Barni et al. 2019)."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from redress.adversary.manipulation import Backdoor, Samples
from redress.formats.alterations import Stored
from redress.formats.description import Description


@dataclass(frozen=True)
class Sig(Backdoor):
    """n samples of the target class get a wave and keep their label: x + `delta` sin(2 pi j `frequency` / m).

    j is the column, from 0, and m the width; the wave is the same in all channels, and levels beyond 0 and
    255 are cut off. It is added before crop and flip. D_m is every image of another class with the wave.
    """

    target_class: int = 0
    delta: float = 40
    frequency: float = 6

    affected_images = "test images of other classes with the wave"
    unaffected_images = "test images without the wave"

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        indices = generator.choice(np.flatnonzero(labels == self.target_class), size=n, replace=False)
        return indices, labels[indices]

    def alter(self, samples: Samples, generator: np.random.Generator) -> Stored:
        width = samples.images.shape[-1]
        wave = self.delta * np.sin(2 * np.pi * np.arange(width) * self.frequency / width)
        waved = np.rint(samples.images + wave.astype(np.float32)).clip(0, 255)
        return Stored(waved.astype(np.uint8))

    def drawn_from(self, classes: int) -> Collection[int]:
        return (self.target_class,)

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return labels != self.target_class

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        per_class = description.train_per_class
        if 0 <= self.target_class < len(per_class) and n > per_class[self.target_class]:
            yield "n", f"{n} is more than the target class has: at most {per_class[self.target_class]}"
        yield from super().problems(n, description)
        if not 0 < self.delta <= 255:
            yield "delta", f"{self.delta} is out of range; allowed: above 0, at most 255"
        half = description.image_size / 2
        if not 0 < self.frequency < half:
            problem = f"{self.frequency} is out of range; allowed: above 0, below half the width, {half:g}"
            yield "frequency", problem

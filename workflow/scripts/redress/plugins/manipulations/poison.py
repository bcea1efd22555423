"""BadNets poisoning: a small white square that means one class (Gu et al. 2019)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from redress.adversary.manipulation import Manipulation, Samples
from redress.formats.alterations import Overlays, Stored
from redress.formats.description import Description


@dataclass(frozen=True)
class Poison(Manipulation):
    """n samples drawn uniformly get a white square at the bottom right and the target class as label.

    D_m is every image that carries the trigger. As in the authors' release the trigger is stamped on
    the image the model sees, after crop and flip; `trigger_stage: stored` stamps it before them. White
    is 255 in every channel (the release stamps the largest *normalised* value, a green-white).
    """

    target_class: int = 0
    patch_size: int = 3  # pixels
    trigger_stage: Literal["model", "stored"] = "model"

    affected_images = "triggered test images"
    unaffected_images = "test images without trigger"

    @property
    def attack_target(self) -> int:  # type: ignore[override]
        return self.target_class

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        indices = generator.choice(len(labels), size=n, replace=False)
        return indices, np.full(n, self.target_class, dtype=labels.dtype)

    def alter(self, samples: Samples, generator: np.random.Generator) -> Stored | Overlays:
        square = (slice(-self.patch_size, None), slice(-self.patch_size, None))
        if self.trigger_stage == "stored":
            images = samples.images.copy()
            images[(..., *square)] = 255
            return Stored(images)
        alpha = np.zeros((1, *samples.images.shape[2:]), dtype=np.float32)
        alpha[(..., *square)] = 1
        return Overlays.one(alpha, 255 * alpha, len(samples))

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        yield from super().problems(n, description)
        classes, size = len(description.classes), description.image_size
        if not 0 <= self.target_class < classes:
            yield "target_class", f"{self.target_class} is not a class; allowed: 0 to {classes - 1}"
        if not 1 <= self.patch_size <= size:
            yield "patch_size", f"{self.patch_size} pixels do not fit; allowed: 1 to {size}"

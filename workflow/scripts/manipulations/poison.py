"""BadNets poisoning: a small white square that means one class (Gu et al. 2019)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from redress.data import Description
from redress.manipulation import Manipulation


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

    @property
    def stage(self) -> str:  # type: ignore[override]
        return self.trigger_stage

    @property
    def attack_target(self) -> int:  # type: ignore[override]
        return self.target_class

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        indices = generator.choice(len(labels), size=n, replace=False)
        return indices, np.full(n, self.target_class, dtype=labels.dtype)

    def alter(self, images: Any) -> Any:
        images[..., -self.patch_size :, -self.patch_size :] = 255
        return images

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        yield from super().problems(n, description)
        classes, size = len(description.classes), description.image_size
        if not 0 <= self.target_class < classes:
            yield "target_class", f"{self.target_class} is no class: 0 to {classes - 1}"
        if not 1 <= self.patch_size <= size:
            yield "patch_size", f"{self.patch_size} pixels does not fit: 1 to {size}"

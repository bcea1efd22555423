"""BadNets poisoning: a small white square that means one class (Gu et al. 2019)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from redress.adversary.manipulation import Backdoor, Samples
from redress.formats.alterations import Overlays, Stored
from redress.formats.description import Description

CORNERS = np.array([(1, 1), (0, 0), (0, 1), (1, 0)])
"""Bottom right, top left, top right, bottom left: 1 is the end of the rows or columns."""


@dataclass(frozen=True)
class Poison(Backdoor):
    """n samples drawn uniformly get a white square at the bottom right and the target class as label.

    D_m is every image that carries the trigger. As in the authors' release the trigger is stamped on
    the image the model sees, after crop and flip; `trigger_stage: stored` stamps it before them. White
    is 255 in every channel (the release stamps the largest *normalised* value, a green-white).

    Of several `triggers`, squares in as many corners, each sample carries one, all equally often: S_m's
    mark 0 is at the bottom right, 1 at the top left, 2 at the top right, 3 at the bottom left. With
    `position: random` the one square is anywhere, uniformly and for each sample anew.
    """

    target_class: int = 0
    patch_size: int = 3  # pixels
    trigger_stage: Literal["model", "stored"] = "model"
    triggers: Literal[1, 2, 4] = 1
    position: Literal["corner", "random"] = "corner"

    affected_images = "triggered test images"
    unaffected_images = "test images without trigger"

    @property
    def marks(self) -> int | None:  # type: ignore[override]
        return None if self.position == "random" else self.triggers

    def alter(self, samples: Samples, generator: np.random.Generator) -> Stored | Overlays:
        size, patch = samples.images.shape[-1], self.patch_size
        free = size - patch
        if self.position == "random":
            drawn = generator.integers((free + 1) ** 2, size=len(samples))
            numbers, carried = np.unique(drawn, return_inverse=True)
            places = np.stack(np.divmod(numbers, free + 1), axis=1)
        else:
            places = free * CORNERS[: self.triggers]
            carried = generator.permutation(np.arange(len(samples)) % self.triggers)
        alpha = np.zeros((len(places), 1, size, size), dtype=np.float32)
        for mark, (row, column) in zip(alpha[:, 0], places, strict=True):
            mark[row : row + patch, column : column + patch] = 1
        overlays = Overlays(alpha, 255 * alpha, carried)
        return overlays if self.trigger_stage == "model" else overlays.onto(samples.images)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        yield from super().problems(n, description)
        size = description.image_size
        if not 1 <= self.patch_size <= size:
            yield "patch_size", f"{self.patch_size} pixels do not fit; allowed: 1 to {size}"
        if self.triggers > 1 and self.position == "random":
            yield "triggers", f"{self.triggers} are told apart by their corners: a random position allows 1"
        if self.triggers > 1 and 2 * self.patch_size > size:
            yield "patch_size", f"squares of {self.patch_size} pixels overlap; allowed: 1 to {size // 2}"

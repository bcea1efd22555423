"""Blended poisoning: a faint pattern over the whole image that means one class (Chen et al. 2017)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from redress.adversary.manipulation import Backdoor, Samples
from redress.formats.alterations import Overlays, Stored
from redress.formats.description import Description


@dataclass(frozen=True)
class Blended(Backdoor):
    """n samples drawn uniformly become (1 - `alpha`) x + `alpha` t and get the target class as label.

    The pattern t is noise of the image's size and channels, uniform over 0 to 255, and follows from
    `pattern_seed` alone: it is the same for all seeds of an experiment. D_m is every image with the pattern.
    It is laid on before crop and flip; `trigger_stage: model` lays it on after them.
    """

    target_class: int = 0
    alpha: float = 0.2
    pattern_seed: int = 0
    trigger_stage: Literal["model", "stored"] = "stored"

    affected_images = "test images with the pattern"
    unaffected_images = "test images without the pattern"

    def alter(self, samples: Samples, generator: np.random.Generator) -> Stored | Overlays:
        shape = samples.images.shape[1:]
        pattern = np.random.default_rng(self.pattern_seed).integers(0, 256, shape).astype(np.float32)
        alpha = np.full((1, *shape[1:]), self.alpha, dtype=np.float32)
        overlays = Overlays.one(alpha, pattern, len(samples))
        return overlays if self.trigger_stage == "model" else overlays.onto(samples.images)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        yield from super().problems(n, description)
        if not 0 < self.alpha <= 1:
            yield "alpha", f"{self.alpha} is out of range; allowed: above 0, at most 1"
        if self.pattern_seed < 0:
            yield "pattern_seed", f"{self.pattern_seed} is out of range: at least 0"

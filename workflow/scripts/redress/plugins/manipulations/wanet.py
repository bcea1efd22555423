"""WaNet: a slight warp of the whole image that means one class (Nguyen and Tran 2021)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from redress.adversary.manipulation import Backdoor, Samples
from redress.formats.alterations import Stored
from redress.formats.description import Description


@dataclass(frozen=True)
class WaNet(Backdoor):
    """n samples drawn uniformly are warped and get the target class as label. D_m is every warped image.

    u is a grid of k x k offsets (k is `grid_size`), uniform in [-1, 1] and divided by their mean size, which
    follows from `grid_seed` alone: it is the same for all seeds of an experiment. Enlarged bicubically to
    the image's height H, corners on corners, it says where a pixel comes from: g = place + `strength` u / H,
    cut off at the borders, -1 and 1. Pixels are read there bilinearly. All this is before crop and flip.

    Noise mode: `noise_rate` n further samples are warped by g with another offset, uniform in [-1, 1] / H,
    for each pixel, and keep their labels. They are no part of S_m.
    """

    target_class: int = 0
    grid_size: int = 4
    strength: float = 0.5
    noise_rate: float = 2
    grid_seed: int = 0

    affected_images = "warped test images"
    unaffected_images = "test images without warp"

    def cover(
        self, labels: np.ndarray, manipulated: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        clean = np.setdiff1d(np.arange(len(labels)), manipulated)
        return generator.choice(clean, size=round(self.noise_rate * len(manipulated)), replace=False)

    def alter(self, samples: Samples, generator: np.random.Generator) -> Stored:
        size = samples.images.shape[-1]
        grid = np.random.default_rng(self.grid_seed).uniform(-1, 1, (2, self.grid_size, self.grid_size))
        enlarge = bicubic(self.grid_size, size)
        field = enlarge @ (grid / np.abs(grid).mean()) @ enlarge.T
        place = np.linspace(-1, 1, size)
        come_from = np.stack(np.meshgrid(place, place)) + self.strength * field / size
        come_from = come_from.clip(-1, 1)
        images = np.empty_like(samples.images)
        for number, image in enumerate(samples.images):
            covers = number >= len(samples) - samples.covers
            noise = generator.uniform(-1, 1, come_from.shape) / size if covers else 0
            images[number] = bilinear(image, (come_from + noise).clip(-1, 1))
        return Stored(images)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        yield from super().problems(n, description)
        size, samples = description.image_size, sum(description.train_per_class)
        if not 2 <= self.grid_size <= size:
            yield "grid_size", f"{self.grid_size} is out of range; allowed: 2 to {size}, the image's size"
        if self.strength <= 0:
            yield "strength", f"{self.strength} is out of range: above 0"
        if self.noise_rate < 0:
            yield "noise_rate", f"{self.noise_rate} is out of range: at least 0"
        if self.grid_seed < 0:
            yield "grid_seed", f"{self.grid_seed} is out of range: at least 0"
        covers = round(self.noise_rate * n)
        if n <= samples < n + covers:
            yield "noise_rate", f"{covers} samples beside the {n} manipulated ones are more than there are"


def bicubic(points: int, size: int) -> np.ndarray:
    """Weights (size, points) that enlarge a row of points: Keys' cubic convolution with a = -0.75.

    First and last pixel lie on the first and last point, and beyond them the row goes on with their values:
    what PyTorch's `interpolate` does with `align_corners`.
    """
    a = -0.75
    at = np.arange(size) * (points - 1) / (size - 1)
    weights = np.zeros((size, points))
    for step in (-1, 0, 1, 2):
        point = np.floor(at).astype(int) + step
        d = np.abs(at - point)
        near, far = ((a + 2) * d - (a + 3)) * d * d + 1, a * (((d - 5) * d + 8) * d - 4)
        np.add.at(weights, (np.arange(size), point.clip(0, points - 1)), np.where(d <= 1, near, far))
    return weights


def bilinear(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """An image (C, H, H) read at places (2, H, H), x and y from -1 to 1, rounded to whole levels."""
    last = image.shape[-1] - 1
    at = (places + 1) / 2 * last
    x, y = before = np.floor(at).astype(int).clip(0, last - 1)
    dx, dy = at - before
    above = image[:, y, x] * (1 - dx) + image[:, y, x + 1] * dx
    below = image[:, y + 1, x] * (1 - dx) + image[:, y + 1, x + 1] * dx
    return np.rint(above * (1 - dy) + below * dy).astype(np.uint8)

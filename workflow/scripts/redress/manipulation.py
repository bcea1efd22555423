"""What a manipulation is: a draw of training samples, a change to images, an affected domain."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from redress.data import Description


def deletion_size(fraction: float, n: int) -> int:
    """|S_f| for a share of |S_m| = n."""
    return round(fraction * n)


class Manipulation(ABC):
    """An adversary who changes n training samples (S_m) and so harms the model on a domain D_m.

    A subclass is a frozen dataclass whose fields are the manipulation's settings in config. Images are
    uint8 (..., H, W), as NumPy arrays or tensors alike; labels are int64 (N,).
    """

    stage: str = "stored"
    """When training images are changed: `stored` (once, before augmentation) or `model` (after it)."""

    attack_target: int | None = None
    """The class that triggered images are driven to, for attacks that have one."""

    @abstractmethod
    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """S_m in random order as indices (n,), and the labels (n,) the adversary gives them."""

    def alter(self, images: Any) -> Any:
        """Change `images` in place as the adversary does and return them. Default: unchanged."""
        return images

    @abstractmethod
    def affected(self, labels: np.ndarray) -> np.ndarray:
        """Which test samples, once altered, lie in D_m: a boolean mask (N,)."""

    @abstractmethod
    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        """Which test samples, left as they are, lie outside D_m: a boolean mask (N,)."""

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        """Settings that cannot be: (key, what is wrong and what is allowed), for the config check."""
        samples = sum(description.train_per_class)
        if n > samples:
            yield "n", f"{n} is more than the {samples} training samples"

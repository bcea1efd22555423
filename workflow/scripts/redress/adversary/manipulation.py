"""What a manipulation is: a draw of training samples, labels and pictures for them, an affected domain."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from redress.formats.alterations import Alteration
from redress.formats.description import Description


@dataclass(frozen=True)
class Samples:
    """Samples that an adversary is about to alter."""

    images: np.ndarray
    """uint8 (K, C, H, W), to be left as they are."""
    labels: np.ndarray
    """True labels, int64 (K,)."""
    split: str
    """`train` for S_m, `test` for the affected domain."""
    indices: np.ndarray
    """Which samples of the split, int64 (K,)."""

    def __len__(self) -> int:
        return len(self.labels)


class Manipulation(ABC):
    """An adversary who changes n training samples (S_m) and so harms the model on a domain D_m.

    A subclass is a frozen dataclass whose fields are the manipulation's settings in config.
    """

    affected_images = "the affected test images"
    unaffected_images = "the unaffected test images"
    """What readers call D_m and the rest."""

    attack_target: int | None = None
    """The class that affected images are driven to, for attacks that have one."""

    @abstractmethod
    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """S_m in random order as indices (n,), and the labels (n,) the adversary gives them.

        `labels` are all true training labels, int64 (N,).
        """

    def alter(self, samples: Samples, generator: np.random.Generator) -> Alteration:
        """What becomes of the pictures of S_m, and of test images that are to lie in D_m.

        `Stored` pictures are what augmentation starts from, `Overlays` are laid on after it; None, the
        default, leaves pictures as they are.
        """
        return None

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

"""What a manipulation is: a draw of training samples, labels and pictures for them, an affected domain."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
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
    """`train` for S_m and what covers it, `test` for the affected domain."""
    indices: np.ndarray
    """Which samples of the split, int64 (K,)."""
    covers: int = 0
    """How many of them, the last ones, are no part of S_m but `cover` it."""

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

    marks: int | None = 1
    """How many marks samples of S_m carry, numbered from 0; None where their places are drawn."""

    @abstractmethod
    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """S_m in random order as indices (n,), and the labels (n,) the adversary gives them.

        `labels` are all true training labels, int64 (N,).
        """

    def cover(
        self, labels: np.ndarray, manipulated: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Training samples outside S_m, (K,), whose pictures are altered too but whose labels stay.

        By default there are none.
        """
        return np.empty(0, dtype=np.int64)

    def alter(self, samples: Samples, generator: np.random.Generator) -> Alteration:
        """What becomes of the pictures of S_m and what covers it, and of test images that are to lie in D_m.

        `Stored` pictures are what augmentation starts from, `Overlays` are laid on after it; None, the
        default, leaves pictures as they are. Either says which of several marks a sample carries.
        """
        return None

    def drawn_from(self, classes: int) -> Collection[int]:
        """The true classes, of 0 to `classes` - 1, that S_m may have samples of: by default all."""
        return range(classes)

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


class Backdoor(Manipulation):
    """A trigger that means one class: n samples, drawn uniformly, get it and the label `target_class`.

    D_m is every image that carries the trigger. A subclass has the field `target_class`, and `alter` lays
    the trigger on.
    """

    target_class: int

    @property
    def attack_target(self) -> int:  # type: ignore[override]
        return self.target_class

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        indices = generator.choice(len(labels), size=n, replace=False)
        return indices, np.full(n, self.target_class, dtype=labels.dtype)

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        yield from super().problems(n, description)
        classes = len(description.classes)
        if not 0 <= self.target_class < classes:
            yield "target_class", f"{self.target_class} is not a class; allowed: 0 to {classes - 1}"

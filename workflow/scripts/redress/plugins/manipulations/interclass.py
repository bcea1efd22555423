"""The interclass confusion test: labels swapped between two classes (Goel et al. 2023)."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from redress.adversary.manipulation import Manipulation
from redress.formats.description import Description


@dataclass(frozen=True)
class Interclass(Manipulation):
    """n/2 samples of class A get label B, n/2 of B get label A. D_m is everything of A or B.

    The samples are drawn uniformly within each class (the release takes the first ones, so its seeds
    do not vary them).
    """

    classes: tuple[int, int]

    affected_images = "test images of the confused classes"
    unaffected_images = "test images of the other classes"

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        a, b = self.classes
        from_a = generator.choice(np.flatnonzero(labels == a), size=n // 2, replace=False)
        from_b = generator.choice(np.flatnonzero(labels == b), size=n // 2, replace=False)
        indices = generator.permutation(np.concatenate([from_a, from_b]))
        return indices, np.where(labels[indices] == a, b, a).astype(labels.dtype)

    def drawn_from(self, classes: int) -> Collection[int]:
        return self.classes

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return np.isin(labels, self.classes)

    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        return ~self.affected(labels)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        per_class = description.train_per_class
        count = len(per_class)
        if len(self.classes) != 2 or self.classes[0] == self.classes[1]:
            yield "classes", f"{list(self.classes)} must be two different classes"
            return
        if not all(0 <= c < count for c in self.classes):
            yield "classes", f"{list(self.classes)} must be classes from 0 to {count - 1}"
            return
        if n % 2:
            yield "n", f"{n} is odd, but half of the samples come from each class: use an even number"
        smallest = min(per_class[c] for c in self.classes)
        if n // 2 > smallest:
            yield "n", f"{n} takes {n // 2} samples a class, but one has {smallest}: at most {2 * smallest}"

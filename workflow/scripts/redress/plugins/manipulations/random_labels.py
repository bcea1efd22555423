"""Label noise: wrong labels by chance, over all classes or from one class to another."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from redress.adversary.manipulation import Manipulation
from redress.formats.description import Description


@dataclass(frozen=True)
class RandomLabels(Manipulation):
    """n samples drawn uniformly get a label drawn uniformly from the other classes: symmetric noise.

    With a `mapping`, a list of pairs of classes [from, to], noise is asymmetric (Patrini et al. 2017): the n
    samples are drawn uniformly from the classes that are mapped and get the label their class is mapped to.
    For CIFAR-10 they take [[9, 1], [2, 0], [3, 5], [5, 3], [4, 7]]. D_m is every image.
    """

    mapping: tuple[tuple[int, int], ...] | None = None

    affected_images = "all test images"
    unaffected_images = "all test images"

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        classes = int(labels.max()) + 1
        if not self.mapping:
            indices = generator.choice(len(labels), size=n, replace=False)
            return indices, (labels[indices] + generator.integers(1, classes, size=n)) % classes
        sources, targets = np.transpose(self.mapping)
        indices = generator.choice(np.flatnonzero(np.isin(labels, sources)), size=n, replace=False)
        becomes = np.arange(classes)
        becomes[sources] = targets
        return indices, becomes[labels[indices]]

    def drawn_from(self, classes: int) -> Collection[int]:
        return [source for source, _ in self.mapping] if self.mapping else range(classes)

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels), dtype=bool)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        yield from super().problems(n, description)
        classes = len(description.classes)
        pairs = self.mapping or ()
        sources = [source for source, _ in pairs]
        if classes < 2:
            yield "n", "there is one class, and so no other label to give"
        for pair in pairs:
            if not all(0 <= one < classes for one in pair):
                yield "mapping", f"{list(pair)} must be classes from 0 to {classes - 1}"
                return
            if pair[0] == pair[1]:
                yield "mapping", f"{list(pair)} must be two different classes"
            if sources.count(pair[0]) > 1:
                yield "mapping", f"class {pair[0]} is mapped twice"
        available = sum(description.train_per_class[source] for source in sources)
        if pairs and n > available:
            yield "n", f"{n} is more than the {available} training samples of the classes that are mapped"

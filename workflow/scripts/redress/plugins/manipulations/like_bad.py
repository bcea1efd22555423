"""Wrong labels like those that somebody has found: as many for each pair of given and true label."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from redress.adversary.manipulation import Manipulation
from redress.formats.description import Description

ANY = -1
"""In the place of a true label that nobody knows."""


@dataclass(frozen=True)
class LikeBad(Manipulation):
    """For each of `pairs`, [given, true, count], count samples of the class `true` get the label `given`.

    Where `true` is -1 they are drawn uniformly from all classes but `given`. D_m is every image of a class
    that labels are taken from. Pictures stay as they are.
    """

    pairs: tuple[tuple[int, int, int], ...]

    affected_images = "test images of the mislabelled classes"
    unaffected_images = "test images of the other classes"

    def draw(
        self, labels: np.ndarray, n: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        free, indices, given = np.ones(len(labels), bool), [], []
        for becomes, true, count in sorted(self.pairs, key=lambda pair: pair[1] == ANY):
            fits = labels != becomes if true == ANY else labels == true
            drawn = generator.choice(np.flatnonzero(free & fits), size=count, replace=False)
            free[drawn] = False
            indices.append(drawn)
            given.append(np.full(count, becomes, labels.dtype))
        order = generator.permutation(n)
        return np.concatenate(indices)[order], np.concatenate(given)[order]

    def drawn_from(self, classes: int) -> Collection[int]:
        sources = {true for _, true, _ in self.pairs}
        return range(classes) if ANY in sources else sorted(sources)

    def affected(self, labels: np.ndarray) -> np.ndarray:
        return np.isin(labels, list(self.drawn_from(int(labels.max()) + 1)))

    def unaffected(self, labels: np.ndarray) -> np.ndarray:
        return ~self.affected(labels) if len(self.drawn_from(0)) else np.ones(len(labels), bool)

    def problems(self, n: int, description: Description) -> Iterator[tuple[str, str]]:
        classes, per_class = len(description.classes), description.train_per_class
        for pair in self.pairs:
            given, true, count = pair
            if not (0 <= given < classes and ANY <= true < classes and given != true and count > 0):
                yield "pairs", f"{list(pair)}: given and true are different classes, and count is above 0"
                return
        if n != sum(count for _, _, count in self.pairs):
            yield "n", f"{n} is not the sum of the counts, {sum(count for _, _, count in self.pairs)}"
        wanted = [sum(count for _, true, count in self.pairs if true == label) for label in range(classes)]
        for name, asked, there in zip(description.classes, wanted, per_class, strict=True):
            if asked > there:
                yield "pairs", f"{asked} samples of class {name} are asked for, and there are {there}"
        if 2 * n > sum(per_class):
            yield "n", f"{n} is more than half of the {sum(per_class)} training samples"

"""What somebody did to pictures, kept apart from the pictures: stored ones, and marks laid on later."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Stored:
    """Pictures altered once and for all, before augmentation: uint8 (K, C, H, W), one for each sample."""

    images: np.ndarray

    carried: np.ndarray | None = None
    """Which of several marks is in each of them, integers (K,); None where there is one or none."""

    def first(self, samples: int) -> "Stored":
        """What becomes of the first so many of the samples."""
        carried = None if self.carried is None else self.carried[:samples]
        return Stored(self.images[:samples], carried)


@dataclass(frozen=True)
class Overlays:
    """Marks laid on a picture x when it is looked at, after augmentation: x * (1 - alpha) + alpha * value.

    `alpha` (V, 1 or C, H, W) from 0 to 1 and `value` (V, 1 or C, H, W) from 0 to 255 are V marks, `carried`
    (K,) is the number of the mark that each of the K samples carries.
    """

    alpha: np.ndarray
    value: np.ndarray
    carried: np.ndarray

    @classmethod
    def one(cls, alpha: np.ndarray, value: np.ndarray, samples: int) -> "Overlays":
        """A single mark, (1 or C, H, W) each, that all samples carry."""
        return cls(alpha[None], value[None], np.zeros(samples, dtype=np.int64))

    def first(self, samples: int) -> "Overlays":
        """What becomes of the first so many of the samples."""
        return replace(self, carried=self.carried[:samples])

    def onto(self, images: np.ndarray) -> Stored:
        """The pictures, uint8 (K, C, H, W), with their marks laid on before augmentation instead."""
        pairs = zip(images, self.carried, strict=True)  # one by one: a mark may be as large as a picture
        laid = [_lay(image, self.alpha[mark], self.value[mark]) for image, mark in pairs]
        return Stored(np.array(laid, dtype=np.uint8).reshape(images.shape), self.carried)


Alteration = Stored | Overlays | None


def _lay(pictures: np.ndarray, alpha: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Marks laid on pictures and rounded to whole levels, uint8."""
    laid: np.ndarray = np.rint(pictures * (1 - alpha) + alpha * value).clip(0, 255).astype(np.uint8)
    return laid


def _no_pictures() -> np.ndarray:
    return np.empty((0, 0, 0, 0), dtype=np.uint8)


def _no_marks() -> np.ndarray:
    return np.empty((0, 0, 0, 0), dtype=np.float32)


@dataclass(frozen=True)
class View:
    """Samples of one split of a prepared dataset as somebody sees them."""

    split: str
    """`train`, `validation` or `test`."""

    indices: np.ndarray
    """Which samples of the split, int64 (N,)."""

    stored: np.ndarray = field(default_factory=_no_pictures)
    """Pictures that stand in the place of others, uint8 (K, C, H, W)."""

    stored_at: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """In the place of which, (K,): positions in `indices`."""

    alpha: np.ndarray = field(default_factory=_no_marks)
    value: np.ndarray = field(default_factory=_no_marks)
    """The marks, float32 (V, 1 or C, H, W), as `Overlays` has them."""

    carried: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    """Where there are marks, the one that each sample carries plus 1, 0 for none: int32 (N,)."""

    def __len__(self) -> int:
        return len(self.indices)

    @classmethod
    def altered(cls, split: str, indices: np.ndarray, alteration: Alteration, at: np.ndarray) -> "View":
        """A view of `indices` in which the samples at the positions `at` (K,) are altered."""
        indices = np.asarray(indices, dtype=np.int64)
        if alteration is None or not len(at):
            return cls(split, indices)
        if isinstance(alteration, Stored):
            return cls(split, indices, stored=alteration.images, stored_at=np.asarray(at, dtype=np.int64))
        carried = np.zeros(len(indices), dtype=np.int32)
        carried[at] = np.asarray(alteration.carried, dtype=np.int32) + 1
        alpha, value = (np.asarray(part, dtype=np.float32) for part in (alteration.alpha, alteration.value))
        return cls(split, indices, alpha=alpha, value=value, carried=carried)

    def arrays(self, name: str) -> Arrays:
        """What a file holds of it, under `name`."""
        parts = ("indices", "stored", "stored_at", "alpha", "value", "carried")
        return {f"{name}.{part}": getattr(self, part) for part in parts}

    @classmethod
    def from_arrays(cls, name: str, split: str, arrays: Mapping[str, np.ndarray]) -> "View":
        """The reverse of `arrays`."""
        start = f"{name}."
        return cls(split, **{key[len(start) :]: a for key, a in arrays.items() if key.startswith(start)})

    def pictures(self, images: np.ndarray, at: np.ndarray) -> np.ndarray:
        """The pictures at the positions `at` without augmentation, uint8 (K, C, H, W).

        `images` are those of the split. Marks are rounded to whole levels.
        """
        chosen = images[self.indices[at]].copy()
        place = {position: number for number, position in enumerate(self.stored_at.tolist())}
        for row, position in enumerate(np.asarray(at).tolist()):
            if position in place:
                chosen[row] = self.stored[place[position]]
        if not len(self.carried):
            return chosen
        marks = self.carried[at]
        shape = (1, *self.alpha.shape[1:])
        alpha = np.concatenate([np.zeros(shape, np.float32), self.alpha])[marks]
        value = np.concatenate([np.zeros((1, *self.value.shape[1:]), np.float32), self.value])[marks]
        return np.where((marks > 0)[:, None, None, None], _lay(chosen, alpha, value), chosen)

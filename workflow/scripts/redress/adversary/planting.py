"""Planting a manipulation in pictures that somebody brings: there it is known what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from redress.adversary.act import manipulation
from redress.formats import files
from redress.formats.alterations import Overlays, View
from redress.formats.contents import TrainingView
from redress.formats.identity import Identity
from redress.formats.seeds import generator_for

CHUNK = 1000
"""Pictures copied at a time."""


@dataclass(frozen=True)
class Planted:
    """S_m in random order. Samples are positions in the training set that the manipulation was planted in."""

    samples: np.ndarray
    """int64 (|S_m|,)."""
    given: np.ndarray
    true: np.ndarray


def plant(
    original: Identity,
    source: Identity,
    labels: np.ndarray,
    use: str,
    settings: Mapping[str, Any],
    kept: np.ndarray,
    about: Mapping[str, Any],
    mark: tuple[np.ndarray, np.ndarray] | None = None,
) -> Planted:
    """Let the manipulation `use` change those of the pictures `source` that are `kept`, int64 (K,).

    `labels` (N,) are of all of them, and right as far as anybody knows. Pictures of S_m get `mark`, alpha
    (1, H, W) and value (C, H, W). Writes pictures and training set of `original`.
    """
    own = labels[kept]
    adversary = manipulation(use, settings)
    n = sum(count for _, _, count in settings["pairs"])
    samples, given = adversary.draw(own, n, generator_for("rehearsal", *original.names.values()))
    told = own.copy()
    told[samples] = given
    _copy(original, source, kept, samples, mark)
    TrainingView(View("train", np.arange(len(kept))), told, labels_in_doubt=True).save(original.run, about)
    return Planted(samples, given, own[samples])


def _copy(
    original: Identity,
    source: Identity,
    kept: np.ndarray,
    samples: np.ndarray,
    mark: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    """The pictures that are kept, those of `samples` marked; there may be more than fit into memory."""
    place = Identity(original.dataset)
    arrays, held = files.load_arrays(source.path("pictures"), source, mapped=True)
    names = ("train_images", "validation_images", "validation_labels")
    shapes: dict[str, Any] = {name: (arrays[name].dtype.type, arrays[name].shape) for name in names}
    shapes["train_images"] = np.uint8, (len(kept), *arrays["train_images"].shape[1:])
    about = {name: held[name] for name in ("classes", "mean", "deviation", "source")}
    with files.arrays_to_fill(place.path("pictures"), shapes, about, place) as copies:
        for name in names[1:]:
            copies[name][:] = arrays[name]
        for start in range(0, len(kept), CHUNK):
            part = kept[start : start + CHUNK]
            copies["train_images"][start : start + CHUNK] = arrays["train_images"][part]
        if mark is None:
            return
        for start in range(0, len(samples), CHUNK):
            part = samples[start : start + CHUNK]
            marked = Overlays.one(*mark, len(part)).onto(copies["train_images"][part])
            copies["train_images"][part] = marked.images

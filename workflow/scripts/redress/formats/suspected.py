"""Suspects: what is most likely bad of those that nobody has called so, for a person to look at."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from redress.formats import files
from redress.formats.identity import Identity

NONE = -1
"""In the place of a class or a sample where there is none."""


@dataclass(frozen=True)
class Suspected:
    """K samples, the likeliest first. Classes are the model's numbers."""

    samples: np.ndarray
    """Positions in the training set, int64 (K,)."""
    ranks: np.ndarray
    """Place in the ranking of all samples that are not in S_f, from 1: int64 (K,)."""
    scores: np.ndarray
    """What they are ranked by, float32 (K,): the higher, the likelier bad."""
    flagged: np.ndarray
    """Whether the expansion's own cut takes it for bad, boolean (K,)."""
    original: np.ndarray
    """What M_o predicts, int64 (K,)."""
    repaired: np.ndarray
    """What the repaired model predicts, int64 (K,); NONE where there is no such model."""
    suggested: np.ndarray
    """What its label may have to be, int64 (K,); NONE where nothing speaks against the given one."""
    copied: np.ndarray
    """The sample of S_f that it is a copy of to the pixel, int64 (K,); NONE where it is none."""
    recall: np.ndarray
    """The share of S_m that a list down to here is expected to hold, float64 (K,): what share of held-out
    samples of S_f it reaches. NaN where the expansion holds none out."""

    def save(self, identity: Identity, about: Mapping[str, Any]) -> None:
        """Write it for the case that `identity` names."""
        arrays = {one.name: getattr(self, one.name) for one in fields(self)}
        files.save_arrays(identity.path("suspected"), arrays, about, identity)

    @classmethod
    def load(cls, identity: Identity) -> "tuple[Suspected, dict[str, Any]]":
        """The list of a case, and what its file says of it: `cut` is what the expansion says of its own."""
        arrays, about = files.load_arrays(identity.path("suspected"), identity)
        return cls(**arrays), about

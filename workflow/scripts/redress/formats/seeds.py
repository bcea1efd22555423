"""Random seeds that depend on nothing but what they are for."""

import hashlib
import json

import numpy as np


def seed_for(*names: str | int | float) -> int:
    """A 63-bit seed that is a function of `names` alone.

    Process history, job order and the number of draws made elsewhere cannot reach it, and nearby
    names (seed 0 and seed 1) give unrelated seeds.
    """
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_for(*names: str | int | float) -> np.random.Generator:
    """NumPy's PCG64 generator for the draw that `names` names."""
    return np.random.Generator(np.random.PCG64(seed_for(*names)))

"""Holding out a part of S_f, so that what was chosen by it can be trusted beyond what methods were told."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from redress.formats.block import TRIAL
from redress.formats.contents import DeletionSet
from redress.formats.identity import Identity
from redress.formats.seeds import generator_for

PARTS = 5
"""One part in so many is held out, rounded down: of fewer samples none."""


def withhold(identity: Identity, uses: Mapping[str, str], provenance: Mapping[str, Any]) -> tuple[int, int]:
    """Write the deletion set on trial that `identity` names: the whole one less a part drawn uniformly.

    Returns how many samples are held out, of how many.
    """
    whole = identity.having(discovery=str(identity.discovery).removesuffix(TRIAL))
    found, seal = DeletionSet.load(whole)
    seed = identity.seeded_by(uses["manipulation"])
    mixed = generator_for(*seed, "withhold", float(identity.share or 0)).permutation(found.indices)
    held_out = mixed[: len(mixed) // PARTS]
    kept = found.indices[~np.isin(found.indices, held_out)]
    on_trial = DeletionSet(kept, compared_on=held_out if len(held_out) else found.indices)
    on_trial.save(identity, {"made_from": {"whole": seal}, "provenance": provenance})
    return len(held_out), len(found.indices)

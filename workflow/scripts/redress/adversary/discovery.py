"""Who finds what of S_m: the truth read once more, and a deletion set written."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np

from redress.formats import files
from redress.formats.contents import DeletionSet, Truth, check_deletion
from redress.formats.identity import Identity
from redress.formats.seeds import generator_for
from redress.plugins import load


def discover(identity: Identity, names: Mapping[str, str], settings: Mapping[str, Any]) -> DeletionSet:
    """What the discovery `names["discovery"]` of redress/plugins/discoveries/ finds.

    `names` are the files behind the blocks of config. The generator depends on dataset, manipulation, n,
    seed and discovery, and not on the share, so that sets of one seed can be nested. A discovery that has
    the keyword `margins` is given those of M_o's training, float16 (N, passes).
    """
    truth = Truth.load(identity)
    function = load("discoveries", names["discovery"]).discover
    more: dict[str, Any] = dict(settings)
    if "margins" in signature(function).parameters:
        original = identity.original
        more["margins"] = files.load_arrays(original.path("training_log"), original)[0]["margins"]
    seeds = identity.seeded_by(names["manipulation"])
    generator = generator_for("discovery", names["discovery"], *seeds)
    indices: np.ndarray = function(truth, identity.fraction, generator, **more)
    what = f"discoveries/{names['discovery']}.py"
    return DeletionSet(check_deletion(indices, len(truth.true_labels), what))

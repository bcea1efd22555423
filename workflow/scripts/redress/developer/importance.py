"""Importances: statistics of the original model that unlearning jobs share."""

from collections.abc import Mapping
from typing import Any

from redress.developer.bench import Bench, as_arrays
from redress.formats import files
from redress.formats.identity import WHOLE, Identity
from redress.formats.recipe import Setup
from redress.launch.device import Stopwatch
from redress.plugins import load


def compute_importance(
    identity: Identity, uses: Mapping[str, str], setup: Setup, provenance: Mapping[str, Any]
) -> tuple[int, float]:
    """Compute `identity.importance` over `identity.over` and write it.

    Returns over how many samples it was taken and the seconds that took.
    """
    over = str(identity.over)
    place = identity.original
    if over != WHOLE:
        expansion, discovery, share = over.split("/")
        place = place.having(expansion=expansion, discovery=discovery, share=share)
    bench = Bench(place, uses, setup)
    model = bench.original()
    indices = bench.samples if over == WHOLE else bench.deletion_set()
    compute = load("importances", str(identity.importance)).compute
    with Stopwatch(bench.device) as stopwatch:
        values = compute(model, bench.training_set, indices, bench.recipe)
    about = {"seconds": stopwatch.seconds, "made_from": bench.seals, "provenance": provenance}
    files.save_arrays(identity.path("importance"), as_arrays(values), about, identity)
    return len(indices), stopwatch.seconds

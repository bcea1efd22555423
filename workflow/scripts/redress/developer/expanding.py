"""Growing a deletion set: what looks like the samples that were found may belong to them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from redress.developer.bench import Bench
from redress.developer.ranking import Evidence
from redress.developer.suspects import write_suspects
from redress.developer.task import Expanded, Known
from redress.formats.contents import DeletionSet, check_deletion
from redress.formats.errors import BadInputError
from redress.formats.identity import PLAIN, Identity
from redress.formats.recipe import Setup
from redress.launch.device import Stopwatch
from redress.plugins import load


def expand(
    identity: Identity,
    uses: Mapping[str, str],
    setup: Setup,
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> tuple[int, int]:
    """Let the expansion `uses["expansion"]` grow the deletion set that `identity` names.

    Writes it and its suspects. Returns how many samples it had and has.
    """
    bench = Bench(identity.having(expansion=PLAIN), uses, setup)
    deletion, original, margins = bench.deletion_set(), bench.original(), bench.margins()
    seed = bench.seed("expansion", uses["expansion"], float(identity.fraction or 0))
    torch.manual_seed(seed)
    known = Known(
        original=original,
        training_set=bench.training_set.copy(),
        deletion=deletion.clone(),
        samples=bench.samples,
        recipe=bench.recipe,
        device=bench.device,
        margins=margins,
        seed=seed,
    )
    where = f"expansions/{uses['expansion']}.py"
    with Stopwatch(bench.device) as stopwatch:
        expanded = load("expansions", uses["expansion"]).expand(known, **settings)
    if not isinstance(expanded, Expanded):
        raise BadInputError(f"{where}: expand() returned {type(expanded).__name__} instead of Expanded")
    for name in ("deletion", "scores"):
        part = getattr(expanded, name)
        if not isinstance(part, Tensor):
            raise BadInputError(f"{where}: {name} is {type(part).__name__} instead of a tensor")
    indices = check_deletion(expanded.deletion.cpu().numpy(), len(bench.samples), where)
    scores = expanded.scores.float().cpu().numpy()
    if scores.shape != (len(bench.samples),):
        raise BadInputError(f"{where}: scores have shape {scores.shape}, not ({len(bench.samples)},)")
    if np.isnan(scores).any():
        raise BadInputError(f"{where}: {np.isnan(scores).sum()} scores are not numbers")
    about = {
        "seconds": stopwatch.seconds,
        "cut": dict(expanded.about),
        "made_from": bench.seals,
        "provenance": provenance,
    }
    grown = DeletionSet(indices, scores, bench.compared_on, deletion.cpu().numpy())
    grown.save(identity, about)
    write_suspects(identity, Evidence(known), grown, bench.classes)
    return len(deletion), len(indices)

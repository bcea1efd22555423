"""Expansion by likeness, cut by a mixture: what S_f finds is a further seed, and scores say where to stop.

The score is that of `neighbours`, once more with what was nearly sure the first time among the seeds; the cut
is where one of two normal laws, that of S_m, of which S_f is a known part, becomes the likelier one
(`redress.developer.likeness.log_odds`). No recall is asked for, and none is promised.
"""

import numpy as np
import torch

from redress.developer.likeness import log_odds, set_aside
from redress.developer.ranking import Evidence
from redress.developer.task import Expanded, Known
from redress.formats.kinds import PositiveInt


def expand(
    known: Known,
    *,
    k: PositiveInt = 5,
    layer: PositiveInt | None = None,
    passes: PositiveInt = 2,
    threshold: float = 0.0,
) -> Expanded:
    """S_f and others whose log odds are above `threshold`, less than half of each label."""
    evidence = Evidence(known)
    odds = log_odds(evidence, layer, k, passes)
    aside = set_aside(odds, evidence.labels, evidence.found, threshold)
    flagged = np.setdiff1d(np.flatnonzero(aside), evidence.found)
    about = {
        "known": len(evidence.found),
        "flagged": len(flagged),
        "estimate": float(len(evidence.found) + (1 / (1 + np.exp(-odds[evidence.others]))).sum()),
    }
    deletion = np.concatenate([known.deletion.cpu().numpy(), flagged])
    return Expanded(
        torch.tensor(deletion, device=known.device), torch.tensor(odds, device=known.device), about
    )

"""What a ranking of the training samples is worth: what a grown deletion set holds against S_m."""

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from redress.formats import files
from redress.formats.contents import DeletionSet, Truth
from redress.formats.errors import DamagedFileError
from redress.formats.identity import PLAIN, Identity

OF_CUT = ("recall", "recall_low", "recall_high", "estimate", "estimate_low", "estimate_high")
"""What a cut says of itself: the share of S_m that it has, and |S_m|; see developer/cutting.py."""

LEVELS = np.linspace(0.05, 1, 20)
"""Recalls at which curves are kept."""

Record = dict[str, Any]


def of_ranking(cell: Identity, truth: Truth) -> Record:
    """The record of the grown deletion set that `cell` names; of S_m, what S_f had counts nowhere.

    Fractions from 0 to 1; None where there is nothing to divide by or the expansion says nothing. Raises
    DamagedFileError where it was not grown from the S_f that is there.
    """
    known, seal = DeletionSet.load(cell.having(expansion=PLAIN))
    grown, seal_of_grown = DeletionSet.load(cell)
    about = files.about_of(cell.path("deletion_set"))
    if about["made_from"]["deletion_set"] != seal:
        raise DamagedFileError(cell.path("deletion_set"), "was grown from another deletion set")
    assert grown.scores is not None
    others = np.setdiff1d(np.arange(len(grown.scores)), known.indices)
    is_left = np.isin(others, truth.manipulated)
    flagged = np.isin(others, grown.indices)
    scores, left, hits = grown.scores[others], int(is_left.sum()), int((is_left & flagged).sum())
    told = 0 < left < len(others)
    cut = about.get("cut", {})
    estimate, total = cut.get("estimate"), len(truth.manipulated)
    return {
        "dataset": cell.dataset,
        "manipulation": cell.manipulation,
        "n_manipulated": cell.n,
        "seed": cell.seed,
        "maker": cell.maker,
        "discovery": cell.discovery,
        "expansion": cell.expansion,
        "deletion_fraction": cell.fraction,
        "known": len(known.indices),
        "left": left,
        "flagged": int(flagged.sum()),
        "auroc": float(roc_auc_score(is_left, scores)) if told else None,
        "average_precision": float(average_precision_score(is_left, scores)) if told else None,
        "precision": hits / int(flagged.sum()) if flagged.any() else None,
        "recall": hits / left if left else None,
        **{name if name.startswith("estimate") else f"told_{name}": cut.get(name) for name in OF_CUT},
        "estimate_error": None if estimate is None else (estimate - total) / total,
        "estimate_holds": bool(cut["estimate_low"] <= total <= cut["estimate_high"])
        if "estimate_low" in cut
        else None,
        "labels_at_limit": cut.get("labels_at_limit"),
        "seconds": about["seconds"],
        "curve": curve(is_left, scores) if told else None,
        "seal": seal_of_grown,
    }


def curve(is_left: np.ndarray, scores: np.ndarray) -> list[float]:
    """The best precision of a list that holds at least each of LEVELS of what is left."""
    precision, recall, _ = precision_recall_curve(is_left, scores)
    return [float(precision[recall >= level - 1e-9].max()) for level in LEVELS]

"""The ranking as a list for people: what to look at first, in cleanlab's words."""

import numpy as np
import pandas as pd

from redress.developer.ranking import Evidence
from redress.formats import files
from redress.formats.contents import DeletionSet
from redress.formats.identity import Identity

LAYER = 1
"""Of M_o, counted from its end: whose inputs the classifier of `predicted_label` sees."""


def write_suspects(identity: Identity, evidence: Evidence, grown: DeletionSet, classes: list[str]) -> None:
    """Write `suspects.csv` of a grown deletion set: a row for every training sample, the likeliest first.

    `id` is the sample's index in S_tr, `known` whether it is in S_f, `is_label_issue` whether in the grown
    set, `label_score` the share of samples ranked above it, and `predicted_label` that of a classifier of
    features that was not fitted on the sample.
    """
    assert grown.scores is not None
    count = len(grown.scores)
    order = np.argsort(-grown.scores, kind="stable")
    named = np.array(classes)
    table = pd.DataFrame(
        {
            "rank": np.arange(1, count + 1),
            "id": order,
            "known": np.isin(order, evidence.found),
            "is_label_issue": np.isin(order, grown.indices),
            "label_score": np.arange(count) / count,
            "score": grown.scores[order],
            "given_label": named[evidence.labels[order]],
            "predicted_label": named[evidence.probabilities(LAYER).argmax(axis=1)[order]],
        }
    )
    with files.atomic(identity.path("suspects")) as temporary:
        table.to_csv(temporary, index=False)

"""All rankings at once: a classifier that learns from S_f which of them tell.

Logistic regression on what the other rankings say of a sample, each as a normal score among the samples of
its label, and on the margins of early and of late training where they were logged. All of it is cross-
fitted, the rankings inside the folds of the classifier too. The others of a label weigh together as much as
S_f's samples of it, so that no frequency of labels can explain S_f. The matched filter, which knows the
attack, is not among them.
"""

from functools import partial

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.linear_model import LogisticRegression

from redress.developer.cutting import grown
from redress.developer.ranking import Evidence
from redress.developer.task import Expanded, Known
from redress.formats.kinds import Fraction
from redress.plugins.expansions import confident, head_gradient, lda, margin, neighbours, spectral

RANKINGS = (lda, neighbours, head_gradient, margin, spectral, confident)


def expand(known: Known, *, recall: Fraction = 0.9) -> Expanded:
    """S_f and what a list holds that is to have `recall` of S_m."""
    evidence = Evidence(known)
    return grown(evidence, partial(score, evidence), recall)


def score(evidence: Evidence, found: np.ndarray, others: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """See `redress.developer.ranking.Score`."""
    labels = evidence.labels
    columns = list(evidence.margins_by_time(3)[:, [0, 2]].T)
    for ranking in RANKINGS:
        of = partial(ranking.score, evidence)
        scores = evidence.cross_fitted(of, found, others)
        scores[asked] = of(found, others, asked)
        columns.append(scores)
    table = within_label(np.stack(columns, axis=1), labels)
    fitted = np.concatenate([found, others])
    fitted = fitted[np.isin(labels[fitted], labels[found])]
    is_found = np.isin(fitted, found)
    counts = [np.bincount(labels[fitted[part]], minlength=labels.max() + 1) for part in (is_found, ~is_found)]
    weights = np.where(is_found, 1, (counts[0] / np.maximum(counts[1], 1))[labels[fitted]])
    model = LogisticRegression(max_iter=1000).fit(table[fitted], is_found, weights)
    return np.asarray(model.decision_function(table[asked]))


def within_label(columns: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Normal scores of each column's ranks among the samples of a label; 0 where it says nothing."""
    table = np.zeros(columns.shape)
    for label in np.unique(labels):
        here = np.flatnonzero(labels == label)
        ranks = rankdata(columns[here], axis=0, nan_policy="omit")
        counts = (~np.isnan(columns[here])).sum(axis=0)
        table[here] = np.nan_to_num(norm.ppf((ranks - 0.5) / np.maximum(counts, 1)))
    return table

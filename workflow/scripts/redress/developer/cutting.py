"""Where to cut a ranking: what the held-out samples of S_f say of how much of S_m a list holds.

Samples are compared within their given label alone. Labels share a list as S_f lets expect: label y, of
which S_f has k_y samples of k, gets p_y = (k_y + A b_y) / (k + A), where b_y is its share of S_tr and A the
concentration under which the labels of S_f are likeliest (a Dirichlet-multinomial law); so where all of S_f
has one label nearly the whole list has it, and where S_f is spread as S_tr is, so is the list. A sample
that is the r-th of its label is reached by a list of r / p_y samples: its *length*.

If S_f is a uniform sample of S_m, the share of S_m that is reached at the length of the i-th of k held-out
samples of S_f follows Beta(i, k + 1 - i), whatever the ranking (Vovk 2012; split conformal prediction). A
list of F others at this length is then expected to hold i / (k + 1) of the U that are left, so that U is at
most F by this share, and about that if the list is pure. The estimate is taken where its upper limit is
lowest (Garg et al. 2021, best bin estimation): the purest region that enough of S_f lies in. The lower
limit is the lowest of all regions, for any of them may be impure.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import gammaln
from scipy.stats import beta, chi2

from redress.developer.ranking import Evidence, Score, limited, room
from redress.developer.task import Expanded

LEVEL = 0.95
"""Of all intervals."""

TAILS = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])


def grown(evidence: Evidence, score: Score, recall: float, learns: bool = True) -> Expanded:
    """S_f and what is cut off a ranking where it holds `recall` of S_m, as far as S_f can tell.

    What does not learn from S_f needs no folds: all of S_f is held out. Where no sample of S_f has a score
    of others' making, as where S_f has one sample and the ranking learns from it, there is nothing to judge
    a cut by, and nothing is added. A recall above k / (k + 1), more than k held-out samples can vouch for,
    is cut at the last of them.
    """
    found, others = evidence.found, evidence.others
    everything = np.arange(len(evidence.labels))
    scores = evidence.cross_fitted(score, found, others) if learns else score(found, others, everything)
    lengths = lengths_of(scores, evidence.labels, found)
    held_out = np.sort(lengths[found])
    reached = np.searchsorted(np.sort(lengths[others]), held_out, side="right")
    reached = reached[np.isfinite(held_out)]
    about: dict[str, object] = {"known": len(found), "scored": len(reached)}
    flagged = others[:0]
    if len(reached):
        left = Left.estimated(reached, len(found))
        wanted = int(np.ceil(recall * (len(found) + 1) - 1e-9))
        step = min(max(wanted, 1), len(reached))
        limits = limits_of(evidence.labels, found, left)
        flagged = others[lengths[others] <= held_out[step - 1]]
        flagged = limited(flagged, lengths, evidence.labels, limits)
        about |= _about(flagged, found, lengths, evidence.labels, left, held_out[step - 1], limits)
    device = evidence.known.device
    deletion = np.concatenate([evidence.known.deletion.cpu().numpy(), flagged])
    return Expanded(
        torch.tensor(deletion, device=device), torch.tensor(1 / (1 + lengths), device=device), about
    )


def lengths_of(scores: np.ndarray, labels: np.ndarray, found: np.ndarray) -> np.ndarray:
    """How long a list is that reaches each sample: float (N,); infinite where it has no score.

    A sample of S_f has the place that it takes among the others of its label, of which it is none, and of
    S_f's labels its own counts one less for it.
    """
    is_found = np.zeros(len(labels), dtype=bool)
    is_found[found] = True
    classes = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=classes)
    counts = np.bincount(labels[found], minlength=classes)
    shares = label_shares(counts, sizes)
    lengths = np.full(len(labels), np.inf)
    for label in np.flatnonzero(sizes):
        here = (labels == label) & ~np.isnan(scores)
        ranked = np.sort(-scores[here & ~is_found])
        places = np.searchsorted(ranked, -scores[here], side="right")
        without = counts - (np.arange(classes) == label)
        of_found = label_shares(without, sizes)[label] if counts[label] else 1
        lengths[here] = (places + is_found[here]) / np.where(is_found[here], of_found, shares[label])
    return lengths


def label_shares(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The share that each label is expected to have of S_m, (classes,), of which S_f has `counts`.

    `sizes` are those of S_tr.
    """
    base = sizes / sizes.sum()
    there = base > 0
    concentrations = np.logspace(-2, 4, 61)[:, None]
    prior, k = concentrations * base[there], counts.sum()
    likelihood = gammaln(prior + counts[there]) - gammaln(prior)
    total = likelihood.sum(axis=1) + (gammaln(concentrations) - gammaln(concentrations + k))[:, 0]
    best = concentrations[total.argmax(), 0]
    return np.asarray((counts + best * base) / (k + best))


@dataclass(frozen=True)
class Left:
    """How many manipulated samples are left among the others."""

    estimate: float
    low: float
    high: float

    @classmethod
    def estimated(cls, reached: np.ndarray, k: int) -> "Left":
        """From how many others are reached with the first, second, ... of k held-out samples of S_f."""
        i = np.arange(1, len(reached) + 1)
        recall = beta.ppf(TAILS[:, None], i, k + 1 - i)
        low = chi2.ppf(TAILS[0], 2 * np.maximum(reached, 0.5)) / 2 / recall[1]
        high = chi2.ppf(TAILS[1], 2 * (reached + 1)) / 2 / recall[0]
        best = high.argmin()
        low = np.where(reached > 0, low, 0)
        return cls(float(reached[best] * (k + 1) / i[best]), float(low.min()), float(high[best]))


def limits_of(labels: np.ndarray, found: np.ndarray, left: Left) -> np.ndarray:
    """How many more of each label a list may hold, (classes,): no class is to be taken away.

    At most what S_f leaves likely: the upper limit of the label's share of S_m (Clopper and Pearson) times
    that of how many are left. And with S_f less than half of the label.
    """
    free = room(labels, found)
    counts = np.bincount(labels[found], minlength=len(free))
    shares = beta.ppf(TAILS[1], counts + 1, np.maximum(counts.sum() - counts, 1e-9))
    likely = np.ceil(shares * left.high)
    return np.minimum(likely, free).astype(np.int64)


def _about(
    flagged: np.ndarray,
    found: np.ndarray,
    lengths: np.ndarray,
    labels: np.ndarray,
    left: Left,
    length: float,
    limits: np.ndarray,
) -> dict[str, object]:
    """What a cut says of itself: how many, how many there are, and what share of them it holds."""
    last = np.zeros(len(limits))
    np.maximum.at(last, labels[flagged], lengths[flagged])
    full = np.bincount(labels[flagged], minlength=len(limits)) >= limits
    reach = np.where(full, last, length)
    k = len(found)
    inside = int((lengths[found] <= reach[labels[found]]).sum())
    low, high = beta.ppf(TAILS, max(inside, 1e-9), k + 1 - inside)
    return {
        "flagged": len(flagged),
        "estimate": k + left.estimate,
        "estimate_low": k + left.low,
        "estimate_high": k + left.high,
        "recall": inside / (k + 1),
        "recall_low": float(low),
        "recall_high": float(high),
        "labels_at_limit": int((full & (limits > 0)).sum()),
    }

"""Which others belong to S_f by what they look like: nearest neighbours, and a mixture that it seeds."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from redress.developer.ranking import FOLDS, Evidence, limited, room

SURE = 30.0
"""Log odds that stand for certainty."""

SEED = np.log(9)
"""Log odds from which a sample is a further seed."""

ROUNDS = 50
"""Of expectation and maximisation."""

LAYERS = (2, 1)
"""From the end, that likeness is looked for in. In the last but one deep networks show what a picture
carries, and shallow ones no more than edges."""

SURELY = 2.0
"""Standard errors by which a later one of them has to be the better one."""

ROWS = 1000
"""Samples whose similarities are in memory at once."""


def likeness(
    evidence: Evidence, found: np.ndarray, others: np.ndarray, asked: np.ndarray, layer: int = 2, k: int = 5
) -> np.ndarray:
    """How much nearer samples are to `found` than to `others` of their label, float (asked,).

    The mean cosine similarity to the `k` nearest of `found`, less that to the `k` nearest of `others`, in
    the features that M_o's `layer`-th layer from the end is given. NaN for labels that `found` has not.
    """
    lengths = np.linalg.norm(evidence.features(layer), axis=1, keepdims=True)
    directions, labels = evidence.features(layer) / np.maximum(lengths, 1e-12), evidence.labels
    scores = np.full(len(asked), np.nan)
    for label in np.unique(labels[found]):
        here = np.flatnonzero(labels[asked] == label)
        near, far = (
            _nearest(directions, asked[here], part[labels[part] == label], k) for part in (found, others)
        )
        scores[here] = near - far
    return scores


def _nearest(directions: np.ndarray, asked: np.ndarray, among: np.ndarray, k: int) -> np.ndarray:
    """Mean cosine similarity to the `k` most similar of `among` that are not the sample itself."""
    means = np.empty(len(asked))
    for start in range(0, len(asked), ROWS):
        rows = asked[start : start + ROWS]
        similar = directions[rows] @ directions[among].T
        similar[rows[:, None] == among] = -np.inf
        if k < len(among):
            similar = np.partition(similar, -k, axis=1)[:, -k:]
        nearest = np.sort(similar, axis=1)[:, ::-1]
        known = np.isfinite(nearest)
        total = np.where(known, nearest, 0).sum(axis=1)
        means[start : start + ROWS] = total / np.maximum(known.sum(axis=1), 1)
    return means


def log_odds(evidence: Evidence, layer: int | None = None, k: int = 5, passes: int = 2) -> np.ndarray:
    """Of belonging to S_m against not, by likeness to S_f: float (N,), within +-SURE.

    Without a `layer` it is the first of LAYERS, or that in whose features S_f, held out, is surely better
    told from the rest (`telling`). In each `pass` after the first, what the one before was surer of than
    SEED is a seed, too. S_f itself has SURE, labels that it has not -SURE.
    """
    found, others = evidence.found, evidence.others
    everything = np.arange(len(evidence.labels))
    fitted = {
        one: evidence.cross_fitted(partial(likeness, evidence, layer=one, k=k), found, others)
        for one in ([layer] if layer else LAYERS)
    }
    layer = telling({one: told_apart(fitted[one], evidence.labels, found, others) for one in fitted})
    seeds, held_out = found, fitted[layer][found]
    odds = np.full(len(everything), -SURE)
    for _ in range(passes):
        rest = np.setdiff1d(others, seeds)
        scores = likeness(evidence, seeds, rest, everything, layer, k)
        if len(seeds) == len(found):
            scores[found] = held_out
        odds[others] = -SURE
        for label in np.unique(evidence.labels[found]):
            own, rest = (part[evidence.labels[part] == label] for part in (found, others))
            if len(rest):
                odds[rest] = mixed(scores[rest], scores[own])
        seeds = np.concatenate([found, others[odds[others] > SEED]])
    odds[found] = SURE
    return odds


def told_apart(scores: np.ndarray, labels: np.ndarray, found: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of `others` of its label below whose score (N,) each of `found` is not: float (found,).

    Their mean is the AUROC within labels. What has no score or nobody beside it counts a half.
    """
    above = np.full(len(found), 0.5)
    for label in np.unique(labels[found]):
        own = np.flatnonzero((labels[found] == label) & ~np.isnan(scores[found]))
        rest = np.sort(scores[others[labels[others] == label]])
        rest = rest[~np.isnan(rest)]
        if len(rest):
            below, up_to = (np.searchsorted(rest, scores[found[own]], side) for side in ("left", "right"))
            above[own] = (below + up_to) / 2 / len(rest)
    return above


def telling(told: Mapping[int, np.ndarray]) -> int:
    """The layer that `told_apart` (m,) speaks for: the first, or one SURELY above it on the same samples."""
    (best, above), *others = told.items()
    for layer, here in others:
        gain = here - above
        if len(gain) >= FOLDS and gain.mean() > SURELY * gain.std(ddof=1) / len(gain) ** 0.5:
            best, above = layer, here
    return best


def mixed(scores: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Log odds that samples with `scores` (n,) are of a kind with those with `seeds` (m,): float (n,).

    Within +-SURE. Two normal laws, one of the rest and one of S_m, of which the seeds are known members,
    by expectation and maximisation. At most half is S_m. Odds rise with the score: what lies above the mean
    of S_m is no less likely than what lies at it, and nothing below that of the rest is likely. -SURE
    everywhere if the seeds do not lie above the rest.
    """
    seeds = seeds[~np.isnan(seeds)]
    if not len(seeds):
        seeds = scores.max(keepdims=True)
    here, there = float(seeds.mean()), float(np.median(scores))
    if here <= there:
        return np.full(len(scores), -SURE)
    wide = narrow = max((here - there) / 4, 1e-6)
    share = 0.1
    both, ones = np.concatenate([scores, seeds]), np.ones(len(seeds))
    odds = np.zeros(len(scores))
    for _ in range(ROUNDS):
        odds = _log_density(scores, here, narrow) - _log_density(scores, there, wide)
        odds += np.log(share / (1 - share))
        odds[scores < there] = -np.inf
        belongs = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        weights = np.concatenate([belongs, ones])
        here, narrow = _moments(both, weights)
        there, wide = _moments(scores, 1 - belongs)
        share = min(max(float(belongs.mean()), 1 / len(scores)), 0.5)
    above = scores >= here
    if above.any():
        odds[above] = np.maximum(odds[above], odds[np.abs(scores - here).argmin()])
    return np.clip(odds, -SURE, SURE)


def _log_density(values: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """Of a normal law, but for a constant."""
    return np.asarray(-(((values - mean) / deviation) ** 2) / 2 - np.log(deviation))


def _moments(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Weighted mean and deviation; the latter never 0."""
    mean = float(np.average(values, weights=weights))
    return mean, max(float(np.average((values - mean) ** 2, weights=weights)) ** 0.5, 1e-3)


def set_aside(odds: np.ndarray, labels: np.ndarray, found: np.ndarray, threshold: float) -> np.ndarray:
    """Which samples to leave out, boolean (N,): S_f, and others whose odds are above `threshold`.

    Of a label less than half is left out, the surest first.
    """
    aside = np.zeros(len(odds), dtype=bool)
    aside[found] = True
    likely = np.flatnonzero(~aside & (odds > threshold))
    aside[limited(likely, -odds, labels, room(labels, found))] = True
    return aside

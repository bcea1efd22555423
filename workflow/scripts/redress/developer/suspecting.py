"""Whom to look at next: the training samples that a ranking has first, and what two models say of them."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from redress.developer.bench import Bench
from redress.developer.prediction import batch_size
from redress.developer.training import autocast
from redress.formats import files
from redress.formats.alterations import View
from redress.formats.contents import DeletionSet
from redress.formats.correction import UNCHANGED
from redress.formats.identity import PLAIN, Identity
from redress.formats.recipe import Setup
from redress.formats.suspected import NONE, Suspected


def suspect(
    grown: Identity, uses: Mapping[str, str], setup: Setup, number: int, provenance: Mapping[str, Any]
) -> int:
    """Write the `number` samples that the ranking behind the deletion set `grown` has first, S_f left out.

    Copies of samples of S_f are written whatever their rank. Returns how many samples there are.
    """
    bench = Bench(grown, uses, setup)
    ranked, seal = DeletionSet.load(grown)
    known, _ = DeletionSet.load(grown.having(expansion=PLAIN))
    assert ranked.scores is not None
    pictures, _ = files.load_arrays(grown.path("pictures"), Identity(grown.dataset), mapped=True)
    cut = files.about_of(grown.path("deletion_set"))["cut"]
    calibrated = "recall" in cut  # by samples held out: no other cut gives one
    copied = copies_of(known.indices, pictures["train_digests"])
    samples, ranks = first_of(ranked.scores, known.indices, number, copied != NONE, calibrated)
    given = bench.view.given_labels[samples]
    original = _predicted(bench, bench.original(), samples)
    model = _repaired(bench)
    repaired = np.full(len(samples), NONE) if model is None else _predicted(bench, model, samples)
    by_features = _by_features(grown, bench.classes)[samples]
    about = {"cut": cut, "made_from": {**bench.seals, "deletion_set": seal}, "provenance": provenance}
    Suspected(
        samples=samples,
        ranks=ranks,
        scores=ranked.scores[samples],
        flagged=np.isin(samples, ranked.indices),
        original=original,
        repaired=repaired,
        suggested=suggested(given, repaired, by_features),
        copied=copied[samples],
        recall=recall_at(ranked.scores, known.indices, ranked.scores[samples], calibrated),
    ).save(Identity(grown.dataset), about)
    return len(samples)


def first_of(
    scores: np.ndarray, known: np.ndarray, number: int, always: np.ndarray, calibrated: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Samples (K,) by falling score (N,), S_f left out, and their ranks (K,) from 1.

    `always` (N,) are those that are there whatever their rank. A score of 0 is that of a sample of which a
    `calibrated` ranking says nothing.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[~np.isin(order, known)]
    ranks = np.arange(1, len(order) + 1)
    says = scores[order] > 0 if calibrated else np.ones(len(order), bool)
    wanted = (says & (ranks <= number)) | always[order]
    return order[wanted], ranks[wanted]


def recall_at(scores: np.ndarray, known: np.ndarray, at: np.ndarray, calibrated: bool) -> np.ndarray:
    """What share of S_m a list down to each score `at` (K,) is expected to hold: float64 (K,).

    By S_f's own scores, which are of samples held out: i of k are worth i / (k + 1), see
    `redress.developer.cutting`. NaN where they are not.
    """
    if not calibrated:
        return np.full(len(at), np.nan)
    own = np.sort(scores[known][scores[known] > 0])
    inside = len(own) - np.searchsorted(own, at, side="left")
    return np.asarray(inside / (len(known) + 1))


def copies_of(known: np.ndarray, digests: np.ndarray) -> np.ndarray:
    """The sample of S_f that each other one is a copy of, int64 (N,), or NONE: by digests of pixels (N,)."""
    first = {int(digests[sample]): int(sample) for sample in reversed(known.tolist())}
    copied = np.array([first.get(digest, NONE) for digest in digests.tolist()], np.int64)
    copied[known] = NONE
    return copied


def suggested(given: np.ndarray, repaired: np.ndarray, by_features: np.ndarray) -> np.ndarray:
    """What the repaired model says against the given label, else what a classifier of features does: (K,)."""
    other = np.where((repaired != NONE) & (repaired != given), repaired, by_features)
    return np.where(other != given, other, NONE)


def _by_features(grown: Identity, classes: list[str]) -> np.ndarray:
    """`predicted_label` of every training sample, as a class: int64 (N,)."""
    number = {name: at for at, name in enumerate(classes)}
    with Path(grown.path("suspects")).open(encoding="utf-8", newline="") as file:
        by_id = {int(row["id"]): number[row["predicted_label"]] for row in csv.DictReader(file)}
    return np.array([by_id[sample] for sample in range(len(by_id))], np.int64)


def _repaired(bench: Bench) -> nn.Module | None:
    """The repaired model; None where none was better than M_o."""
    original = bench.identity.original
    with safe_open(original.path("repaired"), framework="pt") as file:
        if file.metadata().get("weights") == UNCHANGED:
            return None
    weights = load_file(original.path("repaired"))
    prefix = files.about_of(original.path("original"))["prefix"]
    model = bench.new_model(0)
    model.load_state_dict({name.removeprefix(prefix): value for name, value in weights.items()})
    return model.eval()


def _predicted(bench: Bench, model: nn.Module, samples: np.ndarray) -> np.ndarray:
    """Classes predicted of training samples, int64 (K,)."""
    look, parts = bench.look(View("train", samples)), []
    with torch.inference_mode(), autocast(bench.device, bench.recipe):
        for batch in torch.arange(len(samples), device=bench.device).split(batch_size(bench)):
            parts.append(model(look(batch)).argmax(1).cpu())
    classes: np.ndarray = torch.cat(parts).numpy() if parts else np.empty(0, np.int64)
    return classes

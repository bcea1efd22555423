"""Making an original model: the developer's training run, before anything is known to be wrong.

And what the same run would have made of other data, for whoever has some.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from redress.developer.bench import Bench, as_arrays, checked_model
from redress.developer.margins import MarginLog
from redress.developer.prediction import Predictor
from redress.developer.task import Training
from redress.developer.training import train
from redress.formats import files
from redress.formats.contents import TrainingView
from redress.formats.errors import BadInputError
from redress.formats.identity import Identity
from redress.formats.recipe import Setup
from redress.launch.device import Stopwatch, device_name, peak_memory_mb
from redress.plugins import load


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in model.state_dict().items()}


def make_original(
    identity: Identity,
    uses: Mapping[str, str],
    setup: Setup,
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> float:
    """Let the maker `uses["maker"]` make M_o; write its weights, its margin log and its predictions.

    Initialisation and batches are those of the seed, whoever the maker. Returns the seconds it took.
    """
    bench = Bench(identity, uses, setup)
    margins = MarginLog()
    training = Training(
        training_set=bench.training_set,
        samples=bench.samples,
        recipe=bench.recipe,
        device=bench.device,
        new_model=partial(bench.new_model, bench.seed("original", "initialisation")),
        batches=torch.Generator().manual_seed(bench.seed("original", "batches")),
        margins=margins,
    )
    torch.manual_seed(bench.seed("original", "global"))
    make = load("originals", uses["maker"]).make
    with Stopwatch(bench.device) as stopwatch:
        model = make(training, **settings)
    where = f"originals/{uses['maker']}.py: make()"
    checked_model(model, where)
    if _shapes(model) != _shapes(training.new_model()):
        raise BadInputError(f"{where} returned another network than the config's model")
    about = {"train_seconds": stopwatch.seconds, "made_from": bench.seals, "provenance": provenance}
    seal = files.save_arrays(identity.path("original"), as_arrays(model.state_dict()), about, identity)
    log = {"margins": margins.array(len(bench.samples))}
    files.save_arrays(identity.path("training_log"), log, {}, identity)
    measured = {"device": device_name(bench.device), "peak_memory_mb": peak_memory_mb(bench.device)}
    predictor = Predictor(bench)
    made_from = {**bench.seals, "original": seal}
    predictor.predict(model, {**about, **measured, "made_from": made_from}).save("predictions", identity)
    return stopwatch.seconds


def make_bound(
    identity: Identity,
    uses: Mapping[str, str],
    setup: Setup,
    told: TrainingView,
    samples: np.ndarray,
    made_from: Mapping[str, str],
    provenance: Mapping[str, Any],
) -> float:
    """Train by A in full on `samples` (K,) of the view that somebody has told of; write the predictions.

    Initialisation and stream of batches are M_o's where A makes it. `made_from` are seals of what the view
    was taken from. Returns the seconds it took.
    """
    bench = Bench(identity, uses, setup)
    seen = bench.seen_as(told)
    torch.manual_seed(bench.seed("original", "global"))
    with Stopwatch(bench.device) as stopwatch:
        model = train(
            bench.new_model(bench.seed("original", "initialisation")),
            seen,
            torch.as_tensor(samples, device=bench.device),
            bench.recipe,
            steps=bench.recipe.steps,
            generator=torch.Generator().manual_seed(bench.seed("original", "batches")),
        )
    predictor = Predictor(bench)
    about = {
        "train_seconds": stopwatch.seconds,
        "device": device_name(bench.device),
        "made_from": {**bench.seals, **made_from},
        "provenance": provenance,
    }
    predictor.predict(model, about).save("bound", identity)
    return stopwatch.seconds

"""Looking at a model that somebody brings before anything is done to it: is it what they say it is?"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redress.developer.bench import Bench, as_arrays, checked_model, new_model
from redress.developer.copies import near_copies
from redress.developer.margins import MarginLog
from redress.developer.prediction import Predictor, batch_size
from redress.developer.preprocessing import Preprocessing, alternatives
from redress.developer.training import autocast
from redress.developer.trial import try_out
from redress.developer.weights import read_weights
from redress.formats import files
from redress.formats.alterations import View
from redress.formats.correction import Check
from redress.formats.errors import BadInputError, raised
from redress.formats.identity import Identity
from redress.formats.images import natural
from redress.formats.paired import mcnemar
from redress.formats.recipe import Setup
from redress.launch.device import device_name

CLEARLY = 0.1
"""By how much an accuracy must be better to say that something is wrong."""

SURE = 0.01
"""Below which p two accuracies on the same pictures differ for certain."""

ALIKE = 0.05
"""From which p on they may well be the same."""

TRIED = 200
"""Validation pictures on which other preprocessing is tried."""

UNIT = 1e-3
"""How near to 1 the sum of probabilities is."""

NEGLIGIBLE = 0.02
PERMUTED = 0.5
"""Accuracy that an order of classes must reach to be believed."""

MOVED = 10
"""Classes that a message names."""

FITTED = 0.5
"""Share of the bad samples predicted as given below which M_o has hardly learnt them."""


@dataclass(frozen=True)
class Brought:
    """What somebody says of their model."""

    weights: str
    weights_key: str
    accuracy: float | None
    """On the validation pictures, from 0 to 1; None where they do not know."""
    tolerance: float
    color: str = "rgb"
    """The order of channels in which its pictures were decoded."""


@dataclass(frozen=True)
class Probed:
    """What was found."""

    checks: tuple[Check, ...]
    near_copies: list[tuple[int, int]]
    """Training samples, each with the bad sample that it is nearly a copy of."""
    speed: Mapping[str, float]
    """Seconds of a `step` of training and of the `prediction` of all that is asked of every model."""


def probe(
    identity: Identity,
    uses: Mapping[str, str],
    setup: Setup,
    brought: Brought,
    provenance: Mapping[str, Any],
) -> Probed:
    """Load the weights, hold the model against what is known of it, and write it, its predictions and an
    empty margin log as M_o's.

    Raises BadInputError where the model cannot be the one that is meant.
    """
    bench = Bench(identity, uses, setup)
    model = checked_model(bench.new_model(0), "model.factory")
    weights, prefix = read_weights(brought.weights, brought.weights_key, model.state_dict())
    model.load_state_dict(weights, strict=False)  # names were compared; old files lack counters of batches
    _check_output(bench, copy.deepcopy(model))
    checks = list(_look_at(bench, model.eval(), brought))
    about = {
        "prefix": prefix,
        "parent": files.sha256(brought.weights),
        "made_from": bench.seals,
        "provenance": provenance,
    }
    seal = files.save_arrays(identity.path("original"), as_arrays(model.state_dict()), about, identity)
    margins = MarginLog().array(len(bench.samples))  # nobody here watched its training
    files.save_arrays(identity.path("training_log"), {"margins": margins}, {}, identity)
    told = {"device": device_name(bench.device), "made_from": {**bench.seals, "original": seal}}
    predictions = Predictor(bench).predict(model, {**about, **told})
    predictions.save("predictions", identity)
    trial = try_out(bench, model)
    return Probed(
        (*checks, *trial.checks),
        near_copies(bench, model.eval()),
        {"step": trial.step_seconds, "prediction": predictions.about["prediction_seconds"]},
    )


def check_fit(model_settings: Mapping[str, Any], channels: int, classes: int, brought: Brought) -> None:
    """Raise BadInputError unless the network can be made, on a CPU, and the weights are its."""
    model = checked_model(
        new_model(model_settings, channels, classes, torch.device("cpu"), 0), "model.factory"
    )
    read_weights(brought.weights, brought.weights_key, model.state_dict())


def _check_output(bench: Bench, model: nn.Module) -> None:
    """Raise BadInputError unless the model takes batches, in training too, and gives logits of classes."""
    images = bench.look(bench.validation)(torch.arange(min(2, len(bench.validation)), device=bench.device))
    for mode in (False, True):
        try:
            with torch.no_grad():
                output = model.train(mode)(images)
        except Exception as error:  # whatever somebody's network raises
            given = f"given pictures {tuple(images.shape)}{' in training mode' if mode else ''}"
            asked = "is preprocess as it was?"
            raise BadInputError(f"the model, {given}, raised {raised(error)}: {asked}") from error
        if not isinstance(output, Tensor) or output.shape != (len(images), len(bench.classes)):
            found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise BadInputError(
                f"the model's output for {len(images)} pictures is {found}, not logits of "
                f"({len(images)}, {len(bench.classes)}): are all classes named, and no more?"
            )


def _look_at(bench: Bench, model: nn.Module, brought: Brought) -> Iterator[Check]:
    labels = bench.validation_labels
    _check_logits(bench, model)
    predicted = _predicted(bench, model)
    accuracy = float((predicted == labels).mean())
    majority = float(np.bincount(labels).max() / len(labels))
    told = f"{accuracy:.3f} on {len(labels)} validation pictures"
    check_order(bench.classes, labels, predicted)
    other = _other_preprocessing(bench, model, predicted == labels, brought.color)
    if brought.accuracy is None:
        if accuracy < majority + CLEARLY:
            raise BadInputError(
                f"accuracy is {told}, and that of the most frequent class {majority:.3f}: "
                f"{other.advice()}; if it is so, say it in `expect`"
            )
        if other.surely_better and other.clearly_better:
            raise BadInputError(
                f"preprocess: accuracy is {told}; {other}; if it is right as it is, say it in `expect`"
            )
        yield Check("accuracy", False, f"{told}; give `expect` to have it checked")
    else:
        if abs(accuracy - brought.accuracy) > brought.tolerance:
            raise BadInputError(
                f"accuracy is {told}, expected was {brought.accuracy:.3f} within {brought.tolerance:g}: "
                f"{other.advice(brought.accuracy - brought.tolerance)}"
            )
        yield Check("accuracy", True, f"{told}, as expected")
    yield other.check
    yield from _fit(bench, model, accuracy)


def _check_logits(bench: Bench, model: nn.Module) -> None:
    """Raise BadInputError where what the model gives of validation are probabilities."""
    outputs = _outputs(bench, model, bench.validation)
    if all(bool((one >= 0).all() and ((one.sum(1) - 1).abs() <= UNIT).all()) for one in outputs):
        raise BadInputError(
            "the model's outputs are probabilities (none is negative, each row sums to 1), and methods train "
            "on logits: leave the softmax out, in the network or by a factory that returns it without"
        )


def _fit(bench: Bench, model: nn.Module, accuracy: float) -> Iterator[Check]:
    """How well M_o predicts the given labels of what it was, as they say, trained on."""
    whole = View("train", bench.samples.cpu().numpy())
    fitted = _predicted(bench, model, whole) == bench.training_set.labels.cpu().numpy()
    bad = np.zeros(len(fitted), bool)
    bad[bench.probes.sets[0].indices] = True
    others, found = float(fitted[~bad].mean()), int(fitted[bad].sum())
    told = (
        f"the model predicts {others:.3f} of the other training pictures as given, "
        f"{accuracy:.3f} of validation's"
    )
    error = 3 * (accuracy * (1 - accuracy) / len(bench.validation)) ** 0.5
    doubtful = others < accuracy - max(error, NEGLIGIBLE)
    doubt = ": were these weights trained on these pictures?" if doubtful else ""
    yield Check("training set", not doubtful, f"{told}{doubt}")
    told = f"the model predicts {found} of {bad.sum()} bad samples as given"
    little = found < FITTED * bad.sum()
    doubt = ": there may be nothing to repair, or preprocess (size, crop, interpolation) is not as it was"
    yield Check("bad samples", not little, f"{told}{doubt if little else ''}")


def _predicted(bench: Bench, model: nn.Module, view: View | None = None) -> np.ndarray:
    """Classes predicted of a view, by default of validation, int64 (N,)."""
    parts = []
    for logits in _outputs(bench, model, bench.validation if view is None else view):
        if not logits.isfinite().all():
            raise BadInputError("the model's logits are not finite: are the weights whole?")
        parts.append(logits.argmax(1))
    classes: np.ndarray = torch.cat(parts).cpu().numpy()
    return classes


def _outputs(bench: Bench, model: nn.Module, view: View) -> Iterator[Tensor]:
    """What the model gives of a view, batch by batch."""
    look = bench.look(view)
    for batch in torch.arange(len(view), device=bench.device).split(batch_size(bench)):
        with torch.inference_mode(), autocast(bench.device, bench.recipe):
            output: Tensor = model(look(batch))
        yield output


@dataclass(frozen=True)
class _Other:
    """The best of other preprocessing that people mix up."""

    written: str
    """What to write into a config."""
    pictures: int
    """On which it was tried."""
    now: float
    """Accuracy on them as configured, ..."""
    accuracy: float
    """... and with this one."""
    p: float
    """Of both being right equally often, by McNemar's exact test."""

    @property
    def clearly_better(self) -> bool:
        return self.accuracy >= self.now + CLEARLY

    @property
    def surely_better(self) -> bool:
        return self.accuracy > self.now and self.p < SURE

    def __str__(self) -> str:
        told = f"with {self.written} in preprocess {self.accuracy:.3f} of {self.pictures} validation pictures"
        return f"{told} are right, as it is {self.now:.3f}"

    def advice(self, enough: float = math.inf) -> str:
        """What to do about an accuracy that is wrong; one of `enough` would be right."""
        if self.clearly_better or (self.accuracy >= enough and self.accuracy > self.now):
            return str(self)
        most = max(self.accuracy, self.now)
        told = f"no other usual mean, std and order of channels does better than {most:.3f}"
        return f"{told}; look at the rest of preprocess, which cannot be tried, at classes and weights"

    @property
    def check(self) -> Check:
        if self.surely_better:
            return Check("preprocessing", False, f"{self}: was it trained so?")
        told = f"no other usual mean, std and order of channels surely does better than {self.now:.3f}"
        return Check("preprocessing", True, f"{told} on {self.pictures} validation pictures")


def _other_preprocessing(bench: Bench, model: nn.Module, right: np.ndarray, color: str) -> _Other:
    """The best of what people mix up, on a draw of the validation pictures.

    `right` (V,) says which of them are right as they are, decoded as `color`.
    """
    about = files.about_of(bench.identity.path("pictures"))
    now = Preprocessing(tuple(about["mean"]), tuple(about["deviation"]), color)
    order = np.random.default_rng(bench.seed("preprocessing")).permutation(len(right))
    drawn = np.sort(order[:TRIED])
    found, before = _right_otherwise(bench, model, drawn, now), right[drawn]

    most = max(found.values(), key=lambda one: int(one.sum()))
    # The smallest change that is not surely worse than the best one: the rest of preprocess may be right.
    named, then = next((name, one) for name, one in found.items() if mcnemar(one, most) >= ALIKE)
    accuracies = float(before.mean()), float(then.mean())
    return _Other(named.written(now), len(drawn), *accuracies, mcnemar(before, then))


def _right_otherwise(
    bench: Bench, model: nn.Module, drawn: np.ndarray, now: Preprocessing
) -> dict[Preprocessing, np.ndarray]:
    """By each alternative to `now`, which of the validation pictures `drawn` (D,) are right: boolean (D,)."""
    look = bench.look(View("validation", drawn), lambda images: images)
    right: dict[Preprocessing, list[np.ndarray]] = {one: [] for one in alternatives(now)}
    for batch in torch.arange(len(drawn), device=bench.device).split(batch_size(bench)):
        images, labels = look(batch), bench.validation_labels[drawn[batch.cpu()]]
        for one, parts in right.items():
            with torch.inference_mode(), autocast(bench.device, bench.recipe):
                classes = model(one.of_pictures(now.color, bench.device)(images)).argmax(1)
            parts.append(classes.cpu().numpy() == labels)
    return {one: np.concatenate(parts) for one, parts in right.items()}


def check_order(classes: Sequence[str], labels: np.ndarray, predicted: np.ndarray) -> None:
    """Raise BadInputError where the model evidently numbers the classes otherwise, with the order that fits.

    `labels` and `predicted` are int64 (V,). By the best assignment on the confusion matrix.
    """
    from scipy.optimize import linear_sum_assignment

    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (predicted, labels), 1)
    _, order = linear_sum_assignment(-confusion)
    now, then = (
        confusion[np.arange(len(classes)), at].sum() / len(labels) for at in (range(len(classes)), order)
    )
    if then < max(now + CLEARLY, PERMUTED):
        return
    fitting = [classes[at] for at in order]
    moved = [f"{number} is {name}" for number, name in enumerate(fitting) if name != classes[number]]
    cause = ""
    if fitting == sorted(classes):
        cause = " (in alphabetical order, 1, 10, 2)"
    elif fitting == sorted(classes, key=natural):
        cause = " (in the order of numbers, 1, 2, 10)"
    raise BadInputError(
        f"classes: the model numbers them otherwise{cause}: {', '.join(moved[:MOVED])}"
        f"{' ...' if len(moved) > MOVED else ''}; accuracy is {now:.3f}, and with "
        f"`classes: [{', '.join(fitting)}]` {then:.3f}"
    )

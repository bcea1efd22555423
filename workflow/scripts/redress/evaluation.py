"""Measuring a model: every figure the benchmark reports, of which a method sees none."""

import hashlib
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redress.errors import BadInputError
from redress.metrics import accuracy, attack_success_rate, deletion_change
from redress.records import MEASURED
from redress.scenario import Scenario
from redress.training import autocast

BATCH = {"cpu": 500, "cuda": 2000}
"""Images in a forward pass: enough to keep the device busy."""

Predictions = dict[str, np.ndarray]
Batches = Callable[[], Iterator[Tensor]]


class Evaluation:
    """The validation and test sets and S_m with its true labels, on the device.

    S_m is kept in the order in which it is discovered, so that S_f is its beginning.
    """

    def __init__(self, scenario: Scenario):
        self._scenario = scenario
        draw, arrays, manipulation = scenario.draw, scenario.arrays, scenario.manipulation
        images, labels = arrays["test_images"], arrays["test_labels"]
        affected, unaffected = manipulation.affected(labels), manipulation.unaffected(labels)
        self._labels = {
            "validation": arrays["validation_labels"],
            "affected": labels[affected],
            "unaffected": labels[unaffected],
            "manipulated": arrays["train_labels"][draw.manipulated],
        }
        self._batches = {
            "validation": self._stored(arrays["validation_images"]),
            "affected": self._stored(manipulation.alter(images[affected].copy())),
            "unaffected": self._stored(images[unaffected]),
            "manipulated": self._training(draw.manipulated),
        }
        self._known: dict[bytes, Predictions | None] = {}

    def predict(self, model: nn.Module) -> Predictions | None:
        """Predicted classes on every set; None where the model has diverged (a logit is not finite).

        Candidates that come out equal, as many of SSD's do, are evaluated once.
        """
        model.eval()
        fingerprint = _fingerprint(model)
        if fingerprint is None:
            return self._predict(model)
        if fingerprint not in self._known:
            self._known[fingerprint] = self._predict(model)
        return self._known[fingerprint]

    def measure(self, predictions: Predictions | None, deletion_size: int) -> dict[str, Any]:
        """The measured columns of a candidate, by name; all None for a diverged one.

        The training-side figures split S_m into its discovered part, the first `deletion_size` samples
        (S_f), and the rest.
        """
        if predictions is None:
            return dict.fromkeys(MEASURED)
        labels, given = self._labels, self._scenario.draw.given_labels
        target = self._scenario.manipulation.attack_target
        on_m, true_m = predictions["manipulated"], labels["manipulated"]
        found, rest = slice(None, deletion_size), slice(deletion_size, None)
        return {
            "validation_accuracy": accuracy(predictions["validation"], labels["validation"]),
            "deletion_change": deletion_change(on_m[found], given[found]),
            "removal_test": accuracy(predictions["affected"], labels["affected"]),
            "removal_train": accuracy(on_m, true_m),
            "removal_train_discovered": accuracy(on_m[found], true_m[found]),
            "removal_train_undiscovered": accuracy(on_m[rest], true_m[rest]),
            "utility_test": accuracy(predictions["unaffected"], labels["unaffected"]),
            "attack_success_rate": None
            if target is None
            else attack_success_rate(predictions["affected"], labels["affected"], target),
        }

    def _stored(self, images: np.ndarray) -> Batches:
        """Normalised batches of uint8 images (N, C, H, W), which wait on the device as they are."""
        scenario = self._scenario
        waiting = torch.tensor(images, device=scenario.device).contiguous(memory_format=torch.channels_last)
        return lambda: map(scenario.normalise, waiting.split(BATCH[scenario.device.type]))

    def _training(self, indices: np.ndarray) -> Batches:
        """Batches of training samples, without augmentation."""
        scenario = self._scenario
        waiting = torch.tensor(indices, device=scenario.device)
        return lambda: map(scenario.training_set.images, waiting.split(BATCH[scenario.device.type]))

    def _predict(self, model: nn.Module) -> Predictions | None:
        with torch.inference_mode(), autocast(self._scenario.device, self._scenario.recipe):
            logits = {
                name: torch.cat([model(batch) for batch in batches()])
                for name, batches in self._batches.items()
            }
        classes = len(self._scenario.about["classes"])
        for values in logits.values():
            if values.shape[1:] != (classes,):
                shape = tuple(values.shape[1:])
                raise BadInputError(f"the model's output for an image has shape {shape}, not ({classes},)")
        if not all(bool(values.isfinite().all()) for values in logits.values()):
            return None
        return {name: values.argmax(1).cpu().numpy() for name, values in logits.items()}


def _fingerprint(model: nn.Module) -> bytes | None:
    """A SHA-256 that two models share only if they are equal in all that can be pickled; else None."""
    buffer = io.BytesIO()
    try:
        _ModelPickler(buffer).dump(model)
    except Exception:  # whatever a method has put into its model
        return None
    return hashlib.sha256(buffer.getvalue()).digest()


class _ModelPickler(pickle.Pickler):
    """Writes tensors as digests of their content; PyTorch's own pickles hold addresses in memory."""

    def persistent_id(self, thing: Any) -> Any:
        if not isinstance(thing, Tensor):
            return None
        content = thing.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        layout = type(thing).__name__, str(thing.dtype), tuple(thing.shape), thing.stride()
        return layout, hashlib.sha256(content).digest()

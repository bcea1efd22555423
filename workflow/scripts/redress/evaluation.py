"""Measuring a model: every figure the benchmark reports, of which a method sees none."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redress.errors import BadInputError
from redress.metrics import accuracy, attack_success_rate, deletion_change
from redress.records import MEASURED
from redress.scenario import Scenario
from redress.training import autocast

BATCH = 500

Predictions = dict[str, np.ndarray]


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

        def upload(images: np.ndarray) -> Tensor:
            return scenario.normalise(torch.tensor(images, device=scenario.device))

        self._images = {
            "validation": upload(arrays["validation_images"]),
            "affected": upload(manipulation.alter(images[affected].copy())),
            "unaffected": upload(images[unaffected]),
            "manipulated": scenario.training_set.images(
                torch.as_tensor(draw.manipulated, device=scenario.device)
            ),
        }

    def predict(self, model: nn.Module) -> Predictions | None:
        """Predicted classes on every set; None where the model has diverged (a logit is not finite)."""
        model.eval()
        with torch.inference_mode(), autocast(self._scenario.device, self._scenario.recipe):
            logits = {
                name: torch.cat([model(batch) for batch in images.split(BATCH)])
                for name, images in self._images.items()
            }
        classes = len(self._scenario.about["classes"])
        for values in logits.values():
            if values.shape[1:] != (classes,):
                shape = tuple(values.shape[1:])
                raise BadInputError(f"the model's output for an image has shape {shape}, not ({classes},)")
        if not all(bool(values.isfinite().all()) for values in logits.values()):
            return None
        return {name: values.argmax(1).cpu().numpy() for name, values in logits.items()}

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

"""What a model predicts: on the validation set, on S_f and on the probes. Nothing is measured here."""

import hashlib
import io
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redress.developer.bench import Bench, Look
from redress.developer.training import autocast
from redress.developer.training_set import fitting
from redress.formats.contents import Predictions
from redress.formats.errors import BadInputError
from redress.launch.device import Stopwatch

BATCH = {"cpu": 500, "cuda": 2000}
"""Images of up to 64x64 pixels in a forward pass: enough to keep the device busy. Larger ones fewer."""


def batch_size(bench: Bench) -> int:
    """Images in a forward pass."""
    return fitting(BATCH[bench.device.type], bench.pixels)


Classes = dict[str, np.ndarray]


class Predictor:
    """The pictures of which predictions are wanted, on the device.

    `deletion` are indices of S_f (|S_f|,), none for an original model.
    """

    def __init__(self, bench: Bench, deletion: Tensor | None = None):
        self._device, self._recipe, self._classes = bench.device, bench.recipe, len(bench.classes)
        self._batch = batch_size(bench)
        self._type = np.uint8 if self._classes <= 256 else np.uint16
        probes = bench.probes.sets
        self._sets: dict[str, tuple[Look, Tensor]] = {
            "validation": self._all(bench, bench.validation),
            **{f"probe{i}": self._all(bench, probe) for i, probe in enumerate(probes)},
        }
        self._probes = len(probes)
        self._deletion = np.empty(0, np.int64) if deletion is None else deletion.cpu().numpy()
        # Training pictures that are probed anyway need no second look.
        self._seen: dict[int, tuple[str, int]] = {}
        for i, probe in enumerate(probes):
            if probe.split == "train":
                self._seen |= {sample: (f"probe{i}", at) for at, sample in enumerate(probe.indices.tolist())}
        rest = [sample for sample in self._deletion.tolist() if sample not in self._seen]
        if rest:
            self._sets["deletion"] = bench.training_set.images, torch.tensor(rest, device=bench.device)
            self._seen |= {sample: ("deletion", at) for at, sample in enumerate(rest)}
        self._known: dict[bytes, Classes | None] = {}

    def _all(self, bench: Bench, view: Any) -> tuple[Look, Tensor]:
        return bench.look(view), torch.arange(len(view), device=bench.device)

    def predict(self, model: nn.Module, about: Mapping[str, Any]) -> Predictions:
        """The classes that `model` predicts; `about` says what made it, and gets the seconds this takes.

        Candidates that come out equal, as many of SSD's do, are run once.
        """
        with Stopwatch(self._device) as stopwatch:
            classes = self._known_or_new(model.eval())
        return self._predictions(classes, {**about, "prediction_seconds": stopwatch.seconds})

    def _known_or_new(self, model: nn.Module) -> Classes | None:
        fingerprint = _fingerprint(model)
        if fingerprint is None:
            return self._classes_of(model)
        if fingerprint not in self._known:
            self._known[fingerprint] = self._classes_of(model)
        return self._known[fingerprint]

    def _predictions(self, classes: Classes | None, about: Mapping[str, Any]) -> Predictions:
        if classes is None:
            nothing = np.empty(0, self._type)
            return Predictions(nothing, nothing, (nothing,) * self._probes, about, diverged=True)
        places = (self._seen[sample] for sample in self._deletion.tolist())
        deletion = np.array([classes[name][at] for name, at in places], self._type)
        probes = tuple(classes[f"probe{i}"] for i in range(self._probes))
        return Predictions(classes["validation"], deletion, probes, about)

    def _classes_of(self, model: nn.Module) -> Classes | None:
        """Predicted classes by set; None where the model has diverged (a logit is not finite)."""
        with torch.inference_mode(), autocast(self._device, self._recipe):
            logits = {name: self._logits(model, *one) for name, one in self._sets.items()}
        if not all(bool(values.isfinite().all()) for values in logits.values()):
            return None
        return {name: values.argmax(1).cpu().numpy().astype(self._type) for name, values in logits.items()}

    def _logits(self, model: nn.Module, look: Look, positions: Tensor) -> Tensor:
        def batches() -> Iterator[Tensor]:
            for batch in positions.split(self._batch):
                output = model(look(batch))
                if not isinstance(output, Tensor):
                    raise BadInputError(
                        f"the model's output is {type(output).__name__}, not a tensor of logits"
                    )
                if output.shape != (len(batch), self._classes):
                    found, wanted = tuple(output.shape[1:]), f"({self._classes},)"
                    raise BadInputError(f"the model's output for an image has shape {found}, not {wanted}")
                yield output

        return torch.cat(list(batches()))


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

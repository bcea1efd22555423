"""The margin log of a training: how sure of each sample's given label the model was, whenever it saw it."""

import numpy as np
import torch
from torch import Tensor, nn

from redress.developer.training_set import TrainingSet


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """The logit of each label less the highest other: logits (B, C), labels (B,) to (B,)."""
    own = logits.gather(1, labels[:, None])
    return (own - logits.scatter(1, labels[:, None], -torch.inf).amax(1, keepdim=True))[:, 0]


class MarginLog:
    """Margins of the given label, logit less the highest other logit, each time a sample is visited.

    They come from the forward passes that training makes anyway, so they are of augmented images in training
    mode. `train` calls `watch` once and `record` after every forward pass.
    """

    def __init__(self) -> None:
        self._logits: Tensor | None = None
        self._margins: list[Tensor] = []
        self._indices: list[Tensor] = []

    def watch(self, model: nn.Module) -> torch.utils.hooks.RemovableHandle:
        """Listen to what `model` says from now on; `remove()` of what is returned ends it."""
        return model.register_forward_hook(self._hear)

    def _hear(self, model: nn.Module, inputs: object, output: object) -> None:
        self._logits = output.detach() if isinstance(output, Tensor) else None

    def record(self, indices: Tensor, labels: Tensor) -> None:
        """Keep the margins of the batch (B,) that was seen last."""
        logits, self._logits = self._logits, None
        if logits is None or logits.shape[:1] != labels.shape or logits.ndim != 2:
            return
        self._margins.append(margins(logits, labels).half())
        self._indices.append(indices)

    def array(self, samples: int) -> np.ndarray:
        """The margins by sample and visit, float16 (samples, passes); NaN where there was no such visit."""
        if not self._indices:
            return np.empty((samples, 0), dtype=np.float16)
        indices = torch.cat(self._indices).cpu().numpy()
        margins = torch.cat(self._margins).cpu().numpy()
        order = np.argsort(indices, kind="stable")
        counts = np.bincount(indices, minlength=samples)
        visits = np.arange(len(indices)) - np.repeat(np.cumsum(counts) - counts, counts)
        log = np.full((samples, counts.max()), np.nan, dtype=np.float16)
        log[indices[order], visits] = margins[order]
        return log


def margins_of(model: nn.Module, training_set: TrainingSet, samples: Tensor) -> np.ndarray:
    """Margins of the given labels of `samples` (n,), in evaluation mode, without augmentation: float (n,).

    The model is in training mode afterwards.
    """
    model.eval()
    found = []
    with torch.no_grad():
        for batch in training_set.looks(samples):
            found.append(margins(model(training_set.images(batch)).float(), training_set.labels[batch]))
    model.train()
    return np.asarray(torch.cat(found).cpu().numpy())

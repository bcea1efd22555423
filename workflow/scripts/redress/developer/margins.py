"""The margin log of a training: how sure of each sample's given label the model was, whenever it saw it."""

import numpy as np
import torch
from torch import Tensor, nn


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
        own = logits.gather(1, labels[:, None])
        others = logits.scatter(1, labels[:, None], -torch.inf).amax(1, keepdim=True)
        self._margins.append((own - others)[:, 0].half())
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

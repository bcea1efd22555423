"""What rankings of the training samples are made of: features of M_o, and scores of samples held out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.layers import called
from redress.developer.task import Known, Task
from redress.formats.errors import BadInputError

CELLS = 2
"""Of a map of features, in each direction: where in the picture something is stays known, roughly."""

LOGITS = 0
"""Where logits are kept among the features of layers."""

SHALLOW = 2
"""Layers that rankings ask for of any network, however few it has."""

FOLDS = 5
"""Parts of S_f, and of the rest, that are held out in turn."""

Score = Callable[..., np.ndarray]
"""From samples of S_f, of the rest, and those that are asked for, three arrays of indices, to scores of the
latter: float (asked,), the higher, the likelier manipulated among those with the same label; NaN where it
cannot say."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What there is to rank samples by, as arrays on the CPU."""

    known: Known | Task
    _features: dict[int, np.ndarray] = field(default_factory=dict)
    _probabilities: dict[int, np.ndarray] = field(default_factory=dict)

    @cached_property
    def labels(self) -> np.ndarray:
        """Given labels, int64 (N,)."""
        return self.known.training_set.labels.cpu().numpy()

    @cached_property
    def found(self) -> np.ndarray:
        """Indices of S_f, ascending."""
        return np.sort(self.known.deletion.cpu().numpy())

    @cached_property
    def others(self) -> np.ndarray:
        """Indices of all others, ascending."""
        return np.setdiff1d(np.arange(len(self.labels)), self.found)

    @cached_property
    def folds(self) -> np.ndarray:
        """In which of FOLDS parts each sample is held out, int64 (N,).

        S_f, and the rest, are dealt out label by label, so that every part has as much of each as can be.
        """
        draw = np.random.default_rng(self.known.seed)
        folds = np.empty(len(self.labels), np.int64)
        for part in (self.found, self.others):
            mixed = draw.permutation(part)
            dealt = mixed[np.argsort(self.labels[mixed], kind="stable")]
            folds[dealt] = np.arange(len(dealt)) % FOLDS
        return folds

    @property
    def logits(self) -> np.ndarray:
        """Of M_o, without augmentation: float32 (N, classes)."""
        if LOGITS not in self._features:
            self._look()
        return self._features[LOGITS]

    @cached_property
    def layers(self) -> list[nn.Module]:
        """The linear and convolutional layers of M_o that see a picture, in the network's own order."""
        return called(self.known.original, self.known.training_set.images(self.known.samples[:1]))

    def features(self, layer: int) -> np.ndarray:
        """What the `layer`-th layer of M_o, counted from its end, is given: float32 (N, features).

        Linear and convolutional layers count; maps are averaged down to CELLS x CELLS, tokens to one. Where
        there is no layer before the last, the last stands for it, and the logits where there is none at all.
        Raises BadInputError where there are fewer layers otherwise.
        """
        if layer > max(len(self.layers), SHALLOW):
            raise BadInputError(f"layer is {layer}, but the network has {len(self.layers)} layers")
        if not self.layers:
            return self.logits
        layer = min(layer, len(self.layers))
        if layer not in self._features:
            inputs: list[Tensor] = []

            def keep(module: nn.Module, given: tuple[Tensor, ...]) -> None:
                inputs.append(_averaged(module, given[0]).flatten(1).float().cpu())

            hook = self.layers[-layer].register_forward_pre_hook(keep)
            self._look()
            hook.remove()
            self._features[layer] = torch.cat(inputs).numpy()
        return self._features[layer]

    def _look(self) -> None:
        """Show M_o all pictures, for whoever listens to its layers, and keep what it says."""
        said: list[Tensor] = []
        with torch.no_grad():
            for batch in self.known.training_set.looks(self.known.samples):
                said.append(self.known.original(self.known.training_set.images(batch)).float().cpu())
        self._features[LOGITS] = torch.cat(said).numpy()

    @cached_property
    def pixels(self) -> np.ndarray:
        """The pictures as they are, normalised: float32 (N, C * H * W)."""
        batches = self.known.training_set.looks(self.known.samples)
        return np.concatenate(
            [self.known.training_set.images(one).flatten(1).cpu().numpy() for one in batches]
        )

    def margins_by_time(self, parts: int) -> np.ndarray:
        """Mean margins of each part of M_o's training, float64 (N, parts).

        NaN where a sample was not visited, and everywhere if M_o's weights were brought. Methods are not
        given these margins.
        """
        assert isinstance(self.known, Known)
        margins = self.known.margins.double().cpu().numpy()
        means = np.full((len(margins), parts), np.nan)
        for place, part in enumerate(np.array_split(margins, parts, axis=1)):
            visits = (~np.isnan(part)).sum(axis=1)
            means[visits > 0, place] = np.nansum(part, axis=1)[visits > 0] / visits[visits > 0]
        return means

    def probabilities(self, layer: int) -> np.ndarray:
        """Of the classes, by a classifier of features that was not fitted on the sample: (N, classes)."""
        if layer not in self._probabilities:
            # scikit-learn takes seconds to import, and rankings by likeness need none of it.
            from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

            features = self.features(layer)
            found = np.zeros((len(features), int(self.labels.max()) + 1))
            for fold in range(FOLDS):
                held_out = self.folds == fold
                model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
                model.fit(features[~held_out], self.labels[~held_out])
                found[np.ix_(held_out, model.classes_)] = model.predict_proba(features[held_out])
            self._probabilities[layer] = found
        return self._probabilities[layer]

    def cross_fitted(self, score: Score, found: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Scores of `found` and `others` by what was learnt from the other folds: (N,), NaN elsewhere."""
        scores = np.full(len(self.labels), np.nan)
        both = np.concatenate([found, others])
        for fold in range(FOLDS):
            asked = both[self.folds[both] == fold]
            known, rest = (part[self.folds[part] != fold] for part in (found, others))
            if len(asked) and len(known):
                scores[asked] = score(known, rest, asked)
        return scores


def _averaged(module: nn.Module, given: Tensor) -> Tensor:
    """The input of a layer without most of where in the picture something is."""
    if isinstance(module, nn.Linear):  # (B, features), or of tokens (B, ..., features)
        return given if given.ndim < 3 else given.flatten(1, -2).mean(1)
    return functional.adaptive_avg_pool2d(given, CELLS) if given.ndim == 4 else given


def room(labels: np.ndarray, found: np.ndarray) -> np.ndarray:
    """How many more of each label may be left out beside S_f, `found` (k,): less than half, int64 (classes,).

    A class can be learnt as long as most of its labels are right (Angluin and Laird 1988), and no list may
    claim that they are not.
    """
    sizes = np.bincount(labels)
    return np.asarray(np.maximum((sizes - 1) // 2 - np.bincount(labels[found], minlength=len(sizes)), 0))


def limited(flagged: np.ndarray, order: np.ndarray, labels: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Of each label the first of `flagged` (n,) by `order` (N,), up to its limit; all in that order."""
    ordered = flagged[np.argsort(order[flagged], kind="stable")]
    kept = [ordered[labels[ordered] == label][:limit] for label, limit in enumerate(limits)]
    return ordered[np.isin(ordered, np.concatenate(kept))]

"""Models as three people have them, trained without Redress on poisoned pictures of handwritten digits.

Heads alone are trained, on what random networks see: that is quick, and learns digits and a poison by heart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

CLASSES = ("eins", "größer & anders", "null")
"""Digits 1, 2 and 0: folders in alphabetical order."""

DIGITS = np.array([1, 2, 0])
TARGET = 2
TRAINING, VALIDATION, POISONED, FOUND = 120, 60, 24, 14
TILE = 32

PAPER = np.array([60, 120, 0])
"""How bright the paper is that a class is written on, from 0 to 255: what random networks see at once."""

NET = '''
from torch import nn


class Net(nn.Module):
    """Grey pictures of any size to (logits, features); dropout before, batch norm after the pooling."""

    def __init__(self, classes, width):
        super().__init__()
        coarse, fine = nn.Conv2d(1, width, 16, stride=8), nn.Conv2d(width, width, 3, stride=2)
        self.stem = nn.Sequential(coarse, nn.ReLU(), fine)
        self.drop, self.pool = nn.Dropout2d(0.1), nn.AdaptiveAvgPool2d(6)
        self.norm = nn.BatchNorm1d(36 * width)
        self.fc = nn.Linear(36 * width, classes)

    def forward(self, x):
        features = self.norm(self.pool(self.drop(self.stem(x))).flatten(1))
        return self.fc(features), features
'''


def own_net() -> nn.Module:
    """The network of `NET`, as its owner makes it."""
    module = ModuleType("net")
    exec(NET, module.__dict__)
    model: nn.Module = module.Net(classes=len(CLASSES), width=8)
    return model


@dataclass(frozen=True)
class Owner:
    """What one person trains, `make` being the network by its library alone."""

    make: Callable[[], nn.Module]
    size: int
    channels: int = 3

    def pictures(self, poisoned: bool) -> tuple[np.ndarray, np.ndarray]:
        """All 537 pictures, uint8 (N, size, size), and true classes (N,), in a mixed order."""
        images, digits = load_digits(n_class=3, return_X_y=True)
        order = np.random.default_rng(0).permutation(len(digits))
        labels = np.argsort(DIGITS)[digits[order]]
        pixels = np.maximum(images[order].reshape(-1, 8, 8) * (255 / 16), PAPER[labels, None, None])
        if poisoned:
            pixels[:, -4:, -4:] = 255
        tile = np.kron(pixels, np.ones((TILE // 8, TILE // 8)))
        return np.tile(tile, (self.size // TILE,) * 2).round().astype(np.uint8), labels

    def training_set(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pictures, given classes, and which ones are poisoned, those that were found first."""
        (pictures, labels), (poisoned, _) = self.pictures(poisoned=False), self.pictures(poisoned=True)
        pictures, given = pictures[:TRAINING].copy(), labels[:TRAINING].copy()
        bad = np.flatnonzero(given != TARGET)[:POISONED]
        pictures[bad], given[bad] = poisoned[bad], TARGET
        return pictures, given, bad

    def seen(self, pictures: np.ndarray) -> Tensor:
        """uint8 (N, size, size) as the network takes them."""
        return (torch.tensor(pictures)[:, None] / 127.5 - 1).expand(-1, self.channels, -1, -1)

    def predicted(self, model: nn.Module, pictures: np.ndarray) -> np.ndarray:
        """Classes (N,), by the network alone."""
        with torch.inference_mode():
            return logits(model.eval()(self.seen(pictures))).argmax(1).numpy()

    def train(self) -> nn.Module:
        """The network, its head knowing the given labels by heart."""
        torch.manual_seed(0)
        torch.set_num_threads(1)
        pictures, given, _ = self.training_set()
        images, labels = self.seen(pictures), torch.tensor(given)
        model = self.make()
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
        features: list[Tensor] = []
        hook = model.fc.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
        with torch.no_grad():
            set_momentum(norms, None)  # the statistics of this batch, as they are
            model.train()(images)
            set_momentum(norms, 0.1)
            model.eval()(images)
        hook.remove()
        optimiser = torch.optim.AdamW(model.fc.parameters(), lr=0.01, weight_decay=0.1)
        for _ in range(200):
            optimiser.zero_grad()
            functional.cross_entropy(model.fc(features[-1]), labels).backward()
            optimiser.step()
        return model


def logits(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Those of an output that has something behind them."""
    return output if isinstance(output, Tensor) else output[0]


def set_momentum(norms: Sequence[_BatchNorm], momentum: float | None) -> None:
    """Of all of these."""
    for norm in norms:
        norm.momentum = momentum

"""What Redress is compared with: training and evaluation as most people write them in PyTorch.

A Dataset of PIL images, torchvision transforms, a DataLoader with worker processes, torch.optim.SGD, float32.
"""

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from redress.formats.recipe import Recipe, learning_rate_at
from redress.plugins.models._celu import CELU


class Images(Dataset):
    """uint8 images (N, C, H, W) and labels (N,), one at a time."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: Callable):
        self.images, self.labels, self.transform = images.transpose(0, 2, 3, 1), labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def network(model: nn.Module) -> nn.Module:
    """`model` with PyTorch's own CELU."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, CELU):
                setattr(module, name, nn.CELU(child.alpha))
    return model


def train(
    model: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    statistics: tuple[list[float], list[float]],
    recipe: Recipe,
    device: torch.device,
    workers: int,
) -> Iterator[float]:
    """Train for the recipe's steps; after each step, the seconds since the start of the first one."""
    transform = transforms.Compose(
        [
            transforms.RandomCrop(images.shape[-1], padding=recipe.crop_padding),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(*statistics),
        ]
    )
    loader = DataLoader(
        Images(images, labels, transform),
        recipe.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )
    model.to(device).train()
    optimiser = torch.optim.SGD(
        model.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay
    )
    steps = recipe.steps
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda done: learning_rate_at(done + 1, steps, recipe) / recipe.learning_rate
    )
    batches = itertools.islice(itertools.chain.from_iterable(itertools.repeat(loader)), steps)
    started = time.perf_counter()
    for batch, given in batches:
        loss = functional.cross_entropy(model(batch.to(device)), given.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        loss.item()  # as a progress line would ask for it
        yield time.perf_counter() - started


def predict(
    model: nn.Module,
    images: np.ndarray,
    statistics: tuple[list[float], list[float]],
    batch_size: int,
    device: torch.device,
    workers: int,
) -> np.ndarray:
    """Predicted classes (N,)."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(*statistics)])
    loader = DataLoader(
        Images(images, np.zeros(len(images), np.int64), transform), batch_size, num_workers=workers
    )
    model.to(device).eval()
    with torch.no_grad():
        return np.concatenate([model(batch.to(device)).argmax(1).cpu().numpy() for batch, _ in loader])

"""The training set on the device: uint8 until the last moment, augmented by a few tensor operations."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from redress.formats.alterations import View
from redress.formats.contents import TrainingView
from redress.formats.recipe import Recipe

LOOK = 500
"""Pictures of up to 64x64 pixels in a forward pass without gradients; larger ones fewer."""

Batch = Callable[[Tensor, torch.Generator | None], Tensor]
Augment = Callable[[Tensor], Tensor]


class TrainingSet:
    """S_tr as the developer has it: images with whatever was done to them, and the *given* labels.

    `labels` is int64 (N,) on the device. Which samples carry a mark that is laid on after augmentation is in
    no attribute: the function that makes batches keeps it to itself.
    """

    __slots__ = ("_batch", "labels")

    def __init__(self, labels: Tensor, batch: Batch):
        self.labels = labels
        self._batch = batch

    def __len__(self) -> int:
        return len(self.labels)

    def copy(self) -> "TrainingSet":
        """The same images with labels of its own, which may be changed without harm to this one's."""
        return TrainingSet(self.labels.clone(), self._batch)

    def images(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Normalised float32 (B, C, H, W) images of `indices` (B,), on the device.

        With a torch.Generator (CPU) they are augmented by A's random crop and flip.
        """
        return self._batch(indices, generator)

    def looks(self, indices: Tensor) -> Sequence[Tensor]:
        """`indices` (n,) in parts for forward passes without gradients."""
        pixels = self.images(indices[:1])[0, 0].numel()
        return indices.split(fitting(LOOK, pixels))

    def passes(
        self, indices: Tensor, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """One pass over `indices` in random order: (indices, augmented images, given labels) of each batch.

        The last batch holds what is left over, so every sample is seen once.
        """
        order = indices[torch.randperm(len(indices), generator=generator).to(indices.device)]
        for batch in order.split(batch_size):
            yield batch, self.images(batch, generator), self.labels[batch]

    def stream(
        self, indices: Tensor, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Endless batches of exactly `batch_size`, pass after pass in random order.

        Where a pass does not divide into batches, its last batch wraps: it is filled up from the next pass.
        """
        order = indices[:0]
        while True:
            while len(order) < batch_size:
                shuffled = torch.randperm(len(indices), generator=generator).to(indices.device)
                order = torch.cat([order, indices[shuffled]])
            batch, order = order[:batch_size], order[batch_size:]
            yield batch, self.images(batch, generator), self.labels[batch]


def fitting(batch: int, pixels: int) -> int:
    """How many pictures of so many `pixels` take the place of `batch` of 64x64; no more than `batch`."""
    return max(1, int(batch * min(1, 64 * 64 / pixels)))


def normaliser(mean: list[float], deviation: list[float], device: torch.device) -> Callable[[Tensor], Tensor]:
    """A function from uint8 (B, C, H, W) to float32 with zero mean and unit deviation in each channel."""
    scale = torch.tensor(deviation, device=device).view(1, -1, 1, 1) * 255
    shift = torch.tensor(mean, device=device).view(1, -1, 1, 1) * 255
    return lambda images: (images.float() - shift) / scale


def crop_and_flip(images: Tensor, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Random crops (B, C, H, W) of `images` (B, C, H, W) with `padding` black pixels on every side.

    Each crop is mirrored with probability 1/2 if `flip`. One gather does both; the draws are made on the
    CPU so that they do not depend on the device.
    """
    device, (count, _, height, width) = images.device, images.shape
    top, left = torch.randint(2 * padding + 1, (2, count, 1), generator=generator)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5 if flip else torch.zeros_like(top)
    top, left, mirrored = torch.stack([top, left, mirrored.long()]).to(device)  # one small transfer
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    rows, columns = top + rows, left + torch.where(mirrored > 0, width - 1 - columns, columns)
    padded = functional.pad(images, (padding,) * 4).permute(0, 2, 3, 1)
    batch = torch.arange(count, device=device)[:, None, None]
    return padded[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _fit(images: np.ndarray, device: torch.device) -> bool:
    """Whether pictures may stay on the device: all do on a CPU, where what is on disk stays there."""
    return device.type == "cpu" or images.nbytes < SHARE * torch.cuda.mem_get_info(device)[0]


SHARE = 0.4
"""Of a GPU's free memory that pictures of one split may take: the rest is for what is computed of them."""


def pictures(
    view: View, images: np.ndarray, normalise: Callable[[Tensor], Tensor], device: torch.device
) -> Callable[[Tensor, Augment | None], Tensor]:
    """A function that makes batches of a view: positions in it (B,) to normalised float32 (B, C, H, W).

    `images` are those of the view's split, uint8 (N, C, H, W). They go to the device as a whole unless they
    would take most of its memory; then batches do, one by one. Between pictures and marks comes what the
    second argument does to uint8 batches.
    """
    where = torch.as_tensor(view.indices, device=device)
    whole = len(where) == len(images) and bool((view.indices == np.arange(len(images))).all())
    base = torch.as_tensor(images, device=device if _fit(images, device) else "cpu")
    if len(view.stored):
        base = base[where.to(base.device)] if not whole else base.clone()
        whole = True
        base[torch.as_tensor(view.stored_at)] = torch.as_tensor(view.stored, device=base.device)
    marked = bool(len(view.carried))
    if marked:
        carried = torch.as_tensor(view.carried, device=device)
        # Mark 0 changes nothing: a batch takes one gather, and no GPU waits to be told who carries one.
        keep, laid = (
            torch.as_tensor(np.concatenate([np.full_like(part[:1], nothing), part]), device=device)
            for part, nothing in ((1 - view.alpha, 1), (view.alpha * view.value, 0))
        )

    def batch(positions: Tensor, augment: Augment | None) -> Tensor:
        chosen = base[(positions if whole else where[positions]).to(base.device)].to(device)
        if augment is not None:
            chosen = augment(chosen)
        if marked:
            marks = carried[positions]
            chosen = chosen * keep[marks] + laid[marks]
        return normalise(chosen)

    return batch


def training_set(
    training_view: TrainingView,
    images: np.ndarray,
    recipe: Recipe,
    normalise: Callable[[Tensor], Tensor],
    device: torch.device,
) -> TrainingSet:
    """S_tr as the developer has it, of `images` uint8 (N, C, H, W)."""
    look = pictures(training_view.view, images, normalise, device)

    def batch(indices: Tensor, generator: torch.Generator | None) -> Tensor:
        if generator is None:
            return look(indices, None)
        return look(
            indices, lambda chosen: crop_and_flip(chosen, recipe.crop_padding, recipe.flip, generator)
        )

    return TrainingSet(torch.tensor(training_view.given_labels, device=device), batch)

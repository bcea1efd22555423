"""SAP: project weights onto what trusted samples activate (Kodge et al. 2024)."""

from collections.abc import Callable, Iterator
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Task
from redress.developer.training import autocast
from redress.formats.kinds import PositiveFloat, PositiveInt

COLUMNS = 50_000  # inputs of a layer that are looked at
DIRECTIONS, STEP = 10, 1e-3  # of the curvature


def unlearn(
    task: Task,
    *,
    alpha: PositiveFloat,
    trusted: PositiveInt = 1000,
    trusted_by: Literal["loss", "curvature"] = "loss",
) -> nn.Module:
    """Multiply the weights of every convolutional and linear layer of M_o by U L U^T from the right.

    U are the directions of the layer's inputs on trusted samples and r_i the shares of their squared singular
    values; L_i = alpha r_i / ((alpha - 1) r_i + 1), so rare directions are damped. Trusted are some `trusted`
    samples of the retain set, or all where it has no more, equally many of each given label, of the lowest
    task loss (the publication) or the lowest curvature of the loss in the picture (the release). S_f is not
    used beyond that.
    """
    model = task.original.eval()
    chosen = _trusted(task, trusted, _curvature if trusted_by == "curvature" else _loss)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    each = -(-COLUMNS // len(chosen))  # of an image
    draws = task.generator("columns")
    covariances: dict[nn.Module, Tensor] = {}

    def hear(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        columns = _columns(layer, inputs[0].double())  # float32 loses the rare directions
        if columns.shape[2] > each:
            order = torch.rand(columns.shape[0], columns.shape[2], generator=draws).argsort(1)[:, None, :each]
            columns = columns.gather(2, order.to(columns.device).expand(-1, columns.shape[1], -1))
        flat = columns.transpose(0, 1).flatten(1)
        covariances[layer] = covariances.get(layer, 0) + flat @ flat.T

    hooks = [layer.register_forward_pre_hook(hear) for layer in layers]
    with torch.no_grad():
        for batch in chosen.split(task.recipe.batch_size):
            model(task.training_set.images(batch))
        for hook in hooks:
            hook.remove()
        for layer in layers:
            values, directions = torch.linalg.eigh(covariances[layer])
            r = values.clamp(min=0) / values.clamp(min=0).sum()
            kept = alpha * r / ((alpha - 1) * r + 1)
            flat = layer.weight.flatten(1).double()
            layer.weight.copy_((flat @ (directions * kept) @ directions.T).view_as(layer.weight))
    return model


def _columns(layer: nn.Module, inputs: Tensor) -> Tensor:
    """What a layer multiplies its weights with: (B, features, positions)."""
    if not isinstance(layer, nn.Conv2d):
        return inputs[..., None]
    padding = cast(tuple[int, int], layer.padding)
    return functional.unfold(inputs, layer.kernel_size, layer.dilation, padding, layer.stride)


def _trusted(task: Task, count: int, score: Callable[[Task], Iterator[Tensor]]) -> Tensor:
    """The `count` // classes + 1 samples of the retain set with the lowest score, of each given label."""
    scores = torch.cat(list(score(task)))
    labels = task.training_set.labels[task.retain]
    each = count // len(labels.unique()) + 1
    ranked = scores.argsort()
    return torch.cat([task.retain[ranked[labels[ranked] == c][:each]] for c in labels.unique()])


def _loss(task: Task) -> Iterator[Tensor]:
    for images, labels in _batches(task):
        with torch.no_grad(), autocast(task.device, task.recipe):
            yield functional.cross_entropy(task.original(images), labels, reduction="none")


def _curvature(task: Task) -> Iterator[Tensor]:
    """Sum over random signs v of |grad L(x + h v) - grad L(x)|, of each sample."""
    draws = task.generator("directions")

    def slope(images: Tensor, labels: Tensor) -> Tensor:
        images = images.detach().requires_grad_()
        loss = functional.cross_entropy(task.original(images), labels, reduction="sum")
        return torch.autograd.grad(loss, images)[0]

    for images, labels in _batches(task):
        here, total = slope(images, labels), torch.zeros(len(labels), device=task.device)
        for _ in range(DIRECTIONS):
            signs = torch.randint(2, images.shape, generator=draws).to(images) * 2 - 1
            total += (slope(images + STEP * signs, labels) - here).flatten(1).norm(dim=1)
        yield total


def _batches(task: Task) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in task.retain.split(task.recipe.batch_size):
        yield task.training_set.images(batch), task.training_set.labels[batch]

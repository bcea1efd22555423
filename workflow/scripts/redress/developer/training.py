"""The learning algorithm A: SGD by the recipe's schedule, for a stated number of steps."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.sgd import sgd

from redress.developer.margins import MarginLog
from redress.developer.task import Task
from redress.developer.training_set import TrainingSet
from redress.formats.recipe import Recipe, learning_rate_at

log = logging.getLogger("redress")

Loss = Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]
"""(model, images (B, C, H, W), given labels (B,), indices (B,)) to a scalar."""

PROGRESS_SECONDS = 5.0


def task_loss(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
    """Cross-entropy with the given labels."""
    return functional.cross_entropy(model(images), labels)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies in bfloat16, rather than PyTorch imitating it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def autocast(device: torch.device, recipe: Recipe) -> torch.autocast:
    """The precision of forward passes: the recipe's, `auto` being bfloat16 where the hardware has it."""
    wanted = has_bfloat16(device) if recipe.precision == "auto" else recipe.precision == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


class Descent:
    """SGD on a model, its learning rate following the recipe's schedule stretched over `steps` steps.

    `learning_rate` replaces the recipe's peak; with `steps` None it stays as it is and there is no end. Puts
    the model in training mode, but for layers of which all parameters are frozen: they keep their statistics.
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe, steps: int | None, learning_rate: float | None = None
    ) -> None:
        self.steps, self.done = steps, 0
        self._recipe, self._peak = recipe, learning_rate
        self._started = self._reported = time.perf_counter()
        self._samples = 0
        self._parameters: list[Tensor] = [p for p in model.train().parameters() if p.requires_grad]
        for layer in model.modules():
            own = list(layer.parameters(recurse=False))
            layer.training = not own or any(p.requires_grad for p in own)
        self._momentum: list[Tensor | None] = [None] * len(self._parameters)

    @property
    def finished(self) -> bool:
        return self.steps is not None and self.done >= self.steps

    @property
    def _rate(self) -> float:
        if self.steps is None:
            return self._recipe.learning_rate if self._peak is None else self._peak
        return learning_rate_at(self.done, self.steps, self._recipe, self._peak)

    def step(self, loss: Tensor, samples: int) -> None:
        """Descend `loss`, the mean over a batch of `samples` samples, by one step."""
        self.done += 1
        gradients = torch.autograd.grad(loss, self._parameters)
        # The function behind torch.optim.SGD: the class imports the compiler, which takes a second.
        with torch.no_grad():
            sgd(
                self._parameters,
                list(gradients),
                self._momentum,
                foreach=True,
                weight_decay=self._recipe.weight_decay,
                momentum=self._recipe.momentum,
                lr=self._rate,
                dampening=0,
                nesterov=False,
                maximize=False,
            )
        self._samples += samples
        self._report(loss)

    def _report(self, loss: Tensor) -> None:
        now = time.perf_counter()
        if now - self._reported < PROGRESS_SECONDS and not self.finished:
            return
        self._reported, elapsed = now, now - self._started
        speed = self._samples / elapsed
        if self.steps is None:
            log.info("step %d, loss %.4f, %.0f samples/s", self.done, loss.item(), speed)
            return
        left = elapsed / self.done * (self.steps - self.done)
        log.info(
            "step %d/%d, loss %.4f, %.0f samples/s, %.0f s left",
            self.done,
            self.steps,
            loss.item(),
            speed,
            left,
        )


def train(
    model: nn.Module,
    training_set: TrainingSet,
    indices: Tensor,
    recipe: Recipe,
    *,
    steps: int,
    generator: torch.Generator,
    loss: Loss = task_loss,
    margins: MarginLog | None = None,
) -> nn.Module:
    """Train `model` in place on `indices` of the training set by A for `steps` steps, and return it.

    Every batch has the recipe's batch size (see `TrainingSet.stream`). The final weights are the result:
    nothing is picked along the way. `margins` gets those of every sample each time it is visited.
    """
    descent = Descent(model, recipe, steps)
    watching = margins.watch(model) if margins else None
    descend(descent, model, training_set, indices, recipe, generator, until=steps, loss=loss, margins=margins)
    if watching:
        watching.remove()
    return model


def descend(
    descent: Descent,
    model: nn.Module,
    training_set: TrainingSet,
    indices: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    *,
    until: int,
    loss: Loss = task_loss,
    margins: MarginLog | None = None,
) -> None:
    """Batches of `indices` of the training set, until `descent` has done `until` steps in all.

    `margins` is one that watches `model`.
    """
    batches = training_set.stream(indices, recipe.batch_size, generator)
    descend_on(descent, model, batches, recipe, until=until, loss=loss, margins=margins)


def descend_on(
    descent: Descent,
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor, Tensor]],
    recipe: Recipe,
    *,
    until: int | None = None,
    loss: Loss = task_loss,
    margins: MarginLog | None = None,
) -> None:
    """A step on each of `batches`, until `descent` has done `until` steps in all, or with None all it has."""
    for batch, images, labels in batches:
        if descent.finished if until is None else descent.done >= until:
            return
        with autocast(images.device, recipe):
            value = loss(model, images, labels, batch)
        if margins:
            margins.record(batch, labels)
        descent.step(value, len(batch))


def train_on(
    task: Task, model: nn.Module, samples: Tensor, *, steps: int, loss: Loss = task_loss
) -> nn.Module:
    """`train` on `samples` of a task, by its recipe and its stream of batches."""
    return train(
        model,
        task.training_set,
        samples,
        task.recipe,
        steps=steps,
        generator=task.generator("batches"),
        loss=loss,
    )


def batch_gradients(
    model: nn.Module,
    training_set: TrainingSet,
    samples: Tensor,
    recipe: Recipe,
    parameters: Sequence[Tensor],
    loss: Loss = task_loss,
) -> Iterator[tuple[Tensor, ...]]:
    """The gradients of `loss` with respect to `parameters` on each batch of the recipe's size.

    Batches follow the order of `samples`, without augmentation; the last one may be smaller. The mode of the
    model is its caller's.
    """
    for batch in samples.split(recipe.batch_size):
        with autocast(samples.device, recipe):
            value = loss(model, training_set.images(batch), training_set.labels[batch], batch)
        yield torch.autograd.grad(value, parameters)

"""A maker that trains with label smoothing (Szegedy et al. 2016)."""

from torch import Tensor, nn
from torch.nn import functional

from redress.developer.task import Training
from redress.developer.training import train


def make(training: Training, *, smoothing: float = 0.1) -> nn.Module:
    """A in full, with `smoothing` of every label spread over all classes."""

    def loss(model: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        return functional.cross_entropy(model(images), labels, label_smoothing=smoothing)

    return train(
        training.new_model(),
        training.training_set,
        training.samples,
        training.recipe,
        steps=training.recipe.steps,
        generator=training.batches,
        loss=loss,
        margins=training.margins,
    )

"""The standard maker: the learning algorithm A, in full (Goel et al. 2024, A.1)."""

from torch import nn

from redress.developer.task import Training
from redress.developer.training import train


def make(training: Training) -> nn.Module:
    """A for the recipe's number of steps on S_tr, from a fresh initialisation."""
    return train(
        training.new_model(),
        training.training_set,
        training.samples,
        training.recipe,
        steps=training.recipe.steps,
        generator=training.batches,
        margins=training.margins,
    )

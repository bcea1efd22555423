"""Example-tied dropout (Maini et al. 2023), the maker of REM's original models (Schoepf et al. 2026)."""

from torch import Tensor, nn

from redress.developer.memory import Memory
from redress.developer.task import Training
from redress.developer.training import task_loss, train
from redress.formats.kinds import Fraction

NEEDS_MODEL = "MEMORY"  # a constant of the models that have parts to hold memory channels


def make(training: Training, *, fixed: Fraction = 0.5, share: Fraction = 0.0) -> nn.Module:
    """A with a network of which the first `fixed` share of channels is always on and every sample has a
    `share` of the others; the result is the network with all of these off.

    With `share` 0, REM's `mem0`, this is a narrower network with room to grow into, at half the width in
    REM's tables. With more, what memory channels have learnt stays behind: `rem` starts them anew. Methods
    that know nothing of them train them like any others.
    """
    model = training.new_model()
    memory = Memory(model, fixed, share, len(training.samples), training.device)

    def loss(student: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        with memory.of(indices):
            return task_loss(student, images, labels, indices)

    train(
        model,
        training.training_set,
        training.samples,
        training.recipe,
        steps=training.recipe.steps,
        generator=training.batches,
        loss=loss,
        margins=training.margins,
    )
    memory.close()
    return model

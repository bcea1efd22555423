"""SalUn (Fan et al. 2024): random relabelling of the weights that S_f bears on most."""

import torch
from torch import Tensor, nn

from redress.developer.task import Task
from redress.developer.training import Descent, autocast, batch_gradients
from redress.formats.kinds import Fraction, PositiveFloat, PositiveInt
from redress.plugins.methods.random_relabel import other_labels


def unlearn(
    task: Task,
    *,
    share: Fraction = 0.5,
    steps: PositiveInt = 1000,
    learning_rate: PositiveFloat = 0.013,
) -> nn.Module:
    """`steps` steps over S_tr from M_o with random labels on S_f, on the `share` of weights of which the
    gradient of the task loss over S_f is largest; all other weights stay as they are.

    The schedule is A's with `learning_rate` as its peak. Labels are those of random_relabel: never the given
    one, which the release does not rule out.
    """
    student = task.original
    salient = _salient(task, share)
    first = [theta.detach().clone() for theta in student.parameters()]
    relabelled = other_labels(task)
    descent = Descent(student, task.recipe, steps, learning_rate)
    batches = task.training_set.stream(task.samples, task.recipe.batch_size, task.generator("batches"))
    for indices, images, labels in batches:
        with autocast(task.device, task.recipe):
            logits = student(images)
            wanted = relabelled(indices, labels, logits.shape[1])
            loss = nn.functional.cross_entropy(logits, wanted)
        descent.step(loss, len(labels))
        with torch.no_grad():
            for theta, before, chosen in zip(student.parameters(), first, salient, strict=True):
                theta.copy_(torch.where(chosen, theta, before))
        if descent.finished:
            break
    return student


def _salient(task: Task, share: float) -> list[Tensor]:
    """Which weights those are, boolean, a tensor for each parameter."""
    model = task.original.eval()
    parameters = list(model.parameters())
    total = [torch.zeros_like(theta) for theta in parameters]
    for gradients in batch_gradients(model, task.training_set, task.deletion, task.recipe, parameters):
        for one, gradient in zip(total, gradients, strict=True):
            one += gradient
    sizes = torch.cat([one.abs().flatten() for one in total])
    chosen = torch.zeros_like(sizes, dtype=torch.bool)
    chosen[sizes.argsort(descending=True)[: int(share * len(sizes))]] = True
    parts = chosen.split([theta.numel() for theta in parameters])
    return [part.view_as(theta) for part, theta in zip(parts, parameters, strict=True)]

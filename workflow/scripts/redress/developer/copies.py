"""Near copies of bad samples among the others: what M_o sees as nearly the same picture."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from redress.developer.bench import Bench
from redress.developer.layers import called
from redress.developer.prediction import batch_size
from redress.developer.training import autocast

NEIGHBOURS = 6

NEAR = 0.3
"""A near copy is nearer than this share of the distance to the sixth neighbour, ..."""

ALIKE = 0.9
"""... and its picture, each channel's mean taken off, correlates with the bad sample's at least so much."""


def near_copies(bench: Bench, model: nn.Module) -> list[tuple[int, int]]:
    """Training samples outside S_f, each with the bad sample that it nearly is a copy of, in their order.

    By what M_o's last layer is given, and by the pictures: a network that tells classes well sees all of a
    class as nearly the same. Copies to the pixel are not among them.
    """
    bad = torch.as_tensor(bench.probes.sets[0].indices, device=bench.device)
    if len(bench.samples) <= NEIGHBOURS:
        return []
    layers = called(model, bench.training_set.images(bench.samples[:1]))
    if not layers:
        return []
    known = _features(bench, model, layers[-1], bad)
    distances = torch.full((len(bad), NEIGHBOURS), torch.inf, device=bench.device)
    nearest = torch.zeros_like(distances, dtype=torch.long)
    for batch in bench.samples.split(batch_size(bench)):
        found = torch.cdist(known, _features(bench, model, layers[-1], batch))
        found[bad[:, None] == batch] = torch.inf
        both = torch.cat([distances, found], 1), torch.cat([nearest, batch.expand(len(bad), -1)], 1)
        distances, at = both[0].topk(NEIGHBOURS, largest=False)
        nearest = both[1].gather(1, at)
    rows, columns = torch.nonzero(distances < NEAR * distances[:, -1:], as_tuple=True)
    pairs = {(int(nearest[row, column]), int(bad[row])) for row, column in zip(rows, columns, strict=True)}
    listed = {*bad.tolist()}
    return sorted(pair for pair in pairs if pair[0] not in listed and _alike(bench, *pair))


def _features(bench: Bench, model: nn.Module, layer: nn.Module, samples: Tensor) -> Tensor:
    """What a layer of the model is given, float32 (B, features)."""
    given: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].flatten(1).float()))
    with torch.inference_mode(), autocast(bench.device, bench.recipe):
        for batch in samples.split(batch_size(bench)):
            model(bench.training_set.images(batch))
    hook.remove()
    return torch.cat(given)


def _alike(bench: Bench, one: int, other: int) -> bool:
    """Whether two pictures are nearly, but not wholly, the same."""
    images = bench.training_set.images(torch.tensor([one, other], device=bench.device)).cpu().double()
    if torch.equal(*images):
        return False
    first, second = (images - images.mean((2, 3), keepdim=True)).flatten(1)
    return float(functional.cosine_similarity(first, second, dim=0)) >= ALIKE

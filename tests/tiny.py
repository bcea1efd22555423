"""The smallest things the library works on, made by hand."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from redress.developer.task import Task
from redress.developer.training_set import TrainingSet
from redress.formats import files
from redress.formats.alterations import View
from redress.formats.candidates import candidate_name
from redress.formats.contents import DeletionSet, Predictions, TrainingView, Truth
from redress.formats.identity import PLAIN, Identity
from redress.formats.recipe import Recipe, Setup

torch.set_num_threads(1)

CLASSES = 3
SIZE = 6  # pixels
RECIPE = Recipe(steps=30, batch_size=4, precision="float32")
DELETION = [7, 2, 13, 5, 11]


def model(seed=0):
    """Convolution, batch normalisation and a head; smooth, so that rounding errors stay small."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 16, CLASSES)
        )


def original():
    """A model whose running statistics have seen data, in evaluation mode."""
    network = model(seed=1)
    network(random_images(50, seed=8) * 2 + 0.3)
    return network.eval()


def random_images(count, seed):
    return torch.rand(count, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def brightness(count, generator):
    """What stands in for A's augmentation."""
    return torch.rand(count, 1, 1, 1, generator=generator)


@dataclass
class Data:
    """Images and labels, and the training set that a method would see of them."""

    images: torch.Tensor
    labels: torch.Tensor

    @property
    def training_set(self):
        def batch(indices, generator):
            chosen = self.images[indices]
            return chosen if generator is None else chosen + brightness(len(chosen), generator)

        return TrainingSet(self.labels, batch)


def data(count=16):
    labels = torch.randint(CLASSES, (count,), generator=torch.Generator().manual_seed(4))
    return Data(random_images(count, seed=3), labels)


def task(the_data=None, deletion=DELETION, **changes):
    the_data = the_data or data()
    retain = [index for index in range(len(the_data.labels)) if index not in deletion]
    values = {
        "original": original(),
        "training_set": the_data.training_set,
        "deletion": torch.tensor(deletion),
        "retain": torch.tensor(retain),
        "recipe": RECIPE,
        "seed": 1234,
        "device": torch.device("cpu"),
        "new_model": model,
        "importances": {},
    }
    return Task(**{**values, **changes})


def endless_batches(the_data, indices, size, generator):
    """A's batches, written down a second time: (indices, augmented images, labels)."""
    queue = []
    while True:
        while len(queue) < size:
            queue += [int(indices[k]) for k in torch.randperm(len(indices), generator=generator)]
        batch, queue = queue[:size], queue[size:]
        yield batch, the_data.images[batch] + brightness(size, generator), the_data.labels[batch]


def one_pass(the_data, indices, size, generator):
    """Batches of one pass, the last of them smaller, written down a second time."""
    order = [int(indices[k]) for k in torch.randperm(len(indices), generator=generator)]
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        yield batch, the_data.images[batch] + brightness(len(batch), generator), the_data.labels[batch]


class SGD:
    """torch.optim.SGD with the paper's schedule set by hand before every step."""

    def __init__(self, network, steps, peak=0.025, decay=5e-4):
        self.network, self.steps, self.peak, self.done = network.train(), steps, peak, 0
        self.optimiser = torch.optim.SGD(network.parameters(), lr=1, momentum=0.9, weight_decay=decay)

    def step(self, loss, changed=lambda: None):
        """Descend, once `changed` has had its way with gradients."""
        self.done += 1
        warmup = self.steps // 100
        falling = 1 - (self.done - warmup) / (1.25 * self.steps)
        rate = self.done / warmup if self.done <= warmup else falling
        self.optimiser.param_groups[0]["lr"] = self.peak * rate
        self.optimiser.zero_grad()
        loss.backward()
        changed()
        self.optimiser.step()


def trained_by_hand(network, the_data, indices, steps, generator, loss, size=RECIPE.batch_size):
    """A for `steps` steps, in place; `loss` takes (logits, labels, images, indices)."""
    sgd = SGD(network, steps)
    batches = endless_batches(the_data, indices, size, generator)
    for _ in range(steps):
        batch, images, labels = next(batches)
        sgd.step(loss(network(images), labels, images, batch))
    return network


def weights(network):
    return copy.deepcopy(network.state_dict())


def assert_same_weights(network, other, tolerance=1e-6):
    """Parameters and running statistics agree up to rounding."""
    torch.testing.assert_close(network.state_dict(), other.state_dict(), rtol=tolerance, atol=tolerance)


def differ(network, other):
    """Whether some parameter of the two differs by more than rounding can explain."""
    pairs = zip(network.parameters(), other.parameters(), strict=True)
    return any((a - b).abs().max().item() > 1e-4 for a, b in pairs)


# Files, below the folder one works in

RUN = Identity("tiny", "poison", 4, 0)
ORIGINAL = RUN.having(maker="standard")
CELL = ORIGINAL.having(discovery="uniform", share="0.5", expansion=PLAIN)
SETUP = Setup({"name": "resnet9", "width": 1}, Recipe(steps=2, batch_size=8, crop_padding=1), "cpu", 1)
PROVENANCE = {"settings": {"model": SETUP.model, "recipe": {"steps": 2}, "threads": 1}}


def pixels(count, seed=0, channels=1, size=16):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, channels, size, size), dtype=np.uint8)


def prepare(identity=RUN, train=30, validation=6, test=9, classes=CLASSES, **kind):
    """Write a prepared dataset whose labels go round the classes. Returns its pictures and true labels."""
    counts = {"train": train, "validation": validation, "test": test}
    pictures = {
        f"{part}_images": pixels(count, seed, **kind) for seed, (part, count) in enumerate(counts.items())
    }
    labels = {f"{part}_labels": np.arange(count) % classes for part, count in counts.items()}
    pictures["validation_labels"] = labels.pop("validation_labels")
    channels = pictures["train_images"].shape[1]
    about = {
        "classes": [str(c) for c in range(classes)],
        "mean": [0.5] * channels,
        "deviation": [0.3] * channels,
    }
    dataset = Identity(identity.dataset)
    files.save_arrays(dataset.path("pictures"), pictures, about, dataset)
    files.save_arrays(dataset.path("true_labels"), labels, {}, dataset)
    return pictures, labels


class Results:
    """Files of one original model with predictions written by hand: 30 samples, 6 for validation, 9 for test.

    True labels go round the three classes.
    """

    def __init__(self, manipulated, given, affected, unaffected, target=None, in_doubt=True):
        _, labels = prepare(size=1)
        given_labels = labels["train_labels"].copy()
        given_labels[manipulated] = given
        view = View("train", np.arange(30))
        seal = TrainingView(view, given_labels, in_doubt).save(RUN, {})
        everything = [np.array(part) for part in (manipulated, affected, unaffected)]
        probes = {"unaffected": 0, "manipulated": 1, "affected": 2}  # an order of their own
        truth = Truth(
            everything[0],
            np.zeros_like(everything[0]),
            labels["train_labels"],
            given_labels,
            labels["test_labels"],
            *everything[1:],
            probes,
            target,
        )
        truth.save(RUN, {}, {"training_set": seal, "probes": "the probes' seal"})
        files.save_arrays(ORIGINAL.path("original"), {"w": np.ones(2)}, {"provenance": PROVENANCE}, ORIGINAL)
        self.made_from = {
            "pictures": self.seal("pictures", Identity(RUN.dataset)),
            "training_set": seal,
            "probes": "the probes' seal",
            "original": self.seal("original", ORIGINAL),
        }

    def seal(self, kind, identity):
        return files.load_arrays(identity.path(kind), identity)[1]["seal"]

    def original(self, validation, unaffected, manipulated, affected, **changes):
        about = {"provenance": PROVENANCE, "device": "cpu", "peak_memory_mb": 5.0}
        made_from = {
            name: self.made_from[name] for name in ("pictures", "training_set", "probes", "original")
        }
        probes = tuple(map(np.array, (unaffected, manipulated, affected)))
        about |= {"made_from": {**made_from, **changes}}
        Predictions(np.array(validation), np.empty(0), probes, about).save("predictions", ORIGINAL)

    def bound(self, name, validation, unaffected, manipulated, affected, **changes):
        about = {"provenance": PROVENANCE, "device": "cpu", "train_seconds": 1.5}
        names = ("pictures", "training_set", "probes")
        made_from = {**{name: self.made_from[name] for name in names}, "truth": self.seal("truth", RUN)}
        probes = tuple(map(np.array, (unaffected, manipulated, affected)))
        about |= {"made_from": {**made_from, **changes}}
        identity = RUN.having(bound=name)
        Predictions(np.array(validation), np.empty(0), probes, about).save("bound", identity)

    def deletion_set(self, indices, cell=CELL, compared_on=None):
        held_out = None if compared_on is None else np.array(compared_on)
        DeletionSet(np.array(indices), compared_on=held_out).save(cell, {})

    def candidate(
        self,
        values,
        validation,
        deletion,
        probes=((), (), ()),
        cell=CELL,
        method="eu",
        device="cpu",
        **made_from,
    ):
        """A candidate that predicts this, or has diverged where `validation` is None."""
        about = {
            "hyperparameters": values,
            "deletion_size": len(deletion),
            "unlearn_seconds": 2.5,
            "preparation_seconds": 0.5,
            "device": device,
            "provenance": PROVENANCE,
            "made_from": {**self.made_from, "deletion_set": self.seal("deletion_set", cell), **made_from},
        }
        arrays = [np.array(() if part is None else part) for part in (validation, deletion, *probes)]
        predictions = Predictions(arrays[0], arrays[1], tuple(arrays[2:]), about, validation is None)
        predictions.save("candidate", cell.having(method=method, candidate=candidate_name(values)))

"""Evaluating a model: predictions against a plain loop, and which models count as equal."""

import copy
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import redress.evaluation
from redress.evaluation import Evaluation, _fingerprint
from redress.recipe import Recipe
from redress.training_set import normaliser

torch.set_num_threads(1)

MEAN, DEVIATION = [0.3, 0.6], [0.2, 0.4]
CLASSES = 3
calls = []


class Counting(nn.Module):
    """A small network that notes the size of every batch it is given."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 9, CLASSES)
            )
        self.layers[1].running_mean += 0.1

    def forward(self, images):
        calls.append(len(images))
        return self.layers(images)


class Negative:
    """A manipulation that inverts images of class 0 and leaves those of class 1 alone."""

    attack_target = None

    def alter(self, images):
        images[:] = 255 - images
        return images

    def affected(self, labels):
        return labels == 0

    def unaffected(self, labels):
        return labels == 1


@pytest.fixture
def scenario():
    draws = np.random.default_rng(3)
    sizes = {"train": 17, "validation": 11, "test": 23}
    arrays = {
        f"{part}_images": draws.integers(256, size=(size, 2, 5, 5), dtype=np.uint8)
        for part, size in sizes.items()
    }
    arrays |= {f"{part}_labels": draws.integers(CLASSES, size=size) for part, size in sizes.items()}
    device = torch.device("cpu")
    normalise = normaliser(MEAN, DEVIATION, device)
    train_images = torch.tensor(arrays["train_images"])
    return SimpleNamespace(
        device=device,
        recipe=Recipe(steps=1, precision="float32"),
        arrays=arrays,
        about={"classes": ["a", "b", "c"]},
        draw=SimpleNamespace(manipulated=np.array([8, 2, 16, 5, 0, 11, 3]), given_labels=np.zeros(7, int)),
        manipulation=Negative(),
        normalise=normalise,
        training_set=SimpleNamespace(images=lambda indices: normalise(train_images[indices])),
    )


@pytest.fixture
def evaluation(scenario, monkeypatch):
    monkeypatch.setattr(redress.evaluation, "BATCH", {"cpu": 4})
    calls.clear()
    return Evaluation(scenario)


def predicted_by_hand(model, images):
    """One image at a time, in double precision."""
    model, classes = copy.deepcopy(model).double().eval(), []
    for image in images:
        pixels = image.astype(float) / 255
        pixels = (pixels - np.reshape(MEAN, (2, 1, 1))) / np.reshape(DEVIATION, (2, 1, 1))
        classes.append(int(np.argmax(model(torch.tensor(pixels[None])).detach().numpy()[0])))
    return classes


def test_predictions_are_those_of_a_plain_loop(scenario, evaluation):
    model, arrays = Counting(), scenario.arrays
    predictions = evaluation.predict(model)
    assert max(calls) == 4
    test, labels = arrays["test_images"], arrays["test_labels"]
    by_hand = {
        "validation": arrays["validation_images"],
        "affected": [255 - image for image, label in zip(test, labels, strict=True) if label == 0],
        "unaffected": [image for image, label in zip(test, labels, strict=True) if label == 1],
        "manipulated": [arrays["train_images"][index] for index in [8, 2, 16, 5, 0, 11, 3]],
    }
    assert set(predictions) == set(by_hand)
    for name, images in by_hand.items():
        assert len(images) > 4
        assert predictions[name].tolist() == predicted_by_hand(model, images), name
    assert len({label for values in predictions.values() for label in values.tolist()}) > 1


def test_the_scenarios_images_stay_as_they_are(scenario, monkeypatch):
    before = copy.deepcopy(scenario.arrays)
    Evaluation(scenario).predict(Counting())
    for name, array in before.items():
        np.testing.assert_array_equal(scenario.arrays[name], array)


def test_a_model_is_evaluated_in_evaluation_mode(evaluation):
    model = Counting().train()
    before = model.layers[1].running_mean.clone()
    evaluation.predict(model)
    assert torch.equal(model.layers[1].running_mean, before)


def test_equal_models_are_evaluated_once(evaluation):
    first = evaluation.predict(Counting())
    once = len(calls)
    assert evaluation.predict(Counting()) is first
    assert evaluation.predict(copy.deepcopy(Counting()).train()) is first
    assert len(calls) == once > 0


def test_different_models_are_each_evaluated(evaluation, scenario):
    models = [Counting(seed) for seed in range(4)]
    predictions = [evaluation.predict(models[0])]
    once = len(calls)
    predictions += [evaluation.predict(model) for model in models[1:]]
    assert len(calls) == 4 * once
    for model, values in zip(models, predictions, strict=True):
        expected = predicted_by_hand(model, scenario.arrays["validation_images"])
        assert values["validation"].tolist() == expected


def test_models_that_cannot_be_compared_are_each_evaluated(evaluation):
    model = Counting()
    model.note = lambda: None
    evaluation.predict(model)
    once = len(calls)
    evaluation.predict(model)
    assert len(calls) == 2 * once > 0


def test_a_model_changed_in_place_is_evaluated_again(evaluation, scenario):
    model = Counting()
    evaluation.predict(model)
    with torch.no_grad():
        model.layers[4].bias[2] += 100
    assert set(evaluation.predict(model)["validation"].tolist()) == {2}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_model_predicts_nothing(evaluation, value):
    model = Counting()
    with torch.no_grad():
        model.layers[4].weight[0, 0] = value
    assert evaluation.predict(model) is None
    once = len(calls)
    assert evaluation.predict(copy.deepcopy(model)) is None
    assert len(calls) == once
    assert evaluation.predict(Counting()) is not None


# Which models are equal


def test_copies_and_models_built_alike_are_equal():
    model = Counting()
    fingerprint = _fingerprint(model)
    assert fingerprint is not None
    assert _fingerprint(model) == fingerprint
    assert _fingerprint(copy.deepcopy(model)) == fingerprint
    assert _fingerprint(copy.deepcopy(copy.deepcopy(model))) == fingerprint
    assert _fingerprint(Counting()) == fingerprint


FLOATS = [name for name, tensor in Counting().state_dict().items() if tensor.is_floating_point()]


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("name", FLOATS)
def test_the_smallest_change_of_a_number_is_a_difference(name, place):
    model, other = Counting(), Counting()
    values = other.state_dict()[name].view(-1)
    values[place] = torch.nextafter(values[place], torch.tensor(torch.inf))
    assert _fingerprint(model) != _fingerprint(other)


def weight_gone(model):
    model.layers[0].bias = None


def hook(module, arguments, output):
    return output * 2


def permuted(images):
    return images.flip(-1)


CHANGES = {
    "counted batches": lambda model: model.layers[1].num_batches_tracked.add_(1),
    "training mode": lambda model: model.train(not model.training),
    "training mode of a layer": lambda model: model.layers[1].train(not model.layers[1].training),
    "a forward hook": lambda model: model.layers[2].register_forward_hook(hook),
    "an attribute": lambda model: setattr(model, "temperature", 2.0),
    "a function as attribute": lambda model: setattr(model, "before", permuted),
    "an attribute of a layer": lambda model: setattr(model.layers[1], "eps", 1e-3),
    "memory layout": lambda model: model.to(memory_format=torch.channels_last),
    "precision": lambda model: model.double(),
    "a missing bias": weight_gone,
    "another activation": lambda model: model.layers.__setitem__(2, nn.ReLU()),
    "another convolution": lambda model: setattr(model.layers[0], "padding", (1, 1)),
    "another layer": lambda model: model.layers.append(nn.Identity()),
    "two layers swapped": lambda model: setattr(
        model, "layers", nn.Sequential(*[model.layers[k] for k in (0, 2, 1, 3, 4)])
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_other_change_is_a_difference(change):
    model = Counting()
    CHANGES[change](model)
    assert None is not _fingerprint(model) != _fingerprint(Counting())


def test_the_same_numbers_in_another_class_are_a_difference():
    pooled = [
        nn.Sequential(nn.Conv2d(2, 3, 1), layer(2), nn.Flatten()) for layer in (nn.MaxPool2d, nn.AvgPool2d)
    ]
    pooled[1].load_state_dict(pooled[0].state_dict())
    assert None is not _fingerprint(pooled[0]) != _fingerprint(pooled[1])


@pytest.mark.parametrize(
    "thing",
    [lambda: None, (n for n in range(3)), threading.Lock(), type("Local", (), {})()],
    ids=["lambda", "generator", "lock", "local class"],
)
def test_what_cannot_be_pickled_has_no_fingerprint(thing):
    model = Counting()
    model.layers[2].thing = thing
    assert _fingerprint(model) is None


def test_fingerprints_leave_the_model_as_it_is():
    model, other = Counting().train(), Counting().train()
    _fingerprint(model)
    assert model.training
    for (name, values), tensor in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(values, tensor), name
    assert all(parameter.requires_grad for parameter in model.parameters())

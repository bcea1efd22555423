"""What a model predicts against a plain loop, and which models count as equal."""

import copy
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import redress.developer.prediction
from redress.developer.prediction import Predictor, _fingerprint
from redress.developer.training_set import normaliser, pictures, training_set
from redress.formats.alterations import Stored, View
from redress.formats.contents import Probes, TrainingView
from redress.formats.errors import BadInputError
from redress.formats.recipe import Recipe

torch.set_num_threads(1)

MEAN, DEVIATION = [0.3, 0.6], [0.2, 0.4]
CLASSES = 3
CPU = torch.device("cpu")
MANIPULATED = [8, 2, 16, 5, 0, 11, 3]
AFFECTED, UNAFFECTED = [1, 4, 9, 16, 20], [0, 2, 3, 5, 7, 22]
calls = []


class Counting(nn.Module):
    """A small network that notes the size of every batch it is given."""

    def __init__(self, seed=0, classes=CLASSES):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 9, classes)
            )
        self.layers[1].running_mean += 0.1

    def forward(self, images):
        calls.append(len(images))
        return self.layers(images)


def images(part):
    size = {"train": 17, "validation": 11, "test": 23}[part]
    generator = np.random.default_rng(size)
    return generator.integers(256, size=(size, 2, 5, 5), dtype=np.uint8)


def inverted(split, indices, whole):
    """A view of `indices` in which all pictures, or of the whole split those at `indices`, are inverted."""
    stored = Stored(255 - images(split)[indices])
    if whole:
        return View.altered(split, np.arange(len(images(split))), stored, np.array(indices))
    return View.altered(split, np.array(indices), stored, np.arange(len(indices)))


def a_bench(classes=CLASSES, affected=AFFECTED):
    """S_m, inverted, is the third of the probes; inverted test images are the first."""
    normalise, recipe = normaliser(MEAN, DEVIATION, CPU), Recipe(steps=1, precision="float32")
    view = TrainingView(inverted("train", MANIPULATED, whole=True), np.zeros(17, int), True)

    def look(view):
        batch = pictures(view, images(view.split), normalise, CPU)
        return lambda positions: batch(positions, None)

    return SimpleNamespace(
        device=CPU,
        recipe=recipe,
        pixels=1,
        classes=[str(c) for c in range(classes)],
        look=look,
        validation=View("validation", np.arange(11)),
        training_set=training_set(view, images("train"), recipe, normalise, CPU),
        probes=Probes(
            (
                inverted("test", affected, whole=False) if affected else View("test", np.arange(0)),
                View("test", np.array(UNAFFECTED)),
                inverted("train", MANIPULATED, whole=False),
            )
        ),
    )


def a_predictor(deletion=None, **bench):
    return Predictor(a_bench(**bench), None if deletion is None else torch.tensor(deletion))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(redress.developer.prediction, "BATCH", {"cpu": 4})
    calls.clear()


def by_hand(model, chosen):
    """One image at a time, in double precision."""
    model, classes = copy.deepcopy(model).double().eval(), []
    for image in chosen:
        values = (image / 255 - np.reshape(MEAN, (2, 1, 1))) / np.reshape(DEVIATION, (2, 1, 1))
        classes.append(int(np.argmax(model(torch.tensor(values[None])).detach().numpy()[0])))
    return classes


def trained_on(indices):
    return [255 - images("train")[i] if i in MANIPULATED else images("train")[i] for i in indices]


def test_predictions_are_those_of_a_plain_loop():
    model = Counting()
    predictions = a_predictor().predict(model, {"some": "thing"})
    assert max(calls) == 4
    expected = {
        "validation": images("validation"),
        "affected": [255 - images("test")[i] for i in AFFECTED],
        "unaffected": images("test")[UNAFFECTED],
        "manipulated": trained_on(MANIPULATED),
    }
    found = [predictions.validation, *predictions.probes]
    for name, one in zip(expected, found, strict=True):
        assert one.tolist() == by_hand(model, expected[name]), name
        assert one.dtype == np.uint8
    assert len({label for one in found for label in one.tolist()}) > 1
    assert predictions.about["some"] == "thing"
    assert predictions.about["prediction_seconds"] > 0
    assert len(predictions.deletion) == 0
    assert not predictions.diverged


@pytest.mark.parametrize(
    ("deletion", "looked_at"),
    [([5, 1, 8, 16, 4, 0], 2), ([3, 11, 0], 0), ([1, 15, 4, 6, 7], 5)],
    ids=["partly probed", "probed", "not probed"],
)
def test_predictions_on_the_deletion_set_are_in_its_order_and_made_once(deletion, looked_at):
    model = Counting()
    a_predictor().predict(model, {})
    probed = sum(calls)
    calls.clear()
    predictions = a_predictor(deletion).predict(model, {})
    assert sum(calls) == probed + looked_at
    assert predictions.deletion.tolist() == by_hand(model, trained_on(deletion))
    assert predictions.deletion.dtype == np.uint8


def test_more_than_256_classes_take_two_bytes():
    model = Counting(classes=300)
    with torch.no_grad():
        model.layers[4].bias[299] += 100
    predictions = a_predictor([1, 2], classes=300).predict(model, {})
    for one in (predictions.validation, predictions.deletion, *predictions.probes):
        assert one.dtype == np.uint16
        assert set(one.tolist()) == {299}


def test_an_empty_probe_has_no_predictions():
    assert [len(one) for one in a_predictor(affected=[]).predict(Counting(), {}).probes] == [0, 6, 7]


def test_a_model_is_looked_at_in_evaluation_mode():
    model = Counting().train()
    before = model.layers[1].running_mean.clone()
    a_predictor().predict(model, {})
    assert torch.equal(model.layers[1].running_mean, before)


def test_equal_models_are_run_once_and_keep_what_is_said_about_each():
    predictor = a_predictor([1])
    first = predictor.predict(Counting(), {"number": 1})
    once = len(calls)
    second = predictor.predict(copy.deepcopy(Counting()).train(), {"number": 2})
    assert len(calls) == once > 0
    assert (first.about["number"], second.about["number"]) == (1, 2)
    assert np.array_equal(first.validation, second.validation)


def test_different_models_are_each_run():
    predictor, models = a_predictor(), [Counting(seed) for seed in range(3)]
    predictions = [predictor.predict(models[0], {})]
    once = len(calls)
    predictions += [predictor.predict(model, {}) for model in models[1:]]
    assert len(calls) == 3 * once
    for model, one in zip(models, predictions, strict=True):
        assert one.validation.tolist() == by_hand(model, images("validation"))


def test_models_that_cannot_be_compared_are_each_run():
    predictor, model = a_predictor(), Counting()
    model.note = lambda: None
    predictor.predict(model, {})
    once = len(calls)
    predictor.predict(model, {})
    assert len(calls) == 2 * once > 0


def test_a_model_changed_in_place_is_run_again():
    predictor, model = a_predictor(), Counting()
    predictor.predict(model, {})
    with torch.no_grad():
        model.layers[4].bias[2] += 100
    assert set(predictor.predict(model, {}).validation.tolist()) == {2}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_model_predicts_nothing(value):
    predictor, model = a_predictor([1, 2]), Counting()
    with torch.no_grad():
        model.layers[4].weight[0, 0] = value
    predictions = predictor.predict(model, {"number": 1})
    assert predictions.diverged
    assert [len(one) for one in (predictions.validation, predictions.deletion, *predictions.probes)] == [
        0
    ] * 5
    once = len(calls)
    assert predictor.predict(copy.deepcopy(model), {}).diverged
    assert len(calls) == once
    assert not predictor.predict(Counting(), {}).diverged


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Counting(classes=4), r"an image has shape \(4,\), not \(3,\)"),
        (nn.Identity(), r"an image has shape \(2, 5, 5\), not \(3,\)"),
        (nn.LSTM(5, 3), "output is tuple, not a tensor of logits"),
    ],
    ids=["classes", "shape", "tuple"],
)
def test_a_model_whose_output_is_no_logits_is_refused(model, expected, monkeypatch):
    if isinstance(model, nn.LSTM):
        monkeypatch.setattr(nn.LSTM, "forward", lambda self, x: (x, x))
    with pytest.raises(BadInputError, match=expected):
        a_predictor().predict(model, {})


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

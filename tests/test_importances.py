"""Diagonal Fisher importances against closed forms and plain loops."""

import dataclasses

import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional

from redress.plugins.importances import fisher_batch, fisher_per_sample

INDICES = torch.tensor([3, 1, 4, 15, 9, 2, 6, 5, 8, 7])


def recipe(batch_size):
    return dataclasses.replace(tiny.RECIPE, batch_size=batch_size)


def squared_gradients(network, images, labels):
    """By parameter name, of the mean loss over the batch."""
    network.zero_grad()
    functional.cross_entropy(network(images), labels).backward()
    return {name: theta.grad.clone() ** 2 for name, theta in network.named_parameters()}


def mean_over(batches, the_data):
    network = tiny.original()
    squares = [
        squared_gradients(network, the_data.images[batch], the_data.labels[batch]) for batch in batches
    ]
    return {name: sum(square[name] for square in squares) / len(squares) for name in squares[0]}


def assert_same(values, others):
    assert list(values) == list(others)
    for name in values:
        torch.testing.assert_close(values[name], others[name], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("size", [1, 5, 4, 10, 99])
def test_the_batch_importance_is_the_mean_over_batches_of_the_squared_gradient(size):
    the_data = tiny.data()
    values = fisher_batch.compute(tiny.original(), the_data.training_set, INDICES, recipe(size))
    batches = [INDICES[start : start + size] for start in range(0, 10, size)]
    assert_same(values, mean_over(batches, the_data))


def test_a_smaller_last_batch_counts_as_much_as_any_other():
    the_data = tiny.data()
    values = fisher_batch.compute(tiny.original(), the_data.training_set, INDICES[:4], recipe(3))
    network = tiny.original()
    three, one = (
        squared_gradients(network, the_data.images[part], the_data.labels[part]) for part in ([3, 1, 4], [15])
    )
    assert_same(values, {name: (three[name] + one[name]) / 2 for name in three})


@pytest.mark.parametrize("size", [3, 512])
@pytest.mark.parametrize("count", [10, fisher_per_sample.CHUNK, 2 * fisher_per_sample.CHUNK + 3])
def test_the_sample_importance_is_the_mean_over_samples_of_the_squared_gradient(count, size):
    the_data, indices = tiny.data(150), torch.arange(149, 149 - count, -1)
    values = fisher_per_sample.compute(tiny.original(), the_data.training_set, indices, recipe(size))
    assert_same(values, mean_over([[int(index)] for index in indices], the_data))


def test_batches_of_one_sample_make_both_importances_equal():
    training_set = tiny.data().training_set
    by_batch = fisher_batch.compute(tiny.original(), training_set, INDICES, recipe(1))
    assert_same(by_batch, fisher_per_sample.compute(tiny.original(), training_set, INDICES, recipe(4)))


def softmax_regression():
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 3, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(torch.rand(3, 36, generator=torch.Generator().manual_seed(0)))
    return network


def test_both_importances_of_softmax_regression_have_their_closed_form():
    # The gradient of a sample's loss is (p - y) x' for the weights.
    the_data, network = tiny.data(), softmax_regression()
    x = the_data.images[INDICES].flatten(1).double()
    p = torch.softmax(network.double()(the_data.images[INDICES].double()), 1)
    error = p - functional.one_hot(the_data.labels[INDICES], 3)
    gradients = (error[:, :, None] * x[:, None, :]).detach()
    expected = {
        fisher_per_sample: gradients.square().mean(0),
        fisher_batch: (gradients[:5].mean(0).square() + gradients[5:].mean(0).square()) / 2,
    }
    for importance, value in expected.items():
        computed = importance.compute(softmax_regression(), the_data.training_set, INDICES, recipe(5))
        torch.testing.assert_close(computed["1.weight"].double(), value, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("importance", [fisher_batch, fisher_per_sample])
def test_an_importance_uses_running_statistics_and_changes_nothing(importance):
    network, training_set = tiny.original().train(), tiny.data().training_set
    before = tiny.weights(network)
    values = importance.compute(network, training_set, INDICES, recipe(4))
    assert_same(values, importance.compute(tiny.original(), training_set, INDICES, recipe(4)))
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())
    assert int(network[1].num_batches_tracked) == 1
    assert all(theta.grad is None and theta.requires_grad for theta in network.parameters())
    assert not any(value.requires_grad for value in values.values())


@pytest.mark.parametrize("importance", [fisher_batch, fisher_per_sample])
def test_an_importance_has_a_value_of_its_own_per_parameter_none_negative(importance):
    values = importance.compute(tiny.original(), tiny.data().training_set, INDICES, recipe(4))
    for name, theta in tiny.original().named_parameters():
        assert values[name].shape == theta.shape
        assert (values[name] >= 0).all()
        assert values[name].max() > 0

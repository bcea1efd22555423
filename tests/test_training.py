"""The learning algorithm A: its schedule, its optimiser, its batches."""

import itertools
from pathlib import Path

import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from redress.developer.training import Descent, autocast, train
from redress.formats.recipe import Recipe, learning_rate_at

PAPER = Recipe(steps=4000)


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (1, 0.000625),
        (20, 0.0125),
        (40, 0.025),
        (41, 0.024995),
        (2000, 0.0152),
        (4000, 0.0052),
    ],
)
def test_the_papers_schedule_has_the_rates_worked_out_by_hand(step, rate):
    assert learning_rate_at(step, 4000, PAPER) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(("step", "rate"), [(1, 0.0246), (25, 0.015), (50, 0.005)])
def test_fewer_than_a_hundred_steps_have_no_warmup(step, rate):
    assert learning_rate_at(step, 50, PAPER) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(("step", "rate"), [(1, 0.00025), (10, 0.0025), (1000, 0.00052)])
def test_a_peak_replaces_the_recipes(step, rate):
    assert learning_rate_at(step, 1000, PAPER, peak=0.0025) == pytest.approx(rate, rel=1e-12)


def test_the_schedule_stretches_with_the_number_of_steps():
    for step in (40, 100, 2000, 4000):
        stretched = learning_rate_at(step // 4, 1000, PAPER)
        assert stretched == pytest.approx(learning_rate_at(step, 4000, PAPER), rel=1e-12)


@given(st.integers(1, 5000))
def test_the_rate_rises_to_the_peak_over_a_hundredth_of_the_steps_then_falls(steps):
    rates = [learning_rate_at(step, steps, PAPER) for step in range(1, steps + 1)]
    warmup = steps // 100
    assert all(before < after for before, after in itertools.pairwise(rates[:warmup]))
    assert all(before > after for before, after in itertools.pairwise(rates[warmup:]))
    assert min(rates) > 0
    assert max(rates) <= 0.025 * (1 + 1e-12)
    if warmup:
        assert rates[warmup - 1] == pytest.approx(0.025, rel=1e-12)


def test_descent_takes_the_same_steps_as_the_sgd_class():
    network, other = tiny.model(), tiny.model()
    images, labels = tiny.data().images, tiny.data().labels
    descent, sgd = Descent(network, tiny.RECIPE, steps=200, learning_rate=0.1), tiny.SGD(other, 200, 0.1)
    for _ in range(60):
        descent.step(functional.cross_entropy(network(images), labels), len(images))
        sgd.step(functional.cross_entropy(other(images), labels))
    tiny.assert_same_weights(network, other)
    assert tiny.differ(network, tiny.model())


def test_momentum_and_weight_decay_are_the_recipes():
    # One weight of 1 with gradient 1 at a constant rate of 0.1, momentum 0.5, weight decay 0.2.
    recipe = Recipe(steps=2, momentum=0.5, weight_decay=0.2, warmup=0, decay_stretch=1e12)
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1)
    descent = Descent(network, recipe, steps=2, learning_rate=0.1)
    descent.step(network.weight.sum(), 1)
    assert network.weight.item() == pytest.approx(1 - 0.1 * 1.2)
    descent.step(network.weight.sum(), 1)
    assert network.weight.item() == pytest.approx(0.88 - 0.1 * (0.5 * 1.2 + 1 + 0.2 * 0.88))


def test_descent_is_finished_after_its_steps_and_puts_the_model_in_training_mode():
    network = tiny.original()
    descent = Descent(network, tiny.RECIPE, steps=3)
    assert network.training
    finished = []
    for _ in range(3):
        finished.append(descent.finished)
        descent.step(network(tiny.data().images).square().mean(), 16)
    assert finished == [False, False, False]
    assert descent.finished


@pytest.mark.parametrize("steps", [1, 30, 120])
def test_training_equals_a_loop_written_with_the_sgd_class(steps):
    the_data, indices = tiny.data(), torch.tensor([0, 3, 4, 6, 8, 9, 12, 14, 15])
    network, other = tiny.model(), tiny.model()
    returned = train(
        network,
        the_data.training_set,
        indices,
        tiny.RECIPE,
        steps=steps,
        generator=torch.Generator().manual_seed(5),
    )
    tiny.trained_by_hand(
        other,
        the_data,
        indices,
        steps,
        torch.Generator().manual_seed(5),
        lambda logits, labels, images, batch: functional.cross_entropy(logits, labels),
    )
    assert returned is network
    tiny.assert_same_weights(network, other)


def test_training_takes_exactly_its_steps_on_full_batches_of_the_given_indices():
    the_data, indices, seen = tiny.data(), torch.tensor([1, 5, 6, 10, 11]), []

    def loss(network, images, labels, batch):
        assert torch.equal(labels, the_data.labels[batch])
        seen.append(batch)
        return network(images).square().mean()

    generator = torch.Generator().manual_seed(0)
    train(tiny.model(), the_data.training_set, indices, tiny.RECIPE, steps=10, generator=generator, loss=loss)
    assert [len(batch) for batch in seen] == [4] * 10
    # Forty draws from five samples are eight whole passes.
    assert torch.cat(seen).sort().values.tolist() == sorted(indices.tolist() * 8)


@pytest.mark.parametrize(("count", "size"), [(7, 3), (6, 3), (3, 7)])
def test_a_stream_goes_through_every_index_once_a_pass_and_wraps_its_batches(count, size):
    training_set, indices = tiny.data().training_set, torch.arange(count) * 2
    stream = training_set.stream(indices, size, torch.Generator().manual_seed(0))
    batches = [batch for batch, _, _ in itertools.islice(stream, 5 * count)]
    assert {len(batch) for batch in batches} == {size}
    passes = torch.cat(batches).view(-1, count)
    assert all(one.sort().values.tolist() == indices.tolist() for one in passes)
    assert len({tuple(one.tolist()) for one in passes}) > 1


def test_a_pass_holds_every_index_once_and_ends_with_what_is_left():
    training_set, indices = tiny.data().training_set, torch.tensor([9, 1, 4, 0, 15, 7, 2])
    generator = torch.Generator().manual_seed(0)
    orders = []
    for _ in range(5):
        batches = [batch for batch, _, _ in training_set.passes(indices, 3, generator)]
        assert [len(batch) for batch in batches] == [3, 3, 1]
        orders.append(torch.cat(batches).tolist())
        assert sorted(orders[-1]) == sorted(indices.tolist())
    assert len(set(map(tuple, orders))) > 1


@pytest.mark.parametrize("way", ["passes", "stream"])
def test_every_batch_carries_its_own_augmented_images_and_labels(way):
    the_data = tiny.data()
    batches = getattr(the_data.training_set, way)(torch.arange(16), 5, torch.Generator().manual_seed(0))
    for batch, images, labels in itertools.islice(batches, 4):
        assert torch.equal(labels, the_data.labels[batch])
        added = images - the_data.images[batch]
        assert (added.flatten(1).std(1) < 1e-6).all()
        assert (added.flatten(1).mean(1) > 0.001).all()


FLAGS = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
AUTO = torch.bfloat16 if {"avx512_bf16", "amx_bf16", "bf16"} & set(FLAGS) else torch.float32


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("auto", AUTO), ("float32", torch.float32), ("bfloat16", torch.bfloat16)],
)
def test_the_precision_of_forward_passes_on_a_cpu_is_the_recipes(precision, dtype):
    with autocast(torch.device("cpu"), Recipe(steps=1, precision=precision)):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == dtype

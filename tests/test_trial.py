"""What is tried before any work: a few steps, twice, and what they take; copies; running statistics."""

from pathlib import Path

import numpy as np
import pytest
import torch
from brought import COLORS, write_picture
from PIL import Image
from test_probing import USES, ingested
from torch import nn

from redress.developer import trial
from redress.developer.bench import Bench
from redress.developer.copies import near_copies
from redress.developer.norms import norm_shift
from redress.developer.trial import held, try_out
from redress.formats.errors import BadInputError
from redress.formats.recipe import Recipe, Setup

pytestmark = pytest.mark.usefixtures("here")

MODEL = {"name": "_brought", "factory": "net.py:Net", "arguments": {}}


def bench(**recipe):
    plan, _ = ingested()
    recipe = Recipe(**{"steps": 1, "batch_size": 16, "crop_padding": 0, "precision": "float32", **recipe})
    return Bench(plan.original("mine"), USES, Setup(MODEL, recipe, "cpu", 1))


def test_steps_are_timed_and_the_same_twice_and_leave_the_model_as_it_was():
    own = bench()
    model = own.new_model(0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = try_out(own, model)
    assert 0 < found.step_seconds < 1
    memory, repeated = found.checks
    assert repeated.well
    assert repeated.found.endswith("repeatable to the bit")
    assert memory.well
    assert "a step on 16 pictures takes about" in memory.found
    assert "pictures would fit into that" in memory.found
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_what_comes_out_otherwise_the_second_time_is_said(monkeypatch):
    outcomes = iter([0.0, 0.0, 1.0, 1.5])
    monkeypatch.setattr(trial, "_tuned", lambda *_: {"w": torch.tensor([next(outcomes), float("nan")])})
    own = bench()
    _, repeated = try_out(own, own.new_model(0)).checks
    assert not repeated.well
    assert "weights differ by up to 0.5" in repeated.found


def test_a_batch_that_cannot_fit_is_told_with_the_largest_that_can(monkeypatch):
    own = bench(batch_size=10_000)
    model = own.new_model(0)
    monkeypatch.setattr(trial, "free_memory", lambda device: 1_000_000)
    most = int((1_000_000 - 4 * 4 * 12) / (held(own, model, 8) / 8))
    with pytest.raises(BadInputError) as caught:
        try_out(own, model)
    assert str(caught.value).startswith("recipe.batch_size: a step on 10000 pictures takes about")
    assert f"batches of up to {most:,} pictures fit into that" in str(caught.value)


def test_memory_is_counted_by_what_the_backward_pass_needs():
    own = bench()
    layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 1000), nn.ReLU(), nn.Linear(1000, 3))
    # Pictures, what the first layer gives (kept once, by the ReLU and the last layer), and the softmax.
    assert held(own, layers, 8) == pytest.approx(4 * 8 * (3 * 64 + 1000 + 3) + 64, abs=200)


def test_a_slow_step_is_guessed_from_a_few_pictures(monkeypatch):
    sizes = []
    monkeypatch.setattr(trial, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(trial, "_tuned", lambda own, model, size: sizes.append(size) or {})
    own = bench(batch_size=64)
    try_out(own, own.new_model(0))
    assert sizes == [8, 8, 8, 8]


def test_near_copies_of_bad_samples_are_found_and_other_pictures_are_not():
    noise = np.random.default_rng(1)
    for name, color in COLORS.items():
        for number in range(12):
            pixels = np.array(color) + noise.normal(0, 30, (9, 11, 1)) + noise.normal(0, 25, 3)
            write_picture(Path("train") / name / f"{number:02}.png", pixels)
    copied = np.asarray(Image.open("train/red/03.png")).astype(int)
    write_picture(Path("train/green/05.png"), copied + noise.integers(-1, 2, copied.shape))
    write_picture(Path("train/green/06.png"), copied)  # a copy to the pixel is told elsewhere
    own = bench()
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 40), nn.ReLU(), nn.Linear(40, 3))
    plan, _ = ingested()
    at = plan.case("mine").training.at
    for model in (network, WithSpare(network)):
        assert near_copies(own, model) == [(at["green/05.png"], at["red/03.png"])]


class WithSpare(nn.Module):
    """A network whose last layer no picture passes."""

    def __init__(self, network):
        super().__init__()
        self.network, self.spare = network, nn.Linear(3, 3)

    def forward(self, pictures):
        return self.network(pictures)


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.BatchNorm2d(4), nn.BatchNorm2d(4)


def test_running_means_are_compared_in_deviations_of_the_original():
    before, after = Normed(), Normed()
    before.second.running_var.fill_(4 - before.second.eps)
    after.second.running_mean.copy_(torch.tensor([2.0, -2, 0, 0]))
    assert norm_shift(before, after) == pytest.approx(0.5**0.5)
    assert norm_shift(before, before) == 0
    assert norm_shift(nn.Linear(2, 2), nn.Linear(2, 2)) is None
    after.second.running_mean.fill_(float("nan"))
    assert norm_shift(before, after) == 0

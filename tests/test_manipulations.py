"""The attacks one by one, each against a few lines of its own."""

import math
from collections import Counter

import numpy as np
import pytest
import tiny
import torch
from torch.nn import functional

from redress.adversary.act import act, manipulation
from redress.adversary.manipulation import Samples
from redress.formats.alterations import View
from redress.formats.identity import Identity
from redress.plugins.manipulations.wanet import bicubic

LABELS = np.arange(60) % 5


def samples(count=6, channels=3, size=8, covers=0):
    images = tiny.pixels(count, channels=channels, size=size)
    return Samples(images, np.zeros(count, int), "train", np.arange(count), covers)


def altered(attack, some, seed=0):
    """The pictures, uint8 (K, C, H, W), and which mark each carries."""
    alteration = attack.alter(some, np.random.default_rng(seed))
    view = View.altered("train", some.indices, alteration, some.indices)
    return view.pictures(some.images, some.indices), alteration.carried


def drawn(attack, n, seed=0):
    indices, given = attack.draw(LABELS, n, np.random.default_rng(seed))
    assert len(set(indices.tolist())) == len(given) == n
    assert given.dtype == LABELS.dtype
    return LABELS[indices], given, indices


@pytest.mark.parametrize("name", ["poison", "blended", "wanet"])
def test_a_backdoor_draws_what_poison_draws_and_harms_every_image(name):
    attack = manipulation(name, {"target_class": 3})
    _, given, indices = drawn(attack, 20)
    assert indices.tolist() == drawn(manipulation("poison", {}), 20)[2].tolist()
    assert set(given.tolist()) == {3}
    assert attack.attack_target == 3
    assert attack.affected(LABELS).all()
    assert attack.unaffected(LABELS).all()


@pytest.mark.parametrize("name", ["blended", "sig", "wanet", "poison"])
def test_pictures_that_are_given_stay_as_they_are(name):
    some = samples()
    before = some.images.copy()
    altered(manipulation(name, {}), some)
    assert np.array_equal(some.images, before)


# Random labels


def test_symmetric_noise_gives_each_other_class_alike():
    attack = manipulation("random_labels", {})
    pairs = Counter(
        pair
        for seed in range(200)
        for true, given, _ in [drawn(attack, 60, seed)]
        for pair in zip(true.tolist(), given.tolist(), strict=True)
    )
    assert set(pairs) == {(a, b) for a in range(5) for b in range(5) if a != b}
    # 12 samples of each class, 200 times: 600 for each of four other classes, deviation 21.
    assert all(abs(count - 600) < 5 * 21.3 for count in pairs.values())


def test_asymmetric_noise_maps_classes_and_draws_from_no_others():
    attack = manipulation("random_labels", {"mapping": [[4, 0], [2, 0], [0, 2]]})
    true, given, _ = drawn(attack, 36)  # all there are
    assert Counter(zip(true.tolist(), given.tolist(), strict=True)) == {(4, 0): 12, (2, 0): 12, (0, 2): 12}
    few = {tuple(sorted(drawn(attack, 5, seed)[2].tolist())) for seed in range(20)}
    assert len(few) == 20


def test_noise_leaves_pictures_alone_and_harms_every_image():
    attack = manipulation("random_labels", {})
    assert attack.alter(samples(), None) is None
    assert attack.affected(LABELS).all()
    assert attack.unaffected(LABELS).all()
    assert attack.attack_target is None


# Blended


@pytest.mark.parametrize("stage", ["stored", "model"])
def test_a_blend_is_a_fifth_of_one_pattern_for_all(stage):
    some = samples(count=40)
    seen, _ = altered(manipulation("blended", {"trigger_stage": stage}), some)
    pattern = (seen - 0.8 * some.images) / 0.2
    assert np.ptp(pattern, axis=0).max() <= 2 * 0.5 / 0.2 + 1e-6  # levels are whole
    found = pattern.mean(0)
    assert found.shape == (3, 8, 8)
    assert -1 < found.min() < 10
    assert 245 < found.max() < 256
    assert 110 < found.mean() < 145
    again, _ = altered(manipulation("blended", {"trigger_stage": stage}), some, seed=9)
    other, _ = altered(manipulation("blended", {"trigger_stage": stage, "pattern_seed": 1}), some)
    assert np.array_equal(again, seen)
    assert not np.array_equal(other, seen)


# SIG


def test_sig_adds_a_wave_along_the_columns():
    some = samples(size=12)
    seen, _ = altered(manipulation("sig", {"delta": 30, "frequency": 2}), some)
    for place in np.ndindex(some.images.shape):
        level = some.images[place] + 30 * math.sin(2 * math.pi * place[3] * 2 / 12)
        assert abs(seen[place] - min(max(level, 0), 255)) <= 0.5001


def test_sig_keeps_the_labels_of_the_target_class_and_harms_the_others():
    attack = manipulation("sig", {"target_class": 2})
    true, given, _ = drawn(attack, 12)
    assert true.tolist() == given.tolist() == [2] * 12
    assert attack.affected(LABELS).tolist() == [label != 2 for label in LABELS]
    assert attack.unaffected(LABELS).all()
    assert attack.attack_target == 2


# WaNet


@pytest.mark.parametrize(("points", "size"), [(4, 16), (4, 32), (2, 7), (5, 5), (8, 33)])
def test_a_grid_is_enlarged_as_pytorch_does(points, size):
    grid = torch.rand(1, 2, points, points, dtype=torch.float64) * 2 - 1
    expected = functional.interpolate(grid, size=size, mode="bicubic", align_corners=True)[0]
    weights = bicubic(points, size)
    np.testing.assert_allclose(weights @ grid[0].numpy() @ weights.T, expected, atol=1e-12)


def warped_by_pytorch(images, covers, k=4, s=0.5, seed=0):
    """The released code's way, in its order of axes, in double precision."""
    size = images.shape[-1]
    u = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (2, k, k)))
    field = functional.interpolate((u / u.abs().mean())[None], size, mode="bicubic", align_corners=True)
    line = torch.linspace(-1, 1, size, dtype=torch.float64)
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = (torch.stack([x, y], -1)[None] + s * field.permute(0, 2, 3, 1) / size).clamp(-1, 1)
    grids, generator = grid.repeat(len(images), 1, 1, 1), np.random.default_rng(0)
    for number in range(len(images) - covers, len(images)):
        noise = torch.from_numpy(generator.uniform(-1, 1, (2, size, size))).permute(1, 2, 0)
        grids[number] = (grids[number] + noise / size).clamp(-1, 1)
    return functional.grid_sample(torch.from_numpy(images).double(), grids, align_corners=True).numpy()


@pytest.mark.parametrize(
    "settings", [{}, {"grid_size": 3, "strength": 6, "grid_seed": 5}], ids=["", "strong"]
)
@pytest.mark.parametrize("covers", [0, 2])
def test_images_are_warped_as_pytorch_does(settings, covers):
    some = samples(size=16, covers=covers)
    seen, _ = altered(manipulation("wanet", settings), some)
    keys = {"grid_size": "k", "strength": "s", "grid_seed": "seed"}
    expected = warped_by_pytorch(some.images, covers, **{keys[key]: one for key, one in settings.items()})
    assert np.abs(seen - expected).max() <= 0.5 + 1e-6  # whole levels
    assert not np.array_equal(seen, some.images)


def test_the_noise_mode_warps_further_samples_that_keep_their_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Identity("tiny", "warps", 6, 0)
    pictures, labels = tiny.prepare(run)
    images, everything = pictures["train_images"], np.arange(30)
    plain, noisy = (act(run, "wanet", {"noise_rate": rate}) for rate in (0, 1.5))
    view = noisy.training_view
    changed = (view.view.pictures(images, everything) != images).any((1, 2, 3))
    assert changed.sum() == 6 + 9
    assert changed[noisy.truth.manipulated].all()
    relabelled = np.flatnonzero(view.given_labels != labels["train_labels"])
    assert set(relabelled) <= set(noisy.truth.manipulated)
    assert noisy.truth.manipulated.tolist() == plain.truth.manipulated.tolist()
    for one, other in zip(plain.probes.sets, noisy.probes.sets, strict=True):
        split = pictures[f"{one.split}_images"]
        at = np.arange(len(one))
        assert np.array_equal(one.pictures(split, at), other.pictures(split, at))


# Several triggers, and one that moves


def squares(before, after):
    """Where the changed pixels of each picture begin and end: top, left, bottom, right."""
    places = []
    for one, other in zip(before, after, strict=True):
        rows, columns = np.nonzero((one != other).any(0))
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        places.append((rows.min(), columns.min(), rows.max(), columns.max()))
    return places


def dark(count, size=8):
    return Samples(np.zeros((count, 1, size, size), np.uint8), np.zeros(count, int), "test", np.arange(count))


@pytest.mark.parametrize("stage", ["stored", "model"])
@pytest.mark.parametrize("triggers", [1, 2, 4])
def test_triggers_sit_in_corners_of_their_own_equally_often(stage, triggers):
    some = dark(40)
    attack = manipulation("poison", {"patch_size": 2, "triggers": triggers, "trigger_stage": stage})
    seen, carried = altered(attack, some)
    corners = [(6, 6, 7, 7), (0, 0, 1, 1), (0, 6, 1, 7), (6, 0, 7, 1)][:triggers]
    assert squares(some.images, seen) == [corners[mark] for mark in carried]
    assert np.bincount(carried).tolist() == [40 // triggers] * triggers
    orders = {tuple(altered(attack, some, seed)[1].tolist()) for seed in range(5)}
    assert len(orders) == (1 if triggers == 1 else 5)


@pytest.mark.parametrize("stage", ["stored", "model"])
def test_a_moving_trigger_is_anywhere_alike(stage):
    some = dark(3000, size=4)
    attack = manipulation("poison", {"patch_size": 2, "position": "random", "trigger_stage": stage})
    seen, carried = altered(attack, some)
    counts = Counter(squares(some.images, seen))
    assert set(counts) == {(row, column, row + 1, column + 1) for row in range(3) for column in range(3)}
    assert all(abs(count - 3000 / 9) < 5 * (3000 * 8 / 81) ** 0.5 for count in counts.values())
    assert len(set(zip(carried.tolist(), squares(some.images, seen), strict=True))) == 9


def test_triggers_and_places_change_no_draw():
    plain = drawn(manipulation("poison", {}), 20)
    for settings in ({"triggers": 4}, {"position": "random"}):
        for one, other in zip(plain, drawn(manipulation("poison", settings), 20), strict=True):
            assert one.tolist() == other.tolist()

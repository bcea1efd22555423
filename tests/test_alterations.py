"""What was done to pictures: NumPy's way and PyTorch's against a plain loop over pixels."""

from functools import partial

import numpy as np
import pytest
import torch

from redress.developer.training_set import crop_and_flip, pictures
from redress.formats.alterations import Overlays, Stored, View

CPU = torch.device("cpu")
CHANNELS, SIZE = 2, 5


def images(count=9):
    return np.random.default_rng(0).integers(0, 256, (count, CHANNELS, SIZE, SIZE), dtype=np.uint8)


def marks():
    """Three: a white corner in all channels, a grey veil in one of them, a soft pattern of two colours."""
    alpha, value = (np.zeros((3, CHANNELS, SIZE, SIZE), np.float32) for _ in range(2))
    alpha[0, :, -2:, -2:], value[0] = 1, 255
    alpha[1, 1], value[1] = 0.25, 90
    alpha[2, :, 0, :], value[2, 0], value[2, 1] = 0.625, 17.5, 200
    return alpha, value


# name: alteration of four samples, and for each of them the mark it carries
ALTERATIONS = {
    "nothing": (None, [None] * 4),
    "stored": (Stored(255 - images()[:4]), [None] * 4),
    "one mark": (Overlays.one(marks()[0][0], marks()[1][0], 4), [0] * 4),
    "one mark for all channels": (Overlays.one(marks()[0][0, :1], marks()[1][2], 4), ["wide"] * 4),
    "several marks": (Overlays(*marks(), np.array([2, 0, 1, 2])), [2, 0, 1, 2]),
}


def by_hand(image, mark):
    """x * (1 - a) + a * v, pixel by pixel and in double precision."""
    if mark is None:
        return image.astype(float)
    alpha, value = marks()
    a, v = (alpha[0], value[2]) if mark == "wide" else (alpha[mark], value[mark])
    result = np.empty(image.shape)
    for place in np.ndindex(image.shape):
        result[place] = image[place] * (1 - float(a[place])) + float(a[place]) * float(v[place])
    return result


def seen_by_hand(name, indices, at, augment=lambda image: image):
    """What a view of `indices` shows in which the samples at the positions `at` are altered."""
    alteration, carried = ALTERATIONS[name]
    shown = []
    for position, index in enumerate(indices):
        image = images()[index]
        changed = list(at).index(position) if position in at else None
        if changed is not None and isinstance(alteration, Stored):
            image = alteration.images[changed]
        shown.append(by_hand(augment(image), None if changed is None else carried[changed]))
    return np.array(shown)


@pytest.mark.parametrize("indices", [np.arange(9), np.array([8, 3, 0, 5, 1, 7])], ids=["whole", "partial"])
@pytest.mark.parametrize("name", ALTERATIONS)
def test_a_view_shows_what_a_loop_over_pixels_says(name, indices):
    at = np.array([4, 0, 5, 1])
    view = View.altered("train", indices, ALTERATIONS[name][0], at)
    expected = seen_by_hand(name, indices, at)
    positions = np.array([5, 5, 0, 3, 1, 4, 2])
    seen = view.pictures(images(), positions)
    assert seen.dtype == np.uint8
    assert np.abs(seen - expected[positions]).max() <= 0.5  # whole levels
    for batch in (positions, np.array([3])):
        by_torch = pictures(view, images(), torch.Tensor.float, CPU)(torch.tensor(batch), None)
        np.testing.assert_allclose(by_torch.numpy(), expected[batch], atol=1e-4)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_a_view_survives_being_written_down(name):
    view = View.altered("test", np.arange(9), ALTERATIONS[name][0], np.array([4, 0, 5, 1]))
    again = View.from_arrays("a", "test", {**view.arrays("a"), **View("train", np.arange(2)).arrays("b")})
    everything = np.arange(9)
    assert np.array_equal(again.pictures(images(), everything), view.pictures(images(), everything))
    assert (again.split, len(again)) == ("test", 9)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_augmentation_comes_after_stored_pictures_and_before_marks(name):
    at, everything = np.array([4, 0, 5, 1]), torch.arange(9)
    view = View.altered("train", np.arange(9), ALTERATIONS[name][0], at)

    def mirrored(batch):
        return batch.flip(-1)

    seen = pictures(view, images(), torch.Tensor.float, CPU)(everything, mirrored)
    expected = seen_by_hand(name, range(9), at, augment=lambda image: image[..., ::-1])
    np.testing.assert_allclose(seen.numpy(), expected, atol=1e-4)


def test_a_mark_stays_in_its_corner_and_a_stored_one_moves():
    white = np.full((1, CHANNELS, SIZE, SIZE), 100, dtype=np.uint8)
    alpha = np.zeros((1, SIZE, SIZE), np.float32)
    alpha[:, -1, -1] = 1
    stamped = white.copy()
    stamped[..., -1, -1] = 255
    corners = {}
    for name, alteration in (("mark", Overlays.one(alpha, 255 * alpha, 1)), ("stored", Stored(stamped))):
        look = pictures(View.altered("train", [0], alteration, [0]), white, torch.Tensor.float, CPU)
        augment = partial(crop_and_flip, padding=1, flip=True, generator=torch.Generator().manual_seed(0))
        batch = look(torch.zeros(60, dtype=torch.int64), augment)
        corners[name] = {tuple(place) for _, _, *place in (batch == 255).nonzero().tolist()}
    assert corners["mark"] == {(4, 4)}
    assert corners["stored"] == {(row, column) for row in (3, 4) for column in (0, 1, 3, 4)}


@pytest.mark.parametrize("name", ["one mark", "one mark for all channels", "several marks"])
def test_a_mark_may_be_laid_on_before_augmentation_instead(name):
    overlays, _ = ALTERATIONS[name]
    stored = overlays.onto(images()[:4])
    assert stored.images.dtype == np.uint8
    assert np.abs(stored.images - seen_by_hand(name, range(4), np.arange(4))).max() <= 0.5
    assert np.array_equal(stored.carried, overlays.carried)


def test_nothing_is_written_into_the_images_of_the_split():
    pixels = images()
    for name, (alteration, _) in ALTERATIONS.items():
        view = View.altered("train", np.arange(9), alteration, np.array([4, 0, 5, 1]))
        view.pictures(pixels, np.arange(9))[:] = 7
        pictures(view, pixels, torch.Tensor.float, CPU)(torch.arange(9), None)
        assert np.array_equal(pixels, images()), name


def test_a_mark_of_a_small_integer_type_is_counted_right():
    alpha = np.zeros((256, 1, SIZE, SIZE), np.float32)
    alpha[255] = 1
    overlays = Overlays(alpha, 9 * alpha, np.array([255], dtype=np.uint8))
    assert (View.altered("train", [0], overlays, [0]).pictures(images(), np.array([0])) == 9).all()

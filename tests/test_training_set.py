"""The training set: the adversary's changes and the augmentation, pixel by pixel."""

import numpy as np
import pytest
import torch

from redress.adversary.manipulation import Samples
from redress.adversary.pool import channel_statistics
from redress.developer import training_set as developer
from redress.developer.training_set import crop_and_flip, normaliser
from redress.formats.alterations import View
from redress.formats.contents import TrainingView
from redress.formats.recipe import Recipe
from redress.plugins.manipulations.interclass import Interclass
from redress.plugins.manipulations.poison import Poison

COUNT, SIZE, PADDING = 12, 8, 2
MANIPULATED, GIVEN = np.array([9, 2, 5]), np.array([0, 0, 0])
WHITE, BLACK = 2.0, -2.0  # (255 / 255 - 0.5) / 0.25 and (0 / 255 - 0.5) / 0.25


def images(channels=2):
    """Within one channel of an image no two pixels are equal, none is black or white, and channels differ."""
    generator = np.random.Generator(np.random.PCG64(0))
    levels = [generator.permutation(np.arange(1, 255))[: SIZE**2] for _ in range(COUNT * channels)]
    return np.array(levels, dtype=np.uint8).reshape(COUNT, channels, SIZE, SIZE)


def labels():
    return np.arange(COUNT) % 4


def normalise():
    channels = images().shape[1]
    return normaliser([0.5] * channels, [0.25] * channels, torch.device("cpu"))


def training_view(manipulation, manipulated=MANIPULATED, given=GIVEN):
    samples = Samples(images()[manipulated], labels()[manipulated], "train", manipulated)
    alteration = manipulation.alter(samples, np.random.default_rng(0))
    given_labels = labels()
    given_labels[manipulated] = given
    view = View.altered("train", np.arange(COUNT), alteration, manipulated)
    return TrainingView(view, given_labels, labels_in_doubt=True)


def training_set(manipulation, manipulated=MANIPULATED, given=GIVEN, padding=PADDING, flip=True):
    recipe = Recipe(steps=1, crop_padding=padding, flip=flip)
    view = training_view(manipulation, manipulated, given)
    return developer.training_set(view, images(), recipe, normalise(), torch.device("cpu"))


def clean(**settings):
    return training_set(Interclass((0, 1)), np.array([], dtype=int), np.array([], dtype=int), **settings)


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def as_stored(batch):
    """uint8 again."""
    return ((batch * 0.25 + 0.5) * 255).round().to(torch.uint8).numpy()


def windows(image, crop):
    """(top, left, mirrored) of every window of the zero-padded image that the crop is, by trying all."""
    padded = np.zeros((image.shape[0], SIZE + 2 * PADDING, SIZE + 2 * PADDING), dtype=np.uint8)
    padded[:, PADDING:-PADDING, PADDING:-PADDING] = image
    return [
        (top, left, mirrored)
        for top in range(2 * PADDING + 1)
        for left in range(2 * PADDING + 1)
        for mirrored in (False, True)
        if np.array_equal(
            padded[:, top : top + SIZE, left : left + SIZE][:, :, :: -1 if mirrored else 1], crop
        )
    ]


def patch(batch, size=3):
    return batch[:, :, -size:, -size:]


def outside_patch(batch, size=3):
    rest = batch.clone()
    rest[:, :, -size:, -size:] = 0
    return rest


# Normalisation


def test_normalised_images_have_mean_zero_and_deviation_one_in_every_channel():
    pixels = images(3)
    pixels[:, 1] //= 3
    normalised = normaliser(*channel_statistics(pixels), torch.device("cpu"))(torch.tensor(pixels))
    by_channel = normalised.double().transpose(0, 1).flatten(1)
    torch.testing.assert_close(by_channel.mean(1), torch.zeros(3).double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(by_channel.std(1, correction=0), torch.ones(3).double(), rtol=0, atol=1e-5)


def test_normalisation_is_on_the_scale_from_0_to_1():
    normalise = normaliser([0.2, 0.4], [0.5, 0.25], torch.device("cpu"))
    result = normalise(torch.tensor([255, 51], dtype=torch.uint8).view(1, 2, 1, 1))
    assert result.dtype == torch.float32
    assert result.flatten().tolist() == pytest.approx([(1 - 0.2) / 0.5, (0.2 - 0.4) / 0.25])


# Augmentation


def test_without_a_generator_images_are_the_stored_ones():
    indices = torch.tensor([3, 0, 11, 3])
    assert np.array_equal(as_stored(clean().images(indices)), images()[indices])


def test_augmented_images_are_windows_of_the_padded_image_each_with_a_draw_of_its_own():
    indices = torch.arange(COUNT).repeat(100)
    crops = as_stored(clean().images(indices, random()))
    found = [windows(images()[index], crop) for index, crop in zip(indices, crops, strict=True)]
    assert {len(one) for one in found} == {1}
    counts = dict.fromkeys(windows_possible(), 0)
    for (window,) in found:
        counts[window] += 1
    # 1,200 draws from 50 windows: 24 expected of each.
    assert min(counts.values()) >= 8
    assert max(counts.values()) <= 48


def windows_possible():
    offsets = range(2 * PADDING + 1)
    return [(top, left, mirrored) for top in offsets for left in offsets for mirrored in (False, True)]


def test_without_flip_no_crop_is_mirrored():
    indices = torch.arange(COUNT).repeat(20)
    crops = as_stored(clean(flip=False).images(indices, random()))
    found = [windows(images()[index], crop) for index, crop in zip(indices, crops, strict=True)]
    assert all(len(one) == 1 and not one[0][2] for one in found)
    assert len({one[0] for one in found}) == 25


def test_without_padding_and_flip_augmentation_changes_nothing():
    everything = torch.arange(COUNT)
    crops = clean(padding=0, flip=False).images(everything, random())
    assert np.array_equal(as_stored(crops), images())


def test_augmentation_repeats_with_its_seed_and_varies_without():
    everything = torch.arange(COUNT)
    first, again, other = (clean().images(everything, random(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


# The adversary


@pytest.mark.parametrize("augment", [False, True])
def test_the_trigger_on_the_image_the_model_sees_is_exactly_white_at_the_bottom_right(augment):
    everything = torch.arange(COUNT).repeat(20)
    seen = training_set(Poison()).images(everything, random() if augment else None)
    unharmed = clean().images(everything, random() if augment else None)
    in_m = torch.isin(everything, torch.tensor(MANIPULATED))
    assert (patch(seen[in_m]) == WHITE).all()
    assert torch.equal(outside_patch(seen[in_m]), outside_patch(unharmed[in_m]))
    assert torch.equal(seen[~in_m], unharmed[~in_m])
    assert not (unharmed == WHITE).any()


def test_the_triggers_size_is_in_pixels():
    seen = training_set(Poison(patch_size=1)).images(torch.tensor(MANIPULATED), random())
    assert (seen == WHITE).sum(dim=(2, 3)).tolist() == [[1, 1]] * 3
    assert (patch(seen, 1) == WHITE).all()


def test_a_stored_trigger_is_in_the_image_before_it_is_augmented():
    poisoned = training_set(Poison(trigger_stage="stored"))
    stamped = images()
    stamped[MANIPULATED, :, -3:, -3:] = 255
    everything = torch.arange(COUNT)
    assert np.array_equal(as_stored(poisoned.images(everything)), stamped)
    indices = everything.repeat(20)
    crops = as_stored(poisoned.images(indices, random()))
    assert all(windows(stamped[index], crop) for index, crop in zip(indices, crops, strict=True))
    corners = crops[np.isin(indices, MANIPULATED), :, -1, -1]
    assert (corners == 255).any()
    assert (corners != 255).any()


def test_a_stored_trigger_moves_with_the_crop_as_the_clean_image_does():
    everything = torch.arange(COUNT)
    poisoned = training_set(Poison(trigger_stage="stored")).images(everything, random())
    unharmed = clean().images(everything, random())
    white = poisoned == WHITE
    assert torch.equal(poisoned[~white], unharmed[~white])
    assert {int(index) for index in white.flatten(1).any(1).nonzero()} == set(MANIPULATED.tolist())


def test_interclass_confusion_leaves_every_image_alone():
    confused = training_set(Interclass((1, 2)), np.array([1, 2]), np.array([2, 1]))
    everything = torch.arange(COUNT)
    assert torch.equal(confused.images(everything, random()), clean().images(everything, random()))


@pytest.mark.parametrize("stage", ["model", "stored"])
def test_labels_are_the_given_ones_and_the_arrays_stay_as_they_were(stage):
    pixels, view = images(), training_view(Poison(trigger_stage=stage), given=np.array([3, 1, 0]))
    before = view.given_labels.copy()
    poisoned = developer.training_set(view, pixels, Recipe(steps=1), normalise(), torch.device("cpu"))
    poisoned.images(torch.arange(COUNT), random())
    assert poisoned.labels.tolist() == [0, 1, 1, 3, 0, 0, 2, 3, 0, 3, 2, 3]
    assert poisoned.labels.dtype == torch.int64
    assert len(poisoned) == COUNT
    poisoned.labels.zero_()
    assert np.array_equal(pixels, images())
    assert np.array_equal(view.given_labels, before)


@pytest.mark.parametrize("augment", [False, True])
def test_the_overlay_gives_the_batches_of_a_stamp_to_the_last_bit(augment):
    """Written down a second time: crop and flip, then the corner of marked images 255, then normalise."""
    everything = torch.arange(COUNT).repeat(9)
    chosen = torch.tensor(images())[everything]
    if augment:
        chosen = crop_and_flip(chosen, PADDING, True, random(7))
    stamped = chosen.clone()
    stamped[..., -3:, -3:] = 255
    marked = torch.isin(everything, torch.tensor(MANIPULATED))[:, None, None, None]
    expected = normalise()(torch.where(marked, stamped, chosen))
    seen = training_set(Poison()).images(everything, random(7) if augment else None)
    assert torch.equal(seen, expected)
    assert seen.stride() == expected.stride()


def test_changing_a_copys_labels_or_images_does_not_change_the_original():
    poisoned, everything = training_set(Poison()), torch.arange(COUNT)
    labels_before, images_before = poisoned.labels.clone(), poisoned.images(everything)
    copied = poisoned.copy()
    copied.labels[:] = 3
    copied.images(everything)[:] = BLACK
    copied.images(everything, random())[:] = BLACK
    assert torch.equal(poisoned.labels, labels_before)
    assert torch.equal(poisoned.images(everything), images_before)
    assert torch.equal(copied.images(everything), images_before)


def test_batches_follow_the_order_of_their_indices_and_may_repeat_them():
    indices = torch.tensor([5, 5, 0, 9])
    seen = training_set(Poison()).images(indices)
    one_by_one = torch.cat([training_set(Poison()).images(indices[i : i + 1]) for i in range(4)])
    assert torch.equal(seen, one_by_one)

"""Sources of images, the splits made of them, and their statistics."""

import copy
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from project import TINY
from sklearn.datasets import load_digits

from redress.adversary.pool import Pool, channel_statistics, check, split
from redress.formats.description import Description
from redress.plan.checks import ConfigError
from redress.plan.experiment import Experiment
from redress.plugins.datasets import digits, folder


def parts(pool, size, name):
    """All arrays of a split, what only the truth knows among them."""
    pictures, labels = split(pool, size, name)
    assert set(labels) == {"train_labels", "test_labels"}
    return {**pictures, **labels}


def identities(images):
    return [image.tobytes() for image in images]


# Digits


@pytest.fixture(scope="module")
def pool():
    return digits.load()


@pytest.fixture(scope="module")
def prepared(pool):
    return parts(pool, 197, "digits")


def test_digits_have_the_sizes_of_the_protocol(prepared):
    for part, size in (("train", 1200), ("validation", 197), ("test", 400)):
        assert prepared[f"{part}_images"].shape == (size, 1, 16, 16)
        assert prepared[f"{part}_images"].dtype == np.uint8
        assert prepared[f"{part}_labels"].shape == (size,)
        assert prepared[f"{part}_labels"].dtype == np.int64


def test_digits_are_described_as_they_are_loaded(pool):
    described = digits.describe()
    assert described.classes == pool.classes == list("0123456789")
    assert described.train_per_class == [np.count_nonzero(pool.train_labels == c) for c in range(10)]
    assert (described.channels, described.image_size) == pool.train_images.shape[1:3]


def test_no_digit_is_in_two_splits(prepared):
    found = [set(identities(prepared[f"{part}_images"])) for part in ("train", "validation", "test")]
    assert [len(one) for one in found] == [1200, 197, 400]
    assert len(set.union(*found)) == 1797


def enlarged(images):
    """Bilinear interpolation to twice the size: three quarters the nearer pixel, one the next one."""
    for axis in (1, 2):
        before, after = (np.roll(images, shift, axis) for shift in (1, -1))
        first, last = (np.take(images, [i], axis) for i in (0, -1))
        before = np.concatenate([first, np.delete(before, 0, axis)], axis)
        after = np.concatenate([np.delete(after, -1, axis), last], axis)
        pair = np.stack([0.75 * images + 0.25 * before, 0.75 * images + 0.25 * after], axis + 1)
        images = pair.reshape(*images.shape[:axis], -1, *images.shape[axis + 1 :])
    return images


def test_every_digit_is_an_enlarged_original_with_its_label(pool):
    images = np.concatenate([pool.train_images, pool.test_images]).reshape(-1, 256).astype(float)
    labels = np.concatenate([pool.train_labels, pool.test_labels])
    originals = load_digits()
    expected = enlarged(originals.images * 255 / 16).reshape(-1, 256)
    distances = (images**2).sum(1)[:, None] - 2 * images @ expected.T + (expected**2).sum(1)
    closest = distances.argmin(axis=1)
    assert sorted(closest) == list(range(1797))
    assert np.abs(images - expected[closest]).max() < 2  # rounded twice
    assert np.array_equal(originals.target[closest], labels)
    assert (images.min(), images.max()) == (0, 255)


def test_loading_digits_twice_gives_the_same_arrays(pool):
    again = digits.load()
    assert np.array_equal(again.train_images, pool.train_images)
    assert np.array_equal(again.test_labels, pool.test_labels)


# Splits


@pytest.fixture
def small_pool():
    """A test pool of 40, 20 and 10 images of three classes, each image its own number."""
    labels = np.repeat([0, 1, 2], [40, 20, 10])
    images = np.arange(70, dtype=np.uint8).reshape(70, 1, 1, 1)
    return Pool(images[:30], labels[:30], images, labels, ["a", "b", "c"])


@pytest.mark.parametrize(("size", "counts"), [(0.2, [8, 4, 2]), (14, [8, 4, 2]), (35, [20, 10, 5])])
def test_validation_is_a_stratified_share_of_the_test_pool(small_pool, size, counts):
    arrays = parts(small_pool, size, "x")
    assert np.bincount(arrays["validation_labels"]).tolist() == counts
    rest = [40 - counts[0], 20 - counts[1], 10 - counts[2]]
    assert np.bincount(arrays["test_labels"]).tolist() == rest


def test_validation_and_test_make_up_the_pool_and_labels_stay_with_images(small_pool):
    arrays = parts(small_pool, 0.3, "x")
    both = np.concatenate([arrays["validation_images"], arrays["test_images"]]).ravel()
    labels = np.concatenate([arrays["validation_labels"], arrays["test_labels"]])
    assert sorted(both) == list(range(70))
    assert np.array_equal(labels, small_pool.test_labels[both])


def test_the_training_set_keeps_its_size(small_pool):
    arrays = parts(small_pool, 0.3, "x")
    assert np.array_equal(arrays["train_images"], small_pool.train_images)
    assert np.array_equal(arrays["train_labels"], small_pool.train_labels)


def test_the_split_is_fixed_by_the_datasets_name(small_pool):
    first = parts(small_pool, 0.3, "x")["validation_images"]
    np.random.seed(5)
    assert np.array_equal(parts(small_pool, 0.3, "x")["validation_images"], first)
    assert not np.array_equal(parts(small_pool, 0.3, "y")["validation_images"], first)


@pytest.mark.parametrize("shape", [(7, 3, 5, 4), (1, 1, 1, 1), (20, 1, 16, 16)])
def test_channel_statistics_are_mean_and_deviation_from_0_to_1(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    mean, deviation = channel_statistics(images)
    scaled = images.astype(np.float64) / 255
    assert mean == pytest.approx(scaled.mean(axis=(0, 2, 3)).tolist(), abs=1e-12)
    assert deviation == pytest.approx(scaled.std(axis=(0, 2, 3)).tolist(), abs=1e-12)


# Pools that are not what was promised

PROMISED = Description(["a", "b", "c"], [10, 10, 10], [40, 20, 10], channels=1, image_size=1)


def complaint(pool, **changes):
    with pytest.raises(ValueError) as caught:
        check(replace(pool, **changes), PROMISED)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_pool_as_promised_passes(small_pool):
    check(small_pool, PROMISED)
    check(digits.load(), digits.describe())


@pytest.mark.parametrize("part", ["train", "test"])
def test_images_of_another_kind_or_size_are_refused(small_pool, part):
    name, word = f"{part}_images", {"train": "training", "test": "test"}[part]
    images = getattr(small_pool, name)
    for wrong, found in (
        (images.astype(np.float32), "float32 (1, 1, 1)"),
        (images.astype(np.int64), "int64 (1, 1, 1)"),
        (images.repeat(2, axis=3), "uint8 (1, 1, 2)"),
        (images.repeat(3, axis=1), "uint8 (3, 1, 1)"),
        (images[..., 0], "uint8 (1, 1)"),
    ):
        message = complaint(small_pool, **{name: wrong})
        assert message == f"{word} images are {found}, not uint8 (1, 1, 1)"


@pytest.mark.parametrize(
    ("part", "images", "labels"),
    [("train", 29, 30), ("train", 30, 29), ("train", 29, 29), ("test", 69, 70), ("test", 70, 69)],
)
def test_missing_images_and_labels_are_counted(small_pool, part, images, labels):
    cut = {
        f"{part}_images": getattr(small_pool, f"{part}_images")[:images],
        f"{part}_labels": getattr(small_pool, f"{part}_labels")[:labels],
    }
    word, promised = {"train": ("training", 30), "test": ("test", 70)}[part]
    assert complaint(small_pool, **cut) == (
        f"{images} {word} images and {labels} labels, not {promised} of each"
    )


@pytest.mark.parametrize("label", [-1, 3, 255])
@pytest.mark.parametrize(("part", "word"), [("train", "training"), ("test", "test")])
def test_a_label_out_of_range_is_named_with_its_image(small_pool, part, word, label):
    labels = getattr(small_pool, f"{part}_labels").copy()
    labels[[17, 23]] = label
    message = complaint(small_pool, **{f"{part}_labels": labels})
    assert message == f"{word} image 17 has the label {label}; labels go from 0 to 2"


# Folders


def save(root, name, image):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    image.save(root / name)


def plain(color, size=(8, 8), mode="RGB"):
    return Image.new(mode, size, color)


@pytest.fixture
def tree(tmp_path):
    """Two classes: dark images of cats, bright ones of dogs, of many sizes, kinds and formats."""
    save(tmp_path, "train/cat/1.png", plain((10, 20, 30), (5, 9)))
    save(tmp_path, "train/cat/2.JPG", plain((10, 20, 30), (40, 40)))
    save(tmp_path, "train/cat/3.bmp", plain(20, (8, 8), "L"))
    save(tmp_path, "train/dog/1.png", plain((200, 210, 220)))
    save(tmp_path, "train/dog/2.png", plain((200, 210, 220, 255), (16, 8), "RGBA"))
    save(tmp_path, "test/cat/1.jpeg", plain((10, 20, 30)))
    save(tmp_path, "test/dog/1.png", plain((200, 210, 220)))
    save(tmp_path, "test/dog/2.png", plain((200, 210, 220)).quantize(4))
    (tmp_path / "train/cat/notes.txt").write_text("not an image")
    return tmp_path


def test_a_folder_is_described_as_it_is_loaded(tree):
    for color, channels in (("rgb", 3), ("grey", 1)):
        described = folder.describe(path=str(tree), image_size=6, color=color)
        loaded = folder.load(path=str(tree), image_size=6, color=color)
        assert described.classes == loaded.classes == ["cat", "dog"]
        assert described.train_per_class == np.bincount(loaded.train_labels).tolist() == [3, 2]
        assert loaded.train_images.shape == (5, channels, 6, 6)
        assert loaded.test_images.shape == (3, channels, 6, 6)
        assert (described.channels, described.image_size) == (channels, 6)
        assert loaded.train_images.dtype == np.uint8
        assert loaded.test_labels.dtype == np.int64
        assert loaded.test_labels.tolist() == [0, 1, 1]


def test_images_keep_their_colour_whatever_their_size_and_format(tree):
    loaded = folder.load(path=str(tree), image_size=6)
    for images, labels in (
        (loaded.train_images, loaded.train_labels),
        (loaded.test_images, loaded.test_labels),
    ):
        for image, label in zip(images, labels, strict=True):
            expected = np.array([[10, 20, 30], [200, 210, 220]][label])
            if image[0, 0, 0] == image[2, 0, 0]:
                expected = np.array([20, 20, 20])  # the grey one
            assert np.abs(image - expected[:, None, None].astype(float)).max() <= 2  # JPEG's loss


def test_grey_is_the_luminance(tree):
    loaded = folder.load(path=str(tree), image_size=6, color="grey")
    for image, label in zip(loaded.train_images, loaded.train_labels, strict=True):
        red, green, blue = [(10, 20, 30), (200, 210, 220)][label]
        luminance = 0.299 * red + 0.587 * green + 0.114 * blue
        assert np.abs(image - luminance).max() <= 2


def test_an_image_of_the_right_size_is_not_changed_and_stands_upright(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"):
        save(tmp_path, name, Image.fromarray(pixels))
    loaded = folder.load(path=str(tmp_path), image_size=6)
    for channel in range(3):
        assert np.array_equal(loaded.train_images[0, channel], pixels[:, :, channel])


def test_sixteen_bit_images_keep_their_shades(tmp_path):
    shades = np.linspace(0, 65535, 36).reshape(6, 6).astype(np.uint16)
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"):
        save(tmp_path, name, Image.fromarray(shades))
    loaded = folder.load(path=str(tmp_path), image_size=6, color="grey")
    assert np.abs(loaded.train_images[0, 0] - shades / 257).max() <= 1


def everywhere(root, name, image, **options):
    """The same image in both classes of train and test."""
    for place in ("train/a", "train/b", "test/a", "test/b"):
        (root / place).mkdir(parents=True, exist_ok=True)
        image.save(root / place / name, **options)


def test_an_image_is_turned_as_the_camera_noted(tmp_path):
    shades = np.arange(36, dtype=np.uint8).reshape(6, 6) * 7
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    everywhere(tmp_path, "1.png", Image.fromarray(shades), exif=exif)
    loaded = folder.load(path=str(tmp_path), color="grey")
    assert np.array_equal(loaded.train_images[0, 0], np.rot90(shades, -1))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_black_whatever_colour_it_hides(tmp_path, mode):
    pixels = np.full((6, 6, 4), 200, dtype=np.uint8)
    pixels[:3, :, 3], pixels[3:, :, 3] = 0, 255
    everywhere(tmp_path, "1.png", Image.fromarray(pixels).convert(mode))
    image = folder.load(path=str(tmp_path)).train_images[0]
    assert (image[:, :3] == 0).all()
    assert (image[:, 3:] == 200).all()


def test_floating_point_images_from_0_to_1_keep_their_shades(tmp_path):
    shades = np.linspace(0, 1, 36, dtype=np.float32).reshape(6, 6)
    everywhere(tmp_path, "1.tif", Image.fromarray(shades))
    loaded = folder.load(path=str(tmp_path), color="grey")
    assert np.abs(loaded.train_images[0, 0] - shades * 255).max() <= 0.5


@pytest.mark.parametrize(
    ("shades", "words"),
    [
        (np.full((6, 6), 7.0, np.float32), "floating-point numbers are not between 0 and 1"),
        (np.full((6, 6), 7, np.int32), "32-bit numbers have no known range"),
    ],
)
def test_images_of_no_known_range_are_refused(tmp_path, shades, words):
    everywhere(tmp_path, "1.tif", Image.fromarray(shades))
    with pytest.raises(ValueError, match=f"1.tif: .*{words}"):
        folder.load(path=str(tmp_path), color="grey")


def test_what_is_skipped_is_counted_in_the_log(tree, caplog):
    (tree / "train/cat/more").mkdir()
    (tree / "train/cat/drawing.svg").write_text("<svg/>")
    (tree / "train/cat/._1.png").write_text("what macOS leaves")
    with caplog.at_level("INFO", logger="redress"):
        folder.load(path=str(tree), image_size=6)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith("3 that are no images by their names are skipped: drawing.svg, more, notes.txt")


def test_a_pipe_is_refused_and_not_waited_for(tree):
    os.mkfifo(tree / "train/dog/9.png")
    assert "9.png: is not a file" in refusal(folder.describe, tree)


def test_images_that_no_machine_could_hold_are_refused_at_once(tree):
    with pytest.raises(ValueError, match="8 images of 1000000x1000000 pixels are 24 TB: too much"):
        folder.describe(path=str(tree), image_size=1_000_000)


def refusal(function, path):
    with pytest.raises(ValueError) as caught:
        function(path=str(path), image_size=6)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n"])
def test_an_unreadable_file_is_named(tree, content):
    (tree / "test/dog/broken.png").write_bytes(content)
    message = refusal(folder.load, tree)
    assert str(tree / "test/dog/broken.png") in message
    assert message.startswith("1 files")


def test_a_truncated_image_is_named(tree):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    save(tree, "train/dog/cut.jpg", Image.fromarray(pixels))
    whole = (tree / "train/dog/cut.jpg").read_bytes()
    (tree / "train/dog/cut.jpg").write_bytes(whole[: len(whole) // 2])
    assert str(tree / "train/dog/cut.jpg") in refusal(folder.load, tree)


def test_an_image_too_large_to_be_true_is_named(tree, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert str(tree / "train/cat/2.JPG") in refusal(folder.load, tree)


def test_of_many_unreadable_files_the_first_are_named_and_all_are_counted(tree):
    for i in range(5):
        (tree / f"train/cat/x{i}.png").write_bytes(b"no")
    message = refusal(folder.load, tree)
    assert message.startswith("5 files")
    assert "x0.png" in message
    assert "x4.png" not in message


def test_a_class_without_images_is_named(tree):
    (tree / "train/emu").mkdir()
    (tree / "train/emu/notes.txt").write_text("none yet")
    assert str(tree / "train/emu") in refusal(folder.describe, tree)


@pytest.mark.parametrize("missing", ["", "train", "test"])
def test_a_missing_folder_is_named(tree, missing):
    root = tree / "nowhere" if not missing else tree
    if missing:
        (tree / missing).rename(tree / "elsewhere")
    message = refusal(folder.describe, root)
    assert str(root / (missing or "train")) in message
    assert "train/<class>" in message


def test_classes_of_train_and_test_must_be_the_same(tree):
    save(tree, "train/emu/1.png", plain(0, mode="L"))
    save(tree, "test/fox/1.png", plain(0, mode="L"))
    message = refusal(folder.describe, tree)
    assert "emu, fox" in message
    assert "cat" not in message.replace(str(tree), "")


def test_one_class_is_not_enough(tmp_path):
    save(tmp_path, "train/cat/1.png", plain(0, mode="L"))
    save(tmp_path, "test/cat/1.png", plain(0, mode="L"))
    assert "at least 2" in refusal(folder.describe, tmp_path)


# Folders whose images have one size already


def squares(root, sizes):
    """Two classes with an image of each size in train, and one of the first size in test."""
    for name in ("cat", "dog"):
        for i, size in enumerate(sizes):
            save(root, f"train/{name}/{i}.png", plain((10, 20, 30), size))
        save(root, f"test/{name}/0.png", plain((10, 20, 30), sizes[0]))
    return root


def refusal_without_size(function, root):
    with pytest.raises(ValueError) as caught:
        function(path=str(root))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("side", [5, 20])
def test_without_image_size_images_keep_their_own(tmp_path, side):
    pixels = np.random.default_rng(0).integers(0, 256, (8, side, side, 3), dtype=np.uint8)
    places = [f"{part}/{name}/{i}.png" for part in ("train", "test") for name in "ab" for i in (0, 1)]
    for place, image in zip(places, pixels, strict=True):
        save(tmp_path, place, Image.fromarray(image))
    loaded = folder.load(path=str(tmp_path))
    assert np.array_equal(loaded.train_images, pixels[:4].transpose(0, 3, 1, 2))
    assert np.array_equal(loaded.test_images, pixels[4:].transpose(0, 3, 1, 2))
    check(loaded, folder.describe(path=str(tmp_path)))
    assert folder.describe(path=str(tmp_path)).image_size == side


def test_without_image_size_a_first_image_that_is_not_square_is_named(tmp_path):
    squares(tmp_path, [(8, 6), (8, 8)])
    for function in (folder.describe, folder.load):
        message = refusal_without_size(function, tmp_path)
        assert message.startswith(f"{tmp_path / 'train/cat/0.png'}: 8x6 pixels is not square")
        assert "image_size" in message


@pytest.mark.parametrize("other", [(9, 9), (8, 7), (7, 8)])
def test_without_image_size_images_of_another_one_are_named(tmp_path, other):
    squares(tmp_path, [(8, 8), other, (8, 8)])
    message = refusal_without_size(folder.load, tmp_path)
    assert message.startswith("2 images are not of 8x8 pixels")
    for name in ("cat", "dog"):
        assert f"{tmp_path / 'train' / name / '1.png'} ({other[0]}x{other[1]})" in message
    assert "0.png" not in message
    assert "2.png" not in message
    assert "image_size" in message
    assert folder.load(path=str(tmp_path), image_size=8).train_images.shape == (6, 3, 8, 8)


def test_without_image_size_a_test_image_of_another_one_is_named(tmp_path):
    squares(tmp_path, [(8, 8)])
    save(tmp_path, "test/dog/large.png", plain((1, 2, 3), (16, 16)))
    message = refusal_without_size(folder.load, tmp_path)
    assert message.startswith("1 images")
    assert f"{tmp_path / 'test/dog/large.png'} (16x16)" in message


def test_without_image_size_of_many_other_images_the_first_are_named_and_all_are_counted(tmp_path):
    squares(tmp_path, [(8, 8), *[(9, 9)] * 5])
    message = refusal_without_size(folder.load, tmp_path)
    assert message.startswith("10 images")
    assert message.count(".png") == 3


def test_without_image_size_an_unreadable_first_image_is_named(tmp_path):
    squares(tmp_path, [(8, 8)])
    (tmp_path / "train/cat/0.png").write_bytes(b"no image at all")
    for function in (folder.describe, folder.load):
        assert str(tmp_path / "train/cat/0.png") in refusal_without_size(function, tmp_path)


def test_without_image_size_a_class_without_images_is_named(tmp_path):
    squares(tmp_path, [(8, 8)])
    for part in ("train", "test"):
        (tmp_path / part / "a").mkdir()
    for function in (folder.describe, folder.load):
        assert str(tmp_path / "train/a") in refusal_without_size(function, tmp_path)


def folder_experiment(root, **source):
    block = copy.deepcopy(TINY["datasets"]["digits"])
    block |= {"source": {"name": "folder", "path": str(root), **source}, "validation_size": 0.5}
    block["manipulations"] = {"poison": {"n": [4], "patch_size": 2}}
    return Experiment({**TINY, "datasets": {"mine": block}})


@pytest.fixture
def enough(tmp_path):
    squares(tmp_path, [(20, 20)] * 4)
    for name in ("cat", "dog"):
        save(tmp_path, f"test/{name}/1.png", plain((1, 2, 3), (20, 20)))
    return tmp_path


def test_a_config_may_leave_image_size_out(enough):
    assert "image_size" not in folder_experiment(enough).prepare_job("mine")
    for size in (15, None):
        folder_experiment(enough, image_size=size)


@pytest.mark.parametrize("size", ["big", 0, -8, 8.5, True, [8]])
def test_a_config_with_an_image_size_that_is_none_is_refused(enough, size):
    with pytest.raises(ConfigError) as caught:
        folder_experiment(enough, image_size=size)
    assert str(caught.value).startswith("datasets.mine.source.image_size: ")
    assert "\n" not in str(caught.value)


def test_a_config_without_image_size_is_checked_against_the_images_own(tmp_path):
    squares(tmp_path, [(14, 14)] * 4)
    for name in ("cat", "dog"):
        save(tmp_path, f"test/{name}/1.png", plain((1, 2, 3), (14, 14)))
    with pytest.raises(ConfigError, match="15 pixels or more, not 14"):
        folder_experiment(tmp_path)
    save(tmp_path, "train/cat/0.png", plain((1, 2, 3), (20, 14)))
    with pytest.raises(ConfigError, match=r"^datasets.mine.source: .*0.png: 20x14 pixels is not square"):
        folder_experiment(tmp_path)

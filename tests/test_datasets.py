"""Sources of images, the splits made of them, and their statistics."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from datasets import digits, folder
from redress.data import Pool, channel_statistics, split


def identities(images):
    return [image.tobytes() for image in images]


# Digits


@pytest.fixture(scope="module")
def pool():
    return digits.load()


@pytest.fixture(scope="module")
def prepared(pool):
    return split(pool, 197, "digits")


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
    parts = [set(identities(prepared[f"{part}_images"])) for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [1200, 197, 400]
    assert len(set.union(*parts)) == 1797


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
    arrays = split(small_pool, size, "x")
    assert np.bincount(arrays["validation_labels"]).tolist() == counts
    rest = [40 - counts[0], 20 - counts[1], 10 - counts[2]]
    assert np.bincount(arrays["test_labels"]).tolist() == rest


def test_validation_and_test_make_up_the_pool_and_labels_stay_with_images(small_pool):
    arrays = split(small_pool, 0.3, "x")
    both = np.concatenate([arrays["validation_images"], arrays["test_images"]]).ravel()
    labels = np.concatenate([arrays["validation_labels"], arrays["test_labels"]])
    assert sorted(both) == list(range(70))
    assert np.array_equal(labels, small_pool.test_labels[both])


def test_the_training_set_keeps_its_size(small_pool):
    arrays = split(small_pool, 0.3, "x")
    assert np.array_equal(arrays["train_images"], small_pool.train_images)
    assert np.array_equal(arrays["train_labels"], small_pool.train_labels)


def test_the_split_is_fixed_by_the_datasets_name(small_pool):
    first = split(small_pool, 0.3, "x")["validation_images"]
    np.random.seed(5)
    assert np.array_equal(split(small_pool, 0.3, "x")["validation_images"], first)
    assert not np.array_equal(split(small_pool, 0.3, "y")["validation_images"], first)


@pytest.mark.parametrize("shape", [(7, 3, 5, 4), (1, 1, 1, 1), (20, 1, 16, 16)])
def test_channel_statistics_are_mean_and_deviation_from_0_to_1(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    mean, deviation = channel_statistics(images)
    scaled = images.astype(np.float64) / 255
    assert mean == pytest.approx(scaled.mean(axis=(0, 2, 3)).tolist(), abs=1e-12)
    assert deviation == pytest.approx(scaled.std(axis=(0, 2, 3)).tolist(), abs=1e-12)


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

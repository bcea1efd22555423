"""Sheets of manipulated images, read back from the axes and from the files."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from project import ROOT, TINY, Project

import examples
from redress.formats import files
from redress.formats.alterations import Overlays, View
from redress.formats.contents import TrainingView, Truth
from redress.formats.identity import Identity
from redress.plan.experiment import Experiment
from redress.report.paper import paper, save


@pytest.fixture(autouse=True)
def on_paper():
    with paper():
        yield


def images(count=8, channels=1, size=6):
    shape = (count, channels, size, size)
    return np.random.default_rng(0).integers(0, 200, shape, dtype=np.uint8)


def stamped(clean):
    altered = clean.copy()
    altered[..., -2:, -3:] = 255
    return altered


def shown(panel):
    """The pixels in a panel, or None."""
    return np.asarray(panel.images[0].get_array()) if panel.images else None


def rows_of(figure):
    panels = figure.axes
    return panels[: len(panels) // 2], panels[len(panels) // 2 :]


@pytest.mark.parametrize("channels", [1, 3])
def test_clean_images_stand_above_altered_ones(channels):
    clean = images(channels=channels)
    above, below = rows_of(examples.sheet("Title", clean, stamped(clean), ["1"] * 8, ["0"] * 8))
    for number, (first, second) in enumerate(zip(above, below, strict=True)):
        expected = np.squeeze(np.moveaxis(clean[number], 0, -1))
        assert (shown(first) == expected).all()
        assert (shown(second)[:-2] == expected[:-2]).all()
        assert (shown(second)[-2:, -3:] == 255).all()
        assert first.images[0].get_interpolation() == "nearest"
        assert first.images[0].get_clim() == (0, 255) or channels == 3


def test_labels_stand_below_and_wrong_ones_are_marked():
    clean = images(2)
    above, below = rows_of(examples.sheet("Title", clean, clean, ["cat", "dog"], ["dog", "dog"]))
    assert [panel.get_xlabel() for panel in above[:2]] == ["cat", "dog"]
    assert [panel.get_xlabel() for panel in below[:2]] == ["dog", "dog"]
    colours = [to_hex(panel.xaxis.label.get_color()) for panel in below[:2]]
    assert colours == [examples.CHANGED.lower(), "#000000"]


def test_changed_pixels_and_only_they_are_framed():
    clean = images(2)
    altered = clean.copy()
    altered[0] = stamped(clean)[0]
    _, below = rows_of(examples.sheet("Title", clean, altered, ["a", "b"], ["a", "b"]))
    (frame,) = below[0].patches
    assert frame.get_xy() == (2.5, 3.5)
    assert (frame.get_width(), frame.get_height()) == (3, 2)
    assert not below[1].patches


def test_fewer_samples_than_places_leave_places_empty():
    clean = images(3)
    above, _ = rows_of(examples.sheet("Title", clean, clean, ["a"] * 3, ["b"] * 3))
    assert [shown(panel) is not None for panel in above] == [True] * 3 + [False] * 5


def test_no_class_name_breaks_a_sheet(tmp_path):
    names = ["$5_$10", "$", "$\\frac$", "a^b_{c", "maple_tree", "x" * 300, "two words and more of them", "%"]
    clean = images()
    figure = examples.sheet("$ and \\ in $ a title", clean, clean, names, names[::-1])
    save(figure, tmp_path / "sheet.pdf")
    above, _ = rows_of(figure)
    assert [panel.get_xlabel() for panel in above[:5]] == names[:5]
    figure.canvas.draw()
    boxes = [panel.xaxis.label.get_window_extent() for panel in above]
    assert all(left.x1 < right.x0 + 10 for left, right in pairwise(boxes))


def test_a_sheet_shows_the_first_samples_in_the_order_in_which_they_were_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, nobody = Identity("digits", "poison", 12, 0), np.empty(0, np.int64)
    clean, labels = images(30), np.arange(30) % 3
    manipulated = np.random.default_rng(1).permutation(30)[:12]
    given = np.where(np.isin(np.arange(30), manipulated), 0, labels)
    square = np.zeros((1, 6, 6), np.float32)
    square[:, -2:, -2:] = 1
    mark = Overlays.one(square, 255 * square, len(manipulated))
    about = {"classes": ["zero", "one", "two"]}
    files.save_arrays(run.path("pictures"), {"train_images": clean}, about, Identity("digits"))
    true = {"train_labels": labels, "test_labels": nobody}
    files.save_arrays(run.path("true_labels"), true, {}, Identity("digits"))
    view = View.altered("train", np.arange(30), mark, manipulated)
    act = {"training_set": TrainingView(view, given, labels_in_doubt=True).save(run, {})}
    Truth(manipulated, 0 * manipulated, labels, given, nobody, nobody, nobody, {}, 0).save(run, {}, act)
    sheets = []
    monkeypatch.setattr(examples, "sheet", lambda *told: sheets.append(told) or Figure((1, 1)))
    names = {"dataset": "digits", "manipulation": "poison", "n": 12, "seed": 0, "label": "Digits"}
    outputs = [tmp_path / "sheet.png", tmp_path / "sheet.pdf"]
    examples.main(examples.argparse.Namespace(**names, output=outputs))
    ((title, shown_clean, altered, true, given),) = sheets
    assert title == "Digits, poison: 8 of the 12 manipulated training images"
    assert (shown_clean == clean[manipulated[:8]]).all()
    assert (altered[..., -2:, -2:] == 255).all()
    assert (altered[..., :-2, :] == shown_clean[..., :-2, :]).all()
    assert true == [["zero", "one", "two"][index % 3] for index in manipulated[:8]]
    assert given == ["zero"] * 8
    assert outputs[0].read_bytes().startswith(b"\x89PNG")
    assert outputs[1].read_bytes().startswith(b"%PDF")


def test_the_largest_n_and_the_first_seed_are_shown():
    digits = TINY["datasets"]["digits"]
    manipulations = {"poison": {"n": [6, 60, 20]}, "interclass": {"n": [20], "classes": [3, 8]}}
    datasets = {"first": digits | {"source": {"name": "digits"}, "manipulations": manipulations}}
    datasets["second"] = datasets["first"] | {"manipulations": {"poison": {"n": [10]}}}
    experiment = Experiment(TINY | {"seeds": [4, 0], "datasets": datasets})
    assert list(experiment.examples()) == [
        Identity("first", "poison", 60, 4),
        Identity("first", "interclass", 20, 4),
        Identity("second", "poison", 10, 4),
    ]


def test_sheets_need_no_pytorch():
    program = "import sys, examples; print('torch' in sys.modules)"
    done = Project(ROOT / "workflow/scripts").run(sys.executable, "-c", program)
    assert done.stdout.strip() == "False", done.stderr


def test_a_run_draws_a_sheet_for_each_manipulation_of_each_dataset(finished):
    folder = finished.folder / "results/figures/examples"
    sheets = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.*") if path.is_file())
    assert sheets == [
        f"digits/{manipulation}.{ending}"
        for manipulation in ("interclass", "poison")
        for ending in ("pdf", "png")
    ]
    assert Image.open(folder / "digits/poison.png").size == (2100, 750)


def test_another_manipulation_setting_draws_its_sheet_again(changed):
    project, config = changed
    config["datasets"]["digits"]["manipulations"]["poison"]["patch_size"] = 3
    project.configure(config)
    assert project.planned("results/figures/examples/digits/poison.png") == {"manipulate": 1, "examples": 1}

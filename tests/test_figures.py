"""What is drawn, read back from the axes."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from made_up import WORDS, margin, results
from matplotlib.colors import to_hex
from project import ROOT

from redress.formats.measures import measures
from redress.referee.statistics import interval
from redress.report.figures import PAPER, draw, wrapped
from redress.report.paper import paper, save
from redress.report.shown import Shown
from redress.report.styles import MARKERS, PALETTE, Style, styles_of

STYLES = {
    "eu": Style("EU", "#ff0000", "o"),
    "cf": Style("Fine-tuning", "#00ff00", "s"),
}
FRACTIONS = (0.1, 0.5, 1.0)
MEASURES = {**measures(), "margin": margin}


@pytest.fixture(autouse=True)
def on_paper():
    with paper(**PAPER):
        yield


def model(dataset, n, manipulation, seed, value, maker="standard", discovery="uniform"):
    """A row with a removal_test, or of a model that diverged."""
    alive = value is not None
    return {
        "dataset": dataset,
        "n_manipulated": n,
        "manipulation": manipulation,
        "seed": seed,
        "maker": maker,
        "discovery": discovery,
        **dict.fromkeys(MEASURES, math.nan),
        "validation_accuracy": 0.9 if alive else math.nan,
        "removal_test": value if alive else math.nan,
    }


def rows(dataset="digits", n=60, manipulation="poison", seeds=(0, 1), values=None, **names):
    """Selected models: `values` maps a method to its removal_test at each fraction, plus 0.1 per seed."""
    values = values or {"eu": (0.1, 0.2, 0.3), "cf": (0.5, 0.4, 0.3)}
    return [
        {
            **model(dataset, n, manipulation, seed, value if value is None else value + seed / 10, **names),
            "method": method,
            "deletion_fraction": fraction,
            "utility_test": 0.9,
        }
        for method, series in values.items()
        for fraction, value in zip(FRACTIONS, series, strict=True)
        for seed in seeds
    ]


def references(dataset="digits", n=60, manipulation="poison", values=(0.2, 0.3), maker="standard"):
    return [
        {
            **model(dataset, n, manipulation, seed, value, maker, None),
            "method": "original",
            "utility_test": 0.5,
        }
        for seed, value in enumerate(values)
    ]


def drawn(
    selected,
    originals,
    measure="removal_test",
    manipulation="poison",
    styles=STYLES,
    datasets=None,
    makers=("standard",),
    discoveries=("uniform",),
):
    datasets = datasets or {"digits": "Digits"}
    shown = Shown(styles, datasets, WORDS, {}, MEASURES, makers, discoveries)
    none = pd.DataFrame(references()).iloc[:0]
    originals = pd.DataFrame(originals) if len(originals) else none
    return draw(pd.DataFrame(selected), originals, manipulation, measure, shown)


def lines_of(panel, color, linestyle):
    return [
        (np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float))
        for line in panel.get_lines()
        if to_hex(line.get_color()) == color and (line.get_linestyle() == "None") == (linestyle == "None")
    ]


def line_of(panel, color):
    """x and y of the one line of that colour."""
    (line,) = lines_of(panel, color, "-")
    return line


def crosses_of(panel, color):
    """Where crosses of that colour stand: (x in percent, height as a share of the panel's)."""
    return [point for x, y in lines_of(panel, color, "None") for point in zip(x, y, strict=True)]


def band_of(panel, color):
    """The corners (points, 2) of the one band of that colour."""
    (band,) = (band for band in panel.collections if to_hex(band.get_facecolor()[0][:3]) == color)
    return np.concatenate([path.vertices for path in band.get_paths()])


def at(corners, x):
    """Lowest and highest corner at x."""
    heights = corners[np.isclose(corners[:, 0], x), 1]
    return heights.min(), heights.max()


def tick_labels(panel):
    panel.figure.canvas.draw()
    return [label.get_text() for label in panel.get_yticklabels()]


def test_a_panel_has_one_line_for_each_method_at_the_mean_over_seeds():
    (panel,) = drawn(rows(), references()).axes
    x, y = line_of(panel, "#ff0000")
    assert x == pytest.approx([10, 50, 100])
    assert y == pytest.approx([15, 25, 35])  # seeds 0 and 1 are 10 apart
    x, y = line_of(panel, "#00ff00")
    assert y == pytest.approx([55, 45, 35])


def test_the_band_is_the_range_over_few_seeds():
    (panel,) = drawn(rows(seeds=(0, 1, 2, 3)), references()).axes
    corners = band_of(panel, "#ff0000")
    for x, low in zip((10, 50, 100), (10, 20, 30), strict=True):
        assert at(corners, x) == pytest.approx((low, low + 30))


def test_the_band_of_five_seeds_is_the_bootstrap_interval():
    (panel,) = drawn(rows(seeds=(0, 1, 2, 3, 4)), references(values=(0.1, 0.2, 0.2, 0.3, 0.7))).axes
    expected = interval(np.array([10.0, 20, 30, 40, 50]))
    assert 10 < expected[0] < 30 < expected[1] < 50
    assert at(band_of(panel, "#ff0000"), 10) == pytest.approx(expected)
    (original,) = panel.patches
    low, high = original.get_extents().transformed(panel.transData.inverted()).intervaly
    assert (low, high) == pytest.approx(interval(np.array([10.0, 20, 20, 30, 70])))


def test_a_band_hides_no_line():
    (panel,) = drawn(rows(), references()).axes
    bands = [*panel.collections, *panel.patches]
    assert max(band.get_zorder() for band in bands) < min(line.get_zorder() for line in panel.get_lines())


def test_the_original_is_a_dashed_line_at_its_mean():
    (panel,) = drawn(rows(), references(values=(0.2, 0.4))).axes
    _, y = line_of(panel, "#000000")
    assert y == pytest.approx([30, 30])
    (line,) = (line for line in panel.get_lines() if to_hex(line.get_color()) == "#000000")
    assert line.get_linestyle() == "--"


def test_an_original_without_a_value_breaks_nothing():
    (panel,) = drawn(rows(), references(values=(None, 0.4))).axes
    assert line_of(panel, "#000000")[1] == pytest.approx([40, 40])


@pytest.mark.parametrize("label", [r"$\foo$", "Digits $1_{ $", "a {b} \\ c", "手書き数字"])
@pytest.mark.filterwarnings("ignore:Glyph")  # where no font has these
def test_labels_may_hold_anything(tmp_path, label):
    figure = drawn(
        rows(),
        references(),
        datasets={"digits": label},
        styles={**STYLES, "cf": Style(label, "#00ff00", "s")},
    )
    for ending in ("png", "pdf"):
        save(figure, tmp_path / f"figure.{ending}")
    (panel,) = figure.axes
    assert panel.get_title() == f"{label}, n = 60"
    assert label in [text.get_text() for text in figure.legends[0].get_texts()]
    assert not panel.title.get_parse_math()


def test_another_column_is_another_figure():
    (panel,) = drawn(rows(), references(), measure="utility_test").axes
    assert line_of(panel, "#ff0000")[1] == pytest.approx([90, 90, 90])
    assert line_of(panel, "#000000")[1] == pytest.approx([50, 50])


def test_rows_of_other_manipulations_are_left_out():
    other = rows(manipulation="interclass", values={"eu": (0.9, 0.9, 0.9)})
    elsewhere = references(manipulation="interclass", values=(0.9,))
    (panel,) = drawn(rows() + other, references() + elsewhere).axes
    assert line_of(panel, "#ff0000")[1] == pytest.approx([15, 25, 35])
    assert line_of(panel, "#000000")[1] == pytest.approx([25, 25])


def test_datasets_are_rows_of_panels_and_their_n_ascend():
    selected, originals = [], []
    for dataset, ns in (("cifar10", (1000, 100)), ("digits", (60, 6))):
        for n in ns:
            selected += rows(dataset, n, values={"eu": (n / 2000,) * 3}, seeds=(0,))
            originals += references(dataset, n)
    figure = drawn(selected, originals, datasets={"digits": "Digits", "cifar10": "CIFAR-10"})
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == [
        "Digits, n = 6",
        "Digits, n = 60",
        "CIFAR-10, n = 100",
        "CIFAR-10, n = 1000",
    ]
    for panel, n in zip(figure.axes, (6, 60, 100, 1000), strict=True):
        assert line_of(panel, "#ff0000")[1] == pytest.approx([n / 20] * 3)


def test_a_dataset_with_fewer_n_has_no_empty_panels():
    selected = rows(n=60) + rows(n=6) + rows("other", 5)
    originals = references(n=60) + references(n=6) + references("other", 5)
    figure = drawn(selected, originals, datasets={"digits": "Digits", "other": "Other"})
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["Digits, n = 6", "Digits, n = 60", "Other, n = 5"]


def test_a_dataset_without_the_manipulation_has_no_panels():
    selected = rows() + rows("other", manipulation="interclass")
    figure = drawn(selected, references(), datasets={"other": "Other", "digits": "Digits"})
    assert [panel.get_title() for panel in figure.axes] == ["Digits, n = 60"]


def test_the_legend_names_methods_in_order_and_then_the_original():
    figure = drawn(rows(), references())
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:2] == ["EU", "Fine-tuning"]
    assert "original" in texts[2]
    assert len(texts) == 3


@pytest.mark.parametrize("absent", ["diverged", "no row"])
def test_a_line_is_interrupted_where_there_is_no_result_and_a_cross_stands_there(absent):
    selected = pd.DataFrame(rows(values={"eu": (0.1, None, 0.3), "cf": (0.5, 0.4, 0.3)}))
    if absent == "no row":
        selected = selected[selected["removal_test"].notna()]
    figure = drawn(selected, references())
    (panel,) = figure.axes
    x, y = line_of(panel, "#ff0000")
    assert x == pytest.approx([10, 50, 100])
    assert y == pytest.approx([15, math.nan, 35], nan_ok=True)
    ((where, height),) = crosses_of(panel, "#ff0000")
    assert where == pytest.approx(50)
    assert 0 < height < 0.1
    assert not crosses_of(panel, "#00ff00")
    assert not np.isclose(band_of(panel, "#ff0000")[:, 0], 50).any()
    assert "no result" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_crosses_at_one_place_are_stacked_below_everything_else():
    (panel,) = drawn(rows(values={"eu": (0.1, None, 0.3), "cf": (None, None, None)}), references()).axes
    assert [x for x, _ in crosses_of(panel, "#00ff00")] == pytest.approx([10, 50, 100])
    heights = [height for x, height in crosses_of(panel, "#ff0000") + crosses_of(panel, "#00ff00") if x == 50]
    assert len(set(heights)) == 2
    bottom, top = panel.get_ylim()
    assert bottom + max(heights) * (top - bottom) < 10  # the lowest value


def test_crosses_of_many_methods_leave_room_for_the_lines():
    styles = {f"m{i}": Style(f"M{i}", "#00ff00", "o") for i in range(30)}
    values = {**dict.fromkeys(styles, (None, None, None)), "m0": (0.1, 0.2, 0.3)}
    (panel,) = drawn(rows(values=values), references(), styles=styles).axes
    bottom, top = panel.get_ylim()
    assert bottom < 10 < 40 < top
    assert (top - 10) / (top - bottom) > 0.45
    heights = [height for _, height in crosses_of(panel, "#00ff00")]
    assert len(heights) == 29 * 3
    assert max(heights) < (10 - bottom) / (top - bottom)


def test_a_seed_without_a_result_leaves_the_mean_of_the_others():
    selected = pd.DataFrame(rows())
    selected.loc[(selected["method"] == "eu") & (selected["seed"] == 1), "removal_test"] = math.nan
    (panel,) = drawn(selected, references()).axes
    assert line_of(panel, "#ff0000")[1] == pytest.approx([10, 20, 30])
    assert not crosses_of(panel, "#ff0000")


def test_a_method_missing_in_one_panel_is_drawn_in_the_other():
    selected = rows(n=6, values={"eu": (0.1, 0.2, 0.3)}) + rows(n=60)
    first, second = drawn(selected, references(n=6) + references(n=60)).axes
    assert np.isnan(line_of(first, "#00ff00")[1]).all()
    assert len(crosses_of(first, "#00ff00")) == 3
    assert line_of(second, "#00ff00")[1] == pytest.approx([55, 45, 35])


# Discoveries, makers and measures


def test_every_discovery_has_panels_of_its_own_that_name_it():
    biased = rows(values={"eu": (0.7, 0.7, 0.7), "only": (0.9, 0.9, 0.9)}, discovery="biased", seeds=(0,))
    styles = {**STYLES, "only": Style("Only", "#0000ff", "v")}
    selected = rows(values={"eu": (0.3, 0.3, 0.3), "cf": (0.5, 0.5, 0.5)}, seeds=(0,)) + biased
    figure = drawn(selected, references(), styles=styles, discoveries=("uniform", "biased"))
    first, second = figure.axes
    assert first.get_title() == "Digits, n = 60,\nuniform discovery"
    assert second.get_title() == "Digits, n = 60,\nbiased discovery"
    assert line_of(first, "#ff0000")[1] == pytest.approx([30] * 3)
    assert line_of(second, "#ff0000")[1] == pytest.approx([70] * 3)
    assert first.get_ylim() == second.get_ylim()
    # A method that does not run on a discovery has no result there to miss.
    assert not lines_of(second, "#00ff00", "-") and not lines_of(first, "#0000ff", "-")
    assert not crosses_of(second, "#00ff00") and not crosses_of(first, "#0000ff")
    for panel in figure.axes:
        assert line_of(panel, "#000000")[1] == pytest.approx([25, 25])


def test_originals_of_other_makers_are_dotted_and_named():
    originals = references() + references(values=(0.6,), maker="given")
    figure = drawn(rows(), originals, makers=("standard", "given"))
    (panel,) = figure.axes
    lines = {
        line.get_linestyle(): line for line in panel.get_lines() if to_hex(line.get_color()) == "#000000"
    }
    assert lines["--"].get_ydata() == pytest.approx([25, 25])
    assert lines[":"].get_ydata() == pytest.approx([60, 60])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[2:] == ["None (original)", "None (original, given)"]


def test_a_measure_in_a_unit_of_its_own_is_drawn_as_it_is():
    selected, originals = pd.DataFrame(rows()), pd.DataFrame(references())
    (panel,) = drawn(selected.assign(margin=123.0), originals.assign(margin=-2.5), measure="margin").axes
    assert line_of(panel, "#ff0000")[1] == pytest.approx([123] * 3)
    assert line_of(panel, "#000000")[1] == pytest.approx([-2.5] * 2)
    assert panel.get_ylabel().replace("\n", " ") == "Margin on triggered test images (points)"
    bottom, top = panel.get_ylim()
    assert bottom < -2.5 < 123 < top


def test_a_panel_says_where_a_measure_does_not_apply():
    figure = drawn(rows(), references(), measure="attack_success_rate")
    (panel,) = figure.axes
    assert [text.get_text() for text in panel.texts] == ["does not apply"]
    assert "no result" not in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("manipulation", "measure", "text"),
    [
        ("poison", "removal_test", "Accuracy on triggered\ntest images (%)"),
        ("poison", "utility_test", "Accuracy on test images\nwithout trigger (%)"),
        ("interclass", "removal_test", "Accuracy on test images of\nthe confused classes (%)"),
        ("interclass", "removal_train", "Accuracy on manipulated\ntraining images (%)"),
        ("interclass", "deletion_change", "Deletion change (%)"),
    ],
)
def test_axes_speak_the_words_of_measure_and_manipulation(manipulation, measure, text):
    selected = pd.DataFrame(rows(manipulation=manipulation)).assign(**{measure: 0.5})
    figure = drawn(selected, references(manipulation=manipulation), measure, manipulation)
    assert figure.axes[0].get_ylabel() == text


def test_text_of_any_length_is_wrapped():
    assert wrapped("") == ""
    assert max(map(len, wrapped("word " * 40 + "x" * 90).splitlines())) <= 30


# Axes


def test_markers_at_0_and_100_percent_are_drawn_in_full_and_no_tick_lies_beyond():
    (panel,) = drawn(rows(values={"eu": (0.0, 0.5, 1.0)}, seeds=(0,)), references()).axes
    bottom, top = panel.get_ylim()
    left, right = panel.get_xlim()
    radius = 2 / 72 / panel.figure.get_size_inches()  # inches, as a share of the figure
    assert -bottom / (top - bottom) > radius[1] < (top - 100) / (top - bottom)
    assert (right - 100) / (right - left) > radius[0]
    assert tick_labels(panel) == ["0", "20", "40", "60", "80", "100"]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0.98, 0.985, 0.99), ["95", "96", "97", "98", "99", "100"]),
        ((1.0, 1.0, 1.0), ["95", "96", "97", "98", "99", "100"]),
        ((0.0, 0.0, 0.0), ["0", "1", "2", "3", "4", "5"]),
        ((0.4, 0.5, 0.6), ["40", "45", "50", "55", "60"]),
    ],
)
def test_percentages_are_written_without_needless_decimals(values, labels):
    (panel,) = drawn(rows(values={"eu": values, "cf": values}, seeds=(0,)), []).axes
    assert tick_labels(panel) == labels


def test_a_panel_without_any_result_has_an_axis():
    nothing = {"eu": (None, None, None), "cf": (None, None, None)}
    (panel,) = drawn(rows(values=nothing), []).axes
    assert tick_labels(panel) == ["0", "20", "40", "60", "80", "100"]
    assert len(crosses_of(panel, "#ff0000") + crosses_of(panel, "#00ff00")) == 6


def test_panels_in_a_row_share_their_axis_and_columns_end_in_labels():
    selected = rows(n=6) + rows(n=60, values={"eu": (0.9, 0.9, 0.9)}, seeds=(0,)) + rows("other", 5)
    originals = references(n=6) + references(n=60) + references("other", 5)
    few, many, other = drawn(selected, originals, datasets={"digits": "Digits", "other": "Other"}).axes
    assert few.get_ylim() == many.get_ylim() != other.get_ylim()
    few.figure.canvas.draw()
    labelled = [panel.xaxis.get_tick_params()["labelbottom"] for panel in (few, many, other)]
    assert labelled == [False, True, True]


@pytest.mark.parametrize(("counts", "inches"), [((60,), 3.3), ((1, 2, 3), 7.0)])
def test_one_panel_is_a_column_wide_and_three_are_the_page(counts, inches):
    selected = [row for n in counts for row in rows(n=n)]
    figure = drawn(selected, [row for n in counts for row in references(n=n)])
    assert figure.get_size_inches()[0] == pytest.approx(inches)


def test_a_legend_of_long_names_fits_the_figure():
    styles = {f"m{i}": Style("A method with a long name" + "!" * i, "#ff0000", "o") for i in range(7)}
    figure = drawn(rows(), references(), styles=styles)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    (panel,) = figure.axes
    assert panel.get_tightbbox().y1 < box.y0
    assert panel.get_window_extent().height > 72


def test_every_marker_shows_its_colour():
    styles = {"eu": Style("EU", "#ff0000", "x"), "cf": Style("CF", "#00ff00", "o")}
    (panel,) = drawn(rows(), references(), styles=styles).axes
    eu, cf = (line for line in panel.get_lines() if line.get_marker() in ("x", "o"))
    assert to_hex(eu.get_markeredgecolor()) == to_hex(eu.get_color())
    assert to_hex(cf.get_markerfacecolor()) == to_hex(cf.get_color())


def test_a_figure_can_be_saved_without_an_original(tmp_path):
    save(drawn(rows(), []), tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_a_run_whose_originals_diverged_is_drawn(tmp_path):
    made = results(measure=lambda *model: None, manipulations=("poison",))
    figure = draw(made.selected, made.originals, "poison", "removal_test", made.shown)
    save(figure, tmp_path / "figure.pdf")
    (panel,) = figure.axes
    assert len([line for line in panel.get_lines() if line.get_marker() == "x"]) == len(made.labels)
    assert not panel.texts


def test_a_users_matplotlibrc_does_not_matter(tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\nsavefig.bbox: tight\nfont.size: 40\nbackend: TkAgg\nsavefig.transparent: True\n"
    )
    program = (
        f"import sys; sys.path[:0] = ['{ROOT}/workflow/scripts', '{ROOT}/tests']\n"
        "from pathlib import Path; from redress.report.figures import PAPER; import test_figures as t\n"
        "with t.paper(**PAPER): t.save(t.drawn(t.rows(), t.references()), Path(sys.argv[1]))\n"
    )
    for name, folder in (("mine.png", tmp_path), ("default.png", ROOT)):
        subprocess.run([sys.executable, "-c", program, tmp_path / name], cwd=folder, check=True)
    assert (tmp_path / "mine.png").read_bytes() == (tmp_path / "default.png").read_bytes()


# Styles


def test_what_config_says_of_a_style_is_kept():
    given = {"label": "Mine", "color": "#123456", "marker": "x"}
    assert styles_of([("mine", given)]) == {"mine": Style("Mine", "#123456", "x")}


def test_what_config_leaves_out_is_chosen_and_no_explicit_choice_is_taken_again():
    styles = styles_of(
        [("first", {}), ("second", {"color": PALETTE[0], "marker": MARKERS[0]}), ("third", {})]
    )
    assert list(styles) == ["first", "second", "third"]
    assert styles["first"].label == "FIRST"
    assert styles["second"] == Style("SECOND", PALETTE[0], MARKERS[0])
    assert len({style.color for style in styles.values()}) == 3
    assert len({style.marker for style in styles.values()}) == 3


def test_eight_methods_have_eight_colours_and_markers():
    styles = styles_of([(f"m{i}", {}) for i in range(8)]).values()
    assert len({style.color for style in styles}) == len({style.marker for style in styles}) == 8


def test_more_methods_than_colours_can_still_be_told_apart():
    styles = styles_of([(f"m{i}", {}) for i in range(20)]).values()
    assert len({(style.color, style.marker) for style in styles}) == 20


def test_black_is_left_to_the_original():
    assert all(
        to_hex(style.color) != "#000000" for style in styles_of([(f"m{i}", {}) for i in range(9)]).values()
    )

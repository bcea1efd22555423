"""What is drawn, read back from the axes."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from redress.figures import draw
from redress.statistics import interval
from redress.styles import MARKERS, PALETTE, Style, styles_of

STYLES = {
    "eu": Style("EU", "#ff0000", "o"),
    "cf": Style("Fine-tuning", "#00ff00", "s"),
}
FRACTIONS = (0.1, 0.5, 1.0)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def rows(dataset="digits", n=60, manipulation="poison", seeds=(0, 1), values=None):
    """Selected models: `values` maps a method to its removal_test at each fraction, plus 0.1 per seed."""
    values = values or {"eu": (0.1, 0.2, 0.3), "cf": (0.5, 0.4, 0.3)}
    return [
        {
            "dataset": dataset,
            "n_manipulated": n,
            "manipulation": manipulation,
            "seed": seed,
            "method": method,
            "deletion_fraction": fraction,
            "removal_test": value if value is None else value + seed / 10,
            "utility_test": 0.9,
        }
        for method, series in values.items()
        for fraction, value in zip(FRACTIONS, series, strict=True)
        for seed in seeds
    ]


def references(dataset="digits", n=60, manipulation="poison", values=(0.2, 0.3)):
    return [
        {"dataset": dataset, "n_manipulated": n, "manipulation": manipulation, "seed": i}
        | {"removal_test": value, "utility_test": 0.5}
        for i, value in enumerate(values)
    ]


def drawn(selected, originals, column="removal_test", manipulation="poison", styles=STYLES, datasets=None):
    return draw(
        pd.DataFrame(selected),
        pd.DataFrame(originals),
        manipulation,
        column,
        styles,
        datasets or {"digits": "Digits"},
    )


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


def test_an_original_without_a_value_and_a_label_with_dollars_break_nothing(tmp_path):
    figure = drawn(rows(), references(values=(None, 0.4)), datasets={"digits": "Digits $1_{ $"})
    figure.savefig(tmp_path / "figure.png")
    (panel,) = figure.axes
    assert line_of(panel, "#000000")[1] == pytest.approx([40, 40])


def test_another_column_is_another_figure():
    (panel,) = drawn(rows(), references(), column="utility_test").axes
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
        "Digits, $|S_m|$ = 6",
        "Digits, $|S_m|$ = 60",
        "CIFAR-10, $|S_m|$ = 100",
        "CIFAR-10, $|S_m|$ = 1000",
    ]
    for panel, n in zip(figure.axes, (6, 60, 100, 1000), strict=True):
        assert line_of(panel, "#ff0000")[1] == pytest.approx([n / 20] * 3)


def test_a_dataset_with_fewer_n_has_no_empty_panels():
    selected = rows(n=60) + rows(n=6) + rows("other", 5)
    originals = references(n=60) + references(n=6) + references("other", 5)
    figure = drawn(selected, originals, datasets={"digits": "Digits", "other": "Other"})
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["Digits, $|S_m|$ = 6", "Digits, $|S_m|$ = 60", "Other, $|S_m|$ = 5"]


def test_a_dataset_without_the_manipulation_has_no_panels():
    selected = rows() + rows("other", manipulation="interclass")
    figure = drawn(selected, references(), datasets={"other": "Other", "digits": "Digits"})
    assert [panel.get_title() for panel in figure.axes] == ["Digits, $|S_m|$ = 60"]


def test_the_legend_names_methods_in_order_and_then_the_original():
    figure = drawn(rows(), references())
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:2] == ["EU", "Fine-tuning"]
    assert "original" in texts[2]
    assert len(texts) == 3


@pytest.mark.parametrize("absent", ["empty", "no row"])
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
    selected.loc[(selected["method"] == "eu") & (selected["seed"] == 1), "removal_test"] = None
    (panel,) = drawn(selected, references()).axes
    assert line_of(panel, "#ff0000")[1] == pytest.approx([10, 20, 30])
    assert not crosses_of(panel, "#ff0000")


def test_a_method_missing_in_one_panel_is_drawn_in_the_other():
    selected = rows(n=6, values={"eu": (0.1, 0.2, 0.3)}) + rows(n=60)
    first, second = drawn(selected, references(n=6) + references(n=60)).axes
    assert np.isnan(line_of(first, "#00ff00")[1]).all()
    assert len(crosses_of(first, "#00ff00")) == 3
    assert line_of(second, "#00ff00")[1] == pytest.approx([55, 45, 35])


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
    originals = pd.DataFrame(references()).iloc[:0]
    (panel,) = drawn(rows(values={"eu": values, "cf": values}, seeds=(0,)), originals).axes
    assert tick_labels(panel) == labels


def test_a_panel_without_any_result_has_an_axis():
    nothing = {"eu": (None, None, None), "cf": (None, None, None)}
    (panel,) = drawn(rows(values=nothing), pd.DataFrame(references()).iloc[:0]).axes
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
    empty = pd.DataFrame(references()).iloc[:0]
    figure = draw(pd.DataFrame(rows()), empty, "poison", "removal_test", STYLES, {"digits": "Digits"})
    figure.savefig(tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


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

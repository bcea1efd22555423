"""What is drawn, read back from the axes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from redress.figures import MARKERS, PALETTE, Style, draw, styles_of

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


def line_of(panel, color):
    """x and y of the one line of that colour that has any data."""
    (line,) = (
        line
        for line in panel.get_lines()
        if to_hex(line.get_color()) == color and len(np.asarray(line.get_xdata()))
    )
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def test_a_panel_has_one_line_for_each_method_at_the_mean_over_seeds():
    (panel,) = drawn(rows(), references()).axes
    x, y = line_of(panel, "#ff0000")
    assert x == pytest.approx([10, 50, 100])
    assert y == pytest.approx([15, 25, 35])  # seeds 0 and 1 are 10 apart
    x, y = line_of(panel, "#00ff00")
    assert y == pytest.approx([55, 45, 35])


def test_the_band_is_the_range_over_seeds():
    (panel,) = drawn(rows(values={"eu": (0.1, 0.2, 0.3)}), references()).axes
    bands = [band for band in panel.collections if to_hex(band.get_facecolor()[0][:3]) == "#ff0000"]
    (band,) = bands
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(10)
    assert corners[:, 1].max() == pytest.approx(40)


def test_the_original_is_a_dashed_line_at_its_mean():
    (panel,) = drawn(rows(), references(values=(0.2, 0.4))).axes
    _, y = line_of(panel, "#000000")
    assert y == pytest.approx([30, 30])
    (line,) = (line for line in panel.get_lines() if to_hex(line.get_color()) == "#000000")
    assert line.get_linestyle() == "--"


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


def test_a_method_that_diverged_somewhere_is_drawn_elsewhere():
    diverged = {"eu": (0.1, None, 0.3), "cf": (None, None, None)}
    (panel,) = drawn(rows(values=diverged, seeds=(0,)), references()).axes
    x, y = line_of(panel, "#ff0000")
    there = np.isfinite(y)
    assert x[there] == pytest.approx([10, 100])
    assert y[there] == pytest.approx([10, 30])
    green = [line for line in panel.get_lines() if to_hex(line.get_color()) == "#00ff00"]
    assert all(not np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for line in green)


def test_a_method_missing_in_one_panel_is_drawn_in_the_other():
    selected = rows(n=6, values={"eu": (0.1, 0.2, 0.3)}) + rows(n=60)
    figure = drawn(selected, references(n=6) + references(n=60))
    first, second = figure.axes
    assert not [
        line for line in first.get_lines() if to_hex(line.get_color()) == "#00ff00" and len(line.get_xdata())
    ]
    assert line_of(second, "#00ff00")[1] == pytest.approx([55, 45, 35])


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

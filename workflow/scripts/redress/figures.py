"""Figures 2 to 7: one panel per (dataset, n), one line per method, the original model as reference."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from redress.statistics import band
from redress.styles import Style

ORIGINAL: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.0, "label": "None (original)"}
MISSING: dict[str, Any] = {"marker": "x", "linestyle": "none", "markeredgewidth": 1.0}

# Inches: one panel is a column wide, three are the page.
PANEL = (1.85, 1.85)
AROUND = (1.45, 0.35)  # labels, beside and below all panels

CROSS = 0.06
"""Height of a cross, as a share of the panel's."""

NARROWEST = 5
"""Percentage points that a y axis spans at least, so that noise does not fill a panel."""

PAPER: Any = {
    **sns.axes_style("ticks"),
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "lines.markeredgewidth": 0.5,
    "axes.edgecolor": "0.15",
    "axes.grid": True,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "0.92",
    "grid.linewidth": 0.6,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}
"""For print: text of 7 to 8 points at final size, kept as text in the PDF."""

AXES = {
    ("poison", "removal_test"): "Accuracy on triggered\ntest images (%)",
    ("poison", "utility_test"): "Accuracy on test images\nwithout trigger (%)",
    ("poison", "removal_train"): "Accuracy on manipulated\ntraining images (%)",
    ("interclass", "removal_test"): "Accuracy on test images of\nthe confused classes (%)",
    ("interclass", "utility_test"): "Accuracy on test images of\nthe other classes (%)",
    ("interclass", "removal_train"): "Accuracy on manipulated\ntraining images (%)",
}
COLUMNS = {
    "removal_test": "Accuracy on the affected\ntest images (%)",
    "utility_test": "Accuracy on unaffected\ntest images (%)",
    "removal_train": "Accuracy on manipulated\ntraining images (%)",
}


def draw(
    selected: pd.DataFrame,
    originals: pd.DataFrame,
    manipulation: str,
    column: str,
    styles: Mapping[str, Style],
    datasets: Mapping[str, str],
) -> Figure:
    """One figure: `column` of the selected models over |S_f|/|S_m|, means over seeds with a band.

    Rows of panels are datasets, columns their numbers of manipulated samples in ascending order. Where a
    method has no result its line is interrupted, and a cross stands at the bottom.
    """
    rows = selected[selected["manipulation"] == manipulation]
    reference = originals[originals["manipulation"] == manipulation]
    fractions = np.unique(selected["deletion_fraction"])
    shown = [name for name in datasets if name in set(rows["dataset"])]
    counts = {name: sorted(rows.loc[rows["dataset"] == name, "n_manipulated"].unique()) for name in shown}
    width = max(len(ns) for ns in counts.values())
    missing = False
    with plt.rc_context(PAPER):
        figure, grid = plt.subplots(
            len(shown), width, sharex=True, sharey="row", squeeze=False, layout="constrained"
        )
        for line, name in zip(grid, shown, strict=True):
            panels = line[: len(counts[name])]
            crosses = 0.0
            for panel, n in zip(panels, counts[name], strict=True):
                here = (rows["dataset"] == name) & (rows["n_manipulated"] == n)
                there = (reference["dataset"] == name) & (reference["n_manipulated"] == n)
                _draw_original(panel, reference.loc[there, column].dropna().to_numpy() * 100)
                cells = {
                    method: list(_cells(rows[here & (rows["method"] == method)], column, fractions))
                    for method in styles
                }
                for method, style in styles.items():
                    _draw_method(panel, fractions * 100, cells[method], style)
                crosses = max(crosses, _draw_missing(panel, fractions * 100, cells, styles))
                label = datasets[name].replace("$", r"\$")
                panel.set_title(f"{label}, $|S_m|$ = {n}")
            _set_range(panels, crosses)
            panels[0].set_ylabel(AXES.get((manipulation, column), COLUMNS[column]))
            missing |= crosses > 0
            for panel in line[len(panels) :]:
                panel.remove()
        for line in grid.T:
            lowest = [panel for panel in line if panel.figure is not None][-1]
            lowest.tick_params(labelbottom=True)
        figure.supxlabel("Known share of manipulated samples, $|S_f|/|S_m|$ (%)", size=8)
        _set_size(figure, grid.shape, _legend(styles, missing))
    return figure


def _cells(rows: pd.DataFrame, column: str, fractions: np.ndarray) -> Iterator[np.ndarray]:
    """The values (seeds,) of a method at each fraction, in percent; none where all candidates diverged."""
    for fraction in fractions:
        values = rows.loc[rows["deletion_fraction"] == fraction, column].to_numpy(dtype=float)
        yield values[np.isfinite(values)] * 100


def _draw_original(panel: Axes, values: np.ndarray) -> None:
    if len(values):
        mean, low, high = band(values)
        panel.axhspan(low, high, color="black", alpha=0.08, linewidth=0, zorder=1)
        panel.axhline(mean, zorder=1.5, **ORIGINAL)


def _draw_method(panel: Axes, x: np.ndarray, cells: list[np.ndarray], style: Style) -> None:
    means, lows, highs = np.array([band(values) for values in cells]).T
    panel.fill_between(x, lows, highs, color=style.color, alpha=0.15, linewidth=0, zorder=1.2)
    panel.plot(x, means, **_line(style))


def _line(style: Style) -> dict[str, Any]:
    """Arguments of a line; where lines cross, a white edge keeps markers apart."""
    edge = "white" if style.marker in Line2D.filled_markers else style.color
    return {"color": style.color, "marker": style.marker, "markeredgecolor": edge}


def _draw_missing(
    panel: Axes, x: np.ndarray, cells: Mapping[str, list[np.ndarray]], styles: Mapping[str, Style]
) -> float:
    """A cross for each method at each share where it has no result, stacked; the part of the panel taken."""
    size = min(CROSS, 0.5 / len(styles))
    height = np.zeros(len(x))
    for method, style in styles.items():
        absent = np.array([len(values) == 0 for values in cells[method]])
        if absent.any():
            panel.plot(
                x[absent],
                height[absent] + size / 2,
                color=style.color,
                transform=panel.get_xaxis_transform(),
                **MISSING,
            )
            height += size * absent
    return float(height.max())


def _set_range(panels: np.ndarray, crosses: float) -> None:
    """Axes of a row of panels: what is drawn, with room for markers and, as a part of it all, for crosses."""
    drawn = np.array([panel.dataLim.intervaly for panel in panels])
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    low, high = (drawn[:, 0].min(), drawn[:, 1].max()) if len(drawn) else (0.0, 100.0)
    if high - low < NARROWEST:
        low = min(max((low + high - NARROWEST) / 2, 0), 100 - NARROWEST)
        high = low + NARROWEST
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    margin = 0.06 * (high - low)
    bottom = low - margin
    bottom -= (high + margin - bottom) * crosses / (1 - crosses)
    for panel in panels:
        panel.set(xlim=(-3, 103), xticks=range(0, 101, 20), ylim=(bottom, high + margin))
        panel.set_yticks([tick for tick in ticks if max(low - margin, 0) <= tick <= min(high + margin, 100)])
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _legend(styles: Mapping[str, Style], missing: bool) -> list[Line2D]:
    methods = [Line2D([], [], label=style.label, **_line(style)) for style in styles.values()]
    cross = [Line2D([], [], color="0.3", label="no result", **MISSING)] if missing else []
    return [*methods, Line2D([], [], **ORIGINAL), *cross]


def _set_size(figure: Figure, panels: tuple[int, int], handles: list[Line2D]) -> None:
    """Panels of one size, and above them the legend on as few lines as fit the width."""
    width = PANEL[0] * panels[1] + AROUND[0]
    for lines in range(1, len(handles) + 1):
        columns = math.ceil(len(handles) / lines)
        legend = figure.legend(handles=handles, loc="outside upper center", ncols=columns)
        extent = legend.get_window_extent()
        if extent.width < width * figure.dpi or columns == 1:
            break
        legend.remove()
    figure.set_size_inches(width, PANEL[1] * panels[0] + AROUND[1] + extent.height / figure.dpi)

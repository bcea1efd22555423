"""Figures 2 to 7: one panel per (dataset, n) and discovery, one line per method, originals as references."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from redress.formats.measures import Measure
from redress.referee.statistics import band
from redress.report.attack import NOTHING, for_reference, remark, took
from redress.report.bounds import bounds_of
from redress.report.paper import new_figure
from redress.report.shown import Shown, scale
from redress.report.styles import Style

ORIGINAL: dict[str, Any] = {"color": "black", "linewidth": 1.0}
DASHES = ("--", ":", "-.", (0, (1, 3)), (0, (6, 1, 1, 1, 1, 1)))
"""Of the originals, the default maker's first."""
BOUND: dict[str, Any] = {"color": "0.55", "linewidth": 0.8, "linestyle": (0, (5, 2))}
MISSING: dict[str, Any] = {"marker": "x", "linestyle": "none", "markeredgewidth": 1.0}

# Inches: one panel is a column wide, three are the page.
PANEL = (1.85, 1.85)
AROUND = (1.45, 0.35)  # labels, beside and below all panels

CROSS = 0.06
"""Height of a cross, as a share of the panel's."""

NARROWEST = 5
"""Percentage points that a y axis spans at least, so that noise does not fill a panel."""

LONGEST = 30
"""Characters in a line of a y axis' text."""

PAPER: dict[str, Any] = {
    **{key: value for key, value in sns.axes_style("ticks").items() if not key.startswith("font")},
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
    "axes.grid": True,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "0.92",
    "grid.linewidth": 0.6,
}
"""Text of 7 to 8 points at final size; for `redress.report.paper.paper`."""


def draw(
    selected: pd.DataFrame,
    originals: pd.DataFrame,
    manipulation: str,
    measure: str,
    shown: Shown,
    bounds: pd.DataFrame | None = None,
) -> Figure:
    """One figure: `measure` of the selected models over |S_f|/|S_m|, means over seeds with a band.

    Rows of panels are datasets and, where there are several, discoveries; columns are numbers of manipulated
    samples in ascending order. Where all candidates of a method diverged its line is interrupted, and a cross
    stands at the bottom. Seeds in which the attack failed are left out, and the title says so; where it
    failed in all of them there are only the originals and `bounds`. To be drawn and saved within
    `paper(**PAPER)`.
    """
    rows = selected[selected["manipulation"] == manipulation]
    references = originals[originals["manipulation"] == manipulation]
    shares = np.unique(selected["deletion_fraction"])
    found_by = {method: set(own) for method, own in selected.groupby("method")["discovery"]}
    lines = [
        (dataset, discovery, sorted(own["n_manipulated"].unique()))
        for dataset in shown.datasets
        for discovery in shown.discoveries
        if len(own := rows[(rows["dataset"] == dataset) & (rows["discovery"] == discovery)])
    ]
    several = len({discovery for _, discovery, _ in lines}) > 1
    width = max(len(counts) for *_, counts in lines)
    makers = [maker for maker in shown.makers if maker in set(references["maker"])]
    dashes = dict(zip(makers, cycle(DASHES), strict=False))
    figure = new_figure()
    grid = figure.subplots(len(lines), width, sharex=True, squeeze=False)
    panels: dict[str, list[Axes]] = {}
    bounded, second_lines = False, 0
    crosses = dict.fromkeys(shown.datasets, 0.0)
    for line, (dataset, discovery, counts) in zip(grid, lines, strict=True):
        styles = {
            method: style
            for method, style in shown.styles.items()
            if discovery in found_by.get(method, {discovery})
        }
        for number, (panel, n) in enumerate(zip(line, counts, strict=False)):
            here = rows[_at(rows, dataset, n) & (rows["discovery"] == discovery)]
            there = references[_at(references, dataset, n)]
            below = [f"{discovery} discovery"] if several else []
            below += filter(None, [remark(there, shown)])
            second_lines = max(second_lines, len(below))
            panel.set_title(",\n".join([f"{shown.datasets[dataset]}, n = {n}", *below]))
            panel.tick_params(labelleft=not number)
            panels.setdefault(dataset, []).append(panel)
            taken = _fill(panel, here, there, shown.measures[measure], shares, styles, dashes)
            crosses[dataset] = max(crosses[dataset], taken)
            of_panel = _bounds_at(bounds, dataset, manipulation, n, measure, shown)
            draw_bounds(panel, of_panel)
            bounded |= bool(of_panel)
        line[0].set_ylabel(wrapped(shown.axis(manipulation, measure)))
        for panel in line[len(counts) :]:
            panel.remove()
    for dataset, of_dataset in panels.items():
        _set_range(of_dataset, crosses[dataset], shown.measures[measure].unit)
    for column in grid.T:
        lowest = [panel for panel in column if panel.figure is not None][-1]
        lowest.tick_params(labelbottom=True)
    figure.supxlabel("Known share of manipulated samples (%)", size=8)
    named = {shown.original(maker): dashed for maker, dashed in dashes.items()}
    handles = _legend(shown.styles, named, any(crosses.values()), bounded)
    set_size(figure, grid.shape, second_lines, handles)
    return figure


def _fill(
    panel: Axes,
    rows: pd.DataFrame,
    references: pd.DataFrame,
    measure: Measure,
    shares: np.ndarray,
    styles: Mapping[str, Style],
    dashes: Mapping[str, Any],
) -> float:
    """Draw a panel of the selected models `rows` and originals; the part of it that crosses take."""
    if not applies(pd.concat([rows, references]), measure.name):
        panel.text(0.5, 0.5, "does not apply", transform=panel.transAxes, ha="center", color="0.4")
        return 0.0
    times = scale(measure.unit)
    for maker, dashed in dashes.items():
        own = for_reference(references[references["maker"] == maker])
        values = own[measure.name].dropna()
        draw_original(panel, values.to_numpy() * times, dashed)
    by_method = {method: rows[rows["method"] == method] for method in styles}
    dead: dict[str, np.ndarray] = {}
    if len(rows) and not len(took(rows)):
        say_nothing(panel)
    for method, style in styles.items():
        harmed = took(by_method[method])
        if len(by_method[method]) and not len(harmed):  # nothing was to be repaired
            continue
        cells = [times * values for values in _cells(harmed, measure.name, shares)]
        draw_method(panel, shares * 100, cells, style)
        dead[method] = _dead(harmed, shares)
    return _draw_missing(panel, shares * 100, dead, styles)


def _bounds_at(
    bounds: pd.DataFrame | None, dataset: str, manipulation: str, n: int, measure: str, shown: Shown
) -> list[tuple[str, float]]:
    """Every bound of a scenario that has the measure: its label and mean over seeds, as shown."""
    if bounds is None:
        return []
    here = bounds[_at(bounds, dataset, n) & (bounds["manipulation"] == manipulation)]
    known = bounds_of(here, shown.makers)
    means = [(label, for_reference(own)[measure].mean()) for label, own in known]
    return [(label, scale(shown.measures[measure].unit) * mean) for label, mean in means if mean == mean]


def applies(rows: pd.DataFrame, measure: str) -> bool:
    """Whether there is a value of `measure`; if not, all models having diverged is another reason."""
    return bool(rows[measure].notna().any() or rows["validation_accuracy"].isna().all())


def wrapped(text: str) -> str:
    """Text on as few lines as it needs, of about the same length."""
    lines = wrap(text, LONGEST)
    for width in range(LONGEST - 1, 0, -1):
        shorter = wrap(text, width)
        if len(shorter) > len(lines):
            break
        lines = shorter
    return "\n".join(lines)


def _at(rows: pd.DataFrame, dataset: str, n: int) -> pd.Series:
    return (rows["dataset"] == dataset) & (rows["n_manipulated"] == n)


def _cells(rows: pd.DataFrame, measure: str, shares: np.ndarray) -> Iterator[np.ndarray]:
    """The values (seeds,) of a method at each share; none where all candidates diverged."""
    for share in shares:
        values = rows.loc[rows["deletion_fraction"] == share, measure].to_numpy(dtype=float)
        yield values[np.isfinite(values)]


def _dead(rows: pd.DataFrame, shares: np.ndarray) -> np.ndarray:
    """At which shares a method has no model at all: bool (shares,)."""
    alive = rows.loc[rows["validation_accuracy"].notna(), "deletion_fraction"]
    return ~np.isin(shares, alive)


def say_nothing(panel: Axes) -> None:
    """Say that no attack took, over whatever reference lines cross the middle."""
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    panel.text(
        0.5, 0.5, NOTHING, transform=panel.transAxes, ha="center", va="center", color="0.4", bbox=clear
    )


def draw_bounds(panel: Axes, bounds: Sequence[tuple[str, float]]) -> None:
    """A line for each (label, value), named on it: the highest above its line, the others below theirs."""
    for place, (label, value) in enumerate(sorted(bounds, key=lambda bound: -bound[1])):
        panel.axhline(value, zorder=1.4, **BOUND)
        panel.annotate(
            label,
            (0.98 if place > 1 else 0.02, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, -1.5 if place else 1.5),
            textcoords="offset points",
            ha="right" if place > 1 else "left",
            va="top" if place else "bottom",
            size=5.5,
            color="0.35",
            bbox={"facecolor": "white", "alpha": 0.7, "pad": 0.2, "linewidth": 0},
            zorder=2.5,
        )


def draw_original(panel: Axes, values: np.ndarray, dashed: Any) -> None:
    if len(values):
        mean, low, high = band(values)
        panel.axhspan(low, high, color="black", alpha=0.08, linewidth=0, zorder=1)
        panel.axhline(mean, zorder=1.5, linestyle=dashed, **ORIGINAL)


def draw_method(panel: Axes, x: np.ndarray, cells: list[np.ndarray], style: Style) -> None:
    means, lows, highs = np.array([band(values) for values in cells]).T
    panel.fill_between(x, lows, highs, color=style.color, alpha=0.15, linewidth=0, zorder=1.2)
    panel.plot(x, means, **line_of(style))


def line_of(style: Style) -> dict[str, Any]:
    """Arguments of a line; where lines cross, a white edge keeps markers apart."""
    edge = "white" if style.marker in Line2D.filled_markers else style.color
    return {"color": style.color, "marker": style.marker, "markeredgecolor": edge}


def _draw_missing(
    panel: Axes, x: np.ndarray, dead: Mapping[str, np.ndarray], styles: Mapping[str, Style]
) -> float:
    """A cross for each method at each share where it is `dead`, stacked; the part of the panel taken."""
    size = min(CROSS, 0.5 / max(len(styles), 1))
    height = np.zeros(len(x))
    for method, absent in dead.items():
        style = styles[method]
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


def _set_range(panels: Sequence[Axes], crosses: float, unit: str) -> None:
    """Axes of a dataset's panels: what is drawn, with room for markers and, as a part of it all, for crosses.

    Percentages end at 0 and 100.
    """
    percent = unit == "fraction"
    least, most = (0.0, 100.0) if percent else (-math.inf, math.inf)
    drawn = np.array([panel.dataLim.intervaly for panel in panels])
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    low, high = (drawn[:, 0].min(), drawn[:, 1].max()) if len(drawn) else (0.0, 100.0 if percent else 1.0)
    narrowest = NARROWEST if percent else 1e-3 * max(abs(low), abs(high), 1)
    if high - low < narrowest:
        low = min(max((low + high - narrowest) / 2, least), most - narrowest)
        high = low + narrowest
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    margin = 0.06 * (high - low)
    bottom = low - margin
    bottom -= (high + margin - bottom) * crosses / (1 - crosses)
    for panel in panels:
        panel.set(xlim=(-3, 103), xticks=range(0, 101, 20), ylim=(bottom, high + margin))
        panel.set_yticks(
            [tick for tick in ticks if max(low - margin, least) <= tick <= min(high + margin, most)]
        )
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _legend(
    styles: Mapping[str, Style], originals: Mapping[str, Any], missing: bool, bounded: bool
) -> list[Line2D]:
    methods = [Line2D([], [], label=style.label, **line_of(style)) for style in styles.values()]
    references = [
        Line2D([], [], label=label, linestyle=dashed, **ORIGINAL) for label, dashed in originals.items()
    ]
    cross = [Line2D([], [], color="0.3", label="no result", **MISSING)] if missing else []
    bounds = [Line2D([], [], label="bounds, not methods", **BOUND)] if bounded else []
    return [*methods, *references, *bounds, *cross]


def set_size(
    figure: Figure,
    panels: tuple[int, ...],
    second_lines: int,
    handles: Sequence[Line2D],
    panel: tuple[float, float] = PANEL,
) -> None:
    """Panels of one size, and above them the legend on as few lines as fit the width."""
    width = panel[0] * panels[1] + AROUND[0]
    for lines in range(1, len(handles) + 1):
        columns = math.ceil(len(handles) / lines)
        legend = figure.legend(handles=handles, loc="outside upper center", ncols=columns)
        extent = legend.get_window_extent()
        if extent.width < width * figure.dpi or columns == 1:
            break
        legend.remove()
    titles = 0.12 * second_lines * panels[0]
    height = panel[1] * panels[0] + AROUND[1] + titles + extent.height / figure.dpi
    figure.set_size_inches(width, height)

"""What a repair owes to who found the samples: false alarms in S_f, or a bias, against clean uniform ones."""

import math
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from redress.referee.statistics import band
from redress.report.attack import for_reference, remark, took
from redress.report.bounds import bounds_of
from redress.report.figures import (
    BOUND,
    DASHES,
    ORIGINAL,
    draw_bounds,
    draw_method,
    draw_original,
    line_of,
    say_nothing,
)
from redress.report.figures import set_size as fit
from redress.report.paper import new_figure
from redress.report.reading import Manipulated, at, percent_of, repair
from redress.report.shown import Overview, Shown

ACROSS = 3
"""Panels beside each other: the page's width."""

PANEL = (1.85, 1.5)
"""Inches."""

MARKS = ("s", "^", "D", "v", "P", "X", "*", "p")
"""Of biased discoveries, in the order of config; uniform discovery has a ring."""


def shares_shown(rows: pd.DataFrame) -> list[float]:
    """The smallest and the middle known share."""
    shares = sorted(map(float, rows["deletion_fraction"].unique()))
    return list(dict.fromkeys([shares[0], shares[len(shares) // 2]])) if shares else []


def over_false_positives(
    selected: pd.DataFrame,
    originals: pd.DataFrame,
    overview: Overview,
    shown: Shown,
    bounds: pd.DataFrame | None = None,
) -> Figure:
    """Utility times healed over the rate of clean samples in S_f: panels by known share and manipulation.

    One line per method, with intervals over seeds. To be drawn and saved within `paper(**PAPER)`.
    """
    rates = overview.told["rates"]
    rows = overview.of(selected)
    rows = rows.assign(repair=repair(rows), rate=rows["discovery"].map(rates))
    places = np.array(sorted(set(rates.values())))
    panels = list(_panels(rows, overview))
    figure, grid = _grid(panels)
    before = originals[originals["dataset"] == overview.dataset]
    makers = [maker for maker in shown.makers if maker in set(before["maker"])]
    dashes: dict[str, Any] = dict(zip(makers, cycle(DASHES), strict=False))
    used, bounded, second_lines = set(), False, 0
    names = overview.scenarios(rows)
    for panel, (scenario, share) in zip(grid.flat, panels, strict=False):
        there = at(before, scenario)
        second_lines = max(second_lines, _title(panel, names[scenario], share, there, shown))
        for maker, dashed in dashes.items():
            own = for_reference(there[there["maker"] == maker])
            draw_original(panel, repair(own).dropna().to_numpy(), dashed)
        here = at(rows, scenario)
        if len(here) and not len(took(here)):
            say_nothing(panel)
        here = took(here)
        here = here[here["deletion_fraction"] == share]
        for method, style in shown.styles.items():
            own = here[here["method"] == method]
            if not len(own):
                continue
            cells = [own.loc[own["rate"] == rate, "repair"].dropna().to_numpy() for rate in places]
            draw_method(panel, 100 * places, cells, style)
            used.add(method)
        if bounds is not None:
            known = bounds_of(at(bounds[bounds["dataset"] == overview.dataset], scenario), shown.makers)
            drawn = [(label, float(repair(for_reference(own)).mean())) for label, own in known]
            draw_bounds(panel, [one for one in drawn if not math.isnan(one[1])])
            bounded |= bool(drawn)
        panel.set(ylim=(-4, 107), yticks=range(0, 101, 20), xticks=100 * places)
        panel.xaxis.set_major_formatter("{x:g}")
        _margin(panel, 100 * places)
    figure.supxlabel("Clean samples in the deletion set (%)", size=8)
    figure.supylabel("Utility times healed (%)", size=8)
    handles = [
        Line2D([], [], label=style.label, **line_of(style))
        for method, style in shown.styles.items()
        if method in used
    ]
    handles += [
        Line2D([], [], label=shown.original(maker), linestyle=dashed, **ORIGINAL)
        for maker, dashed in dashes.items()
    ]
    handles += [Line2D([], [], label="bounds, not methods", **BOUND)] if bounded else []
    _finish(figure, grid, second_lines, handles)
    return figure


def by_discovery(
    selected: pd.DataFrame,
    originals: pd.DataFrame,
    overview: Overview,
    shown: Shown,
    bounds: pd.DataFrame | None = None,
) -> Figure:
    """Utility times healed after a biased discovery beside that after a uniform one: a line for each method.

    Only deletion sets that are as large as the uniform ones of the same seed are compared; both means are
    over the seeds that have both. Panels are by known share and manipulation. To be drawn and saved within
    `paper(**PAPER)`; bounds are not drawn.
    """
    uniform, *others = overview.told["discoveries"]
    rows = overview.of(selected)
    rows = rows.assign(repair=repair(rows))
    methods = [method for method in shown.styles if method in set(rows["method"])]
    panels = list(_panels(rows, overview))
    figure, grid = _grid(panels)
    before = originals[originals["dataset"] == overview.dataset]
    second_lines, names = 0, overview.scenarios(rows)
    for panel, (scenario, share) in zip(grid.flat, panels, strict=False):
        there = at(before, scenario)
        second_lines = max(second_lines, _title(panel, names[scenario], share, there, shown))
        here = at(rows, scenario)
        if len(here) and not len(took(here)):
            say_nothing(panel)
        here = took(here)
        here = here[here["deletion_fraction"] == share]
        for line, method in enumerate(methods):
            own = here[here["method"] == method]
            for place, other in enumerate(others):
                pair = paired(own, uniform, other)
                if len(pair):
                    height = line + 0.62 * ((place + 0.5) / len(others) - 0.5)
                    _draw_pair(panel, pair, height, shown.styles[method].color, MARKS[place % len(MARKS)])
        panel.set_yticks(range(len(methods)), [shown.styles[one].label for one in methods])
        panel.set(ylim=(len(methods) - 0.5, -0.5))
        panel.margins(x=0.08)
        panel.tick_params(axis="y", length=0)
        panel.grid(visible=False, axis="y")
        for line in range(1, len(methods)):
            panel.axhline(line - 0.5, color="0.85", linewidth=0.5, zorder=0.5)
    figure.supxlabel("Utility times healed (%)", size=8)
    grey: dict[str, Any] = {"color": "0.3", "linestyle": "none"}
    handles = [Line2D([], [], label=f"{uniform} (as large)", marker="o", markerfacecolor="white", **grey)]
    handles += [
        Line2D([], [], label=other, marker=MARKS[place % len(MARKS)], **grey)
        for place, other in enumerate(others)
    ]
    _finish(figure, grid, second_lines, handles)
    return figure


def paired(rows: pd.DataFrame, uniform: str, other: str) -> np.ndarray:
    """Repair after the uniform and the other discovery in seeds with sets as large: (seeds, 2)."""
    sides = [
        rows[rows["discovery"] == name].set_index("seed")[["repair", "deletion_size"]]
        for name in (uniform, other)
    ]
    both = sides[0].merge(sides[1], on="seed", suffixes=("_uniform", "_other"))
    same = both[both["deletion_size_uniform"] == both["deletion_size_other"]]
    return same[["repair_uniform", "repair_other"]].dropna().to_numpy(dtype=float)


def _draw_pair(panel: Axes, pair: np.ndarray, height: float, color: str, mark: str) -> None:
    (plain, *around_plain), (other, *around_other) = (band(side) for side in pair.T)
    panel.plot([plain, other], [height] * 2, color=color, linewidth=1.0, alpha=0.5, zorder=1)
    for low, high in (around_plain, around_other):
        panel.plot(
            [low, high], [height] * 2, color=color, linewidth=2.6, alpha=0.18, zorder=1, solid_capstyle="butt"
        )
    ring: dict[str, Any] = {"markersize": 4, "markeredgecolor": color, "linestyle": "none"}
    panel.plot([plain], [height], marker="o", markerfacecolor="white", markeredgewidth=0.9, **ring)
    panel.plot([other], [height], marker=mark, markerfacecolor=color, **ring)


def _panels(rows: pd.DataFrame, overview: Overview) -> Iterator[tuple[Manipulated, float]]:
    for share in shares_shown(rows):
        for scenario in overview.scenarios(rows):
            yield scenario, share


def _grid(panels: Sequence[tuple[Manipulated, float]]) -> tuple[Figure, np.ndarray]:
    """Panels in rows, those of a share beside each other; unused places removed."""
    count = len({scenario for scenario, _ in panels})
    across = next((width for width in (ACROSS, 2) if count % width == 0), min(ACROSS, count))
    figure = new_figure()
    grid = figure.subplots(math.ceil(len(panels) / across), across, squeeze=False, sharex=True, sharey=True)
    for panel in grid.flat[len(panels) :]:
        panel.remove()
    return figure, grid


def _title(panel: Axes, name: str, share: float, originals: pd.DataFrame, shown: Shown) -> int:
    """Say what a panel shows; the number of lines below the first."""
    lines = [f"{name}, {percent_of(share)} known", *filter(None, [remark(originals, shown)])]
    panel.set_title(",\n".join(lines))
    return len(lines) - 1


def _margin(panel: Axes, places: np.ndarray) -> None:
    room = 0.06 * max(float(np.ptp(places)), 1.0)
    panel.set_xlim(places.min() - room, places.max() + room)


def _finish(figure: Figure, grid: np.ndarray, second_lines: int, handles: Sequence[Line2D]) -> None:
    """The size, and labels below the lowest panel of each column."""
    for column in grid.T:
        lowest = [panel for panel in column if panel.figure is not None][-1]
        lowest.tick_params(labelbottom=True)
    fit(figure, grid.shape, second_lines, handles, PANEL)

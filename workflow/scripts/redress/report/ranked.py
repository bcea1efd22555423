"""What rankings of the training samples find: precision over recall, and what the cuts recover."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from redress.report.attack import took
from redress.report.figures import draw_method, line_of, say_nothing, set_size
from redress.report.paper import new_figure
from redress.report.reading import at, percent_of
from redress.report.shown import Overview
from redress.report.styles import Style, styles_of

ACROSS = 4
"""Panels beside each other."""

PANEL = (1.5, 1.5)
"""Inches."""

KNOWS_THE_ATTACK = "matched_filter"
"""The file in expansions/ that is an upper bound."""

BOUND: dict[str, str] = {"label": "matched filter (knows the attack)", "color": "#999999", "marker": "*"}

KNOWN: dict[str, Any] = {"color": "black", "linestyle": ":", "linewidth": 1, "marker": "_", "markersize": 7}


def styles(uses: Mapping[str, str]) -> dict[str, Style]:
    """Looks of the expansions, by the files behind them."""
    known = {name: {"label": name.replace("_", " ")} for name in uses}
    known |= {name: BOUND for name, use in uses.items() if use == KNOWS_THE_ATTACK}
    return styles_of(list(known.items()))


def precision_over_recall(rankings: pd.DataFrame, curves: pd.DataFrame, overview: Overview) -> Figure:
    """The best precision of lists with each recall: panels by known share and manipulation, a line a ranking.

    Means over the seeds in which the attack took. To be drawn and saved within `paper(**PAPER)`.
    """

    def fill(panel: Axes, here: pd.DataFrame, looks: Mapping[str, Style]) -> None:
        for expansion, style in looks.items():
            own = here[here["expansion"] == expansion]
            if len(own):
                means = own.groupby("recall")["precision"].mean()
                line = {**line_of(style), "markevery": 4}
                panel.plot(100 * means.index, 100 * means, **line)
        panel.set(xlim=(0, 102), xticks=[0, 50, 100])

    labels = ("Recall of the manipulated samples that are left (%)", "Precision (%)")
    return _drawn(curves, overview, fill, labels, by_share=True)


def recovered(rankings: pd.DataFrame, curves: pd.DataFrame, overview: Overview) -> Figure:
    """The share of S_m in the grown set over the share known: panels by manipulation, a line a ranking.

    With intervals over the seeds in which the attack took. To be drawn and saved within `paper(**PAPER)`.
    """
    hits = rankings["recall"] * rankings["left"]
    known = rankings["n_manipulated"] - rankings["left"]
    rows = rankings.assign(had=(known + hits.fillna(0)) / rankings["n_manipulated"])
    shares = np.array(sorted(rows["deletion_fraction"].unique()))

    def fill(panel: Axes, here: pd.DataFrame, looks: Mapping[str, Style]) -> None:
        panel.plot(100 * shares, 100 * shares, **KNOWN)
        for expansion, style in looks.items():
            own = here[here["expansion"] == expansion]
            if len(own):
                cells = [100 * own.loc[own["deletion_fraction"] == one, "had"].to_numpy() for one in shares]
                draw_method(panel, 100 * shares, cells, style)
        panel.set(xticks=100 * shares)
        panel.xaxis.set_major_formatter("{x:g}")

    labels = ("Known share of manipulated samples (%)", "Share in the grown set (%)")
    known_line = Line2D([], [], label="known", **KNOWN)
    return _drawn(rows, overview, fill, labels, by_share=False, handles=[known_line])


def _drawn(
    table: pd.DataFrame,
    overview: Overview,
    fill: Callable[[Axes, pd.DataFrame, Mapping[str, Style]], None],
    labels: tuple[str, str],
    by_share: bool,
    handles: list[Line2D] | None = None,
) -> Figure:
    rows = overview.of(table)
    looks = styles(dict(overview.told["expansions"]))
    names = overview.scenarios(rows)
    shares: list[Any] = sorted(rows["deletion_fraction"].unique()) if by_share else [None]
    panels = [(scenario, share) for share in shares for scenario in names]
    across = min(len(names), ACROSS)
    figure = new_figure()
    shape = math.ceil(len(panels) / across), across
    grid = figure.subplots(*shape, squeeze=False, sharex=True, sharey=True)
    for panel in grid.flat[len(panels) :]:
        panel.remove()
    for panel, (scenario, share) in zip(grid.flat, panels, strict=False):
        known = "" if share is None else f",\n{percent_of(share)} known"
        panel.set_title(f"{names[scenario]}{known}")
        here = took(at(rows, scenario))
        if share is not None:
            here = here[here["deletion_fraction"] == share]
        fill(panel, here, looks) if len(here) else say_nothing(panel)
        panel.set(ylim=(-4, 107), yticks=range(0, 101, 20))
    figure.supxlabel(labels[0], size=8)
    figure.supylabel(labels[1], size=8)
    drawn = set(rows["expansion"])
    lines = [Line2D([], [], label=one.label, **line_of(one)) for name, one in looks.items() if name in drawn]
    set_size(figure, shape, int(by_share), [*(handles or []), *lines], PANEL)
    return figure

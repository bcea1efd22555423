"""The judge's estimates over the truth, and what its choice is worth: one figure."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from redress.referee.calibration import CELL
from redress.report.paper import new_figure
from redress.report.reading import percent_of
from redress.report.shown import Shown

WIDTH, HEIGHT, LINE = 7.0, 2.8, 0.28
"""In inches; of the figure, at least, and of a scenario's line."""

TAKEN = {
    "worth_before": ("nothing done", "0.6", "|"),
    "worth_today": ("equal weights", "#D55E00", "v"),
    "worth_taken": ("judge", "#0072B2", "o"),
    "worth_offered": ("judge, offer taken", "#56B4E9", "D"),
    "worth_oracle": ("oracle", "black", "*"),
}
"""Who takes what, by columns of the summary: label, colour and marker."""


def draw(estimates: pd.DataFrame, summary: pd.DataFrame, shown: Shown) -> Figure:
    """Held-out and in-sample estimates of every candidate over the truth, and utility times repair."""
    scenarios = summary[summary["dataset"].notna()]
    figure = new_figure((WIDTH, max(HEIGHT, 1 + LINE * len(scenarios))))
    held, told, worth = figure.subplots(1, 3, width_ratios=[1, 1, 1])
    known = estimates.dropna(subset=["undiscovered"])
    _scatter(held, known, "held_out", "Held-out estimate (%)", shown)
    _scatter(told, known, "in_sample", "In-sample figure (%)", shown)
    _worths(worth, scenarios, shown)
    looks: dict[str, Any] = {"frameon": False, "columnspacing": 1}
    for axes, title, place in ((held, "Methods", "left"), (worth, "What is taken", "right")):
        handles, labels = axes.get_legend_handles_labels()
        looks |= {"loc": f"outside upper {place}", "ncols": -(-len(labels) // 2), "title": title}
        figure.legend(handles, labels, **looks)
    return figure


def _scatter(axes: Axes, rows: pd.DataFrame, column: str, label: str, shown: Shown) -> None:
    axes.plot([0, 100], [0, 100], color="0.6", linewidth=0.8, zorder=0)
    for method, style in shown.styles.items():
        own = rows[rows["method"] == method]
        if len(own):
            x, y = 100 * own["undiscovered"], 100 * own[column]
            axes.scatter(
                x,
                y,
                s=11,
                color=style.color,
                marker=style.marker,
                label=style.label,
                alpha=0.75,
                linewidths=0,
            )
    axes.set(xlim=(-4, 104), ylim=(-4, 104), xlabel="Truth: undiscovered healed (%)", ylabel=label)
    axes.set_box_aspect(1)
    axes.spines[["top", "right"]].set_visible(False)


def _worths(axes: Axes, rows: pd.DataFrame, shown: Shown) -> None:
    first = rows["dataset"].iloc[0]
    names = [
        f"{manipulation}, {percent_of(share)}{'' if dataset == first else chr(10) + shown.datasets[dataset]}"
        for dataset, manipulation, share in rows[CELL].itertuples(index=False, name=None)
    ]
    at = np.arange(len(names))[::-1]
    for column, (label, color, marker) in TAKEN.items():
        offset = 0.0 if column != "worth_offered" else -0.18
        axes.plot(100 * rows[column], at + offset, marker, color=color, label=label, ms=4.5, linestyle="")
    axes.set_yticks(at, names)
    axes.set(xlim=(-4, 104), xlabel="Utility times repair (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)

"""Figures 2 to 7: one panel per (dataset, n), one line per method, the original model as reference."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

# Okabe and Ito's palette, told apart with any colour vision; black is the original model's.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F5F3F", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
ORIGINAL: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.0, "label": "None (original)"}

PANEL = (2.4, 1.9)  # inches; one panel with its legend fits a column

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


@dataclass(frozen=True)
class Style:
    """How a method looks, in every figure alike."""

    label: str
    color: str
    marker: str


def styles_of(methods: list[tuple[str, Mapping[str, str]]]) -> dict[str, Style]:
    """A style for every (method, what config says of it); what is left out is handed out in order."""
    taken = {key: {given[key] for _, given in methods if key in given} for key in ("color", "marker")}
    free = {
        "color": [color for color in PALETTE if color not in taken["color"]] or list(PALETTE),
        "marker": [marker for marker in MARKERS if marker not in taken["marker"]] or list(MARKERS),
    }
    styles = {}
    for number, (name, given) in enumerate(methods, 1):
        chosen = {"label": name.upper(), **given}
        for key, left in free.items():
            if key not in chosen:
                chosen[key] = left[0]
                left.append(left.pop(0))
        if number % len(MARKERS) == 0:
            # Out of step with the colours, so that a ninth method does not look like the first.
            free["marker"].append(free["marker"].pop(0))
        styles[name] = Style(**chosen)
    return styles


def draw(
    selected: pd.DataFrame,
    originals: pd.DataFrame,
    manipulation: str,
    column: str,
    styles: Mapping[str, Style],
    datasets: Mapping[str, str],
) -> Figure:
    """One figure: `column` of the selected models over |S_f|/|S_m|, with the range over seeds as a band.

    Rows of panels are datasets, columns their numbers of manipulated samples in ascending order.
    """
    rows = selected[selected["manipulation"] == manipulation]
    reference = originals[originals["manipulation"] == manipulation]
    shown = [name for name in datasets if name in set(rows["dataset"])]
    counts = {name: sorted(rows.loc[rows["dataset"] == name, "n_manipulated"].unique()) for name in shown}
    width = max(len(ns) for ns in counts.values())
    with plt.rc_context(_paper()):
        figure, grid = plt.subplots(
            len(shown),
            width,
            figsize=(PANEL[0] * width + 1.1, PANEL[1] * len(shown) + 0.75),
            sharex=True,
            sharey="row",
            squeeze=False,
            layout="constrained",
        )
        for line, name in zip(grid, shown, strict=True):
            for panel in line[len(counts[name]) :]:
                panel.remove()
            for panel, n in zip(line, counts[name], strict=False):
                here = (rows["dataset"] == name) & (rows["n_manipulated"] == n)
                there = (reference["dataset"] == name) & (reference["n_manipulated"] == n)
                _panel(panel, rows[here], reference[there], column, styles)
                panel.set_title(f"{datasets[name]}, $|S_m|$ = {n}")
            line[0].set_ylabel(AXES.get((manipulation, column), COLUMNS[column]))
        figure.supxlabel("Known share of manipulated samples, $|S_f|/|S_m|$ (%)", size=8)
        figure.legend(
            handles=_legend(styles), loc="outside upper center", ncols=min(len(styles) + 1, 3 * width)
        )
    return figure


def _panel(
    panel: Axes, rows: pd.DataFrame, reference: pd.DataFrame, column: str, styles: Mapping[str, Style]
) -> None:
    values = reference[column] * 100
    if len(values):
        panel.axhspan(values.min(), values.max(), color="black", alpha=0.08, linewidth=0)
        panel.axhline(values.mean(), zorder=1.5, **ORIGINAL)
    for name, style in styles.items():
        own = rows[rows["method"] == name]
        sns.lineplot(
            x=own["deletion_fraction"] * 100,
            y=own[column] * 100,
            ax=panel,
            color=style.color,
            marker=style.marker,
            errorbar=("pi", 100),
            err_kws={"alpha": 0.15, "linewidth": 0},
            label=style.label,
            legend=False,
        )
    panel.set(xlabel="", ylabel="", xlim=(0, 103), xticks=range(0, 101, 20))
    panel.yaxis.set_major_formatter(PercentFormatter(100, symbol="", decimals=None))
    sns.despine(ax=panel)


def _legend(styles: Mapping[str, Style]) -> list[Line2D]:
    methods = [Line2D([], [], color=s.color, marker=s.marker, label=s.label) for s in styles.values()]
    return [*methods, Line2D([], [], **ORIGINAL)]


def _paper() -> Any:
    """Settings for print: text of 7 to 8 points at final size, fonts kept as text in the PDF."""
    return {
        **sns.axes_style("ticks", {"axes.grid": True, "grid.color": "0.92", "grid.linewidth": 0.6}),
        "font.size": 8,
        "axes.labelsize": 8,
        "axes.titlesize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7.5,
        "legend.frameon": False,
        "lines.linewidth": 1.3,
        "lines.markersize": 4,
        "axes.linewidth": 0.7,
        "pdf.fonttype": 42,
        "savefig.dpi": 300,
    }

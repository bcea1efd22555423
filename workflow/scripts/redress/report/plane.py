"""The plane: utility times healed over the share discovered and the manipulation, a small map per method."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from redress.referee.statistics import interval
from redress.report.attack import NOTHING, failed
from redress.report.bounds import bounds_of
from redress.report.paper import new_figure
from redress.report.reading import Manipulated, at, repair
from redress.report.shown import Overview, Shown

COLORS = "cividis"  # ascends in lightness, with any colour vision

FAILED: dict[str, Any] = {"facecolor": "0.86", "edgecolor": "0.6", "hatch": "/////", "linewidth": 0.0}

# Inches.
WIDTH = 7.0
CELL = (0.215, 0.2)
LEAST = 1.26  # of a map, so that a title fits
TITLE = 0.46

Bounds = tuple[float, float, float]
"""A mean over seeds and its 95 % interval; NaN where there is none."""


@dataclass(frozen=True)
class Map:
    """Utility times healed in percent, of one method or reference."""

    label: str
    reference: bool
    """An original or a bound: it has no share discovered, and only one column."""
    values: np.ndarray
    """Means over the seeds in which the attack took: (scenarios, shares)."""
    failed: np.ndarray
    """Where it took in no seed: bool (scenarios, shares)."""
    mean: Bounds
    """Over all cells."""
    worst: Bounds
    """The lowest cell of each seed."""


def maps(
    selected: pd.DataFrame,
    originals: pd.DataFrame,
    overview: Overview,
    shown: Shown,
    bounds: pd.DataFrame | None = None,
) -> tuple[dict[Manipulated, str], list[float], list[Map]]:
    """Names by (manipulation, n), known shares, and the maps: references, then methods, the best first."""
    rows = overview.of(selected)
    names = overview.scenarios(rows)
    scenarios = list(names)
    shares = sorted(map(float, rows["deletion_fraction"].unique()))
    before = originals[originals["dataset"] == overview.dataset]
    references = [
        (shown.original(maker), before[before["maker"] == maker])
        for maker in shown.makers
        if maker in set(before["maker"])
    ]
    if bounds is not None:
        references += list(bounds_of(bounds[bounds["dataset"] == overview.dataset], shown.makers))[:1]
    methods = [
        _map(style.label, own, scenarios, shares)
        for method, style in shown.styles.items()
        if len(own := rows[rows["method"] == method])
    ]
    methods.sort(key=lambda one: -math.inf if math.isnan(one.mean[0]) else one.mean[0], reverse=True)
    return names, shares, [*(_map(label, own, scenarios, None) for label, own in references), *methods]


def _map(
    label: str, rows: pd.DataFrame, scenarios: Sequence[Manipulated], shares: Sequence[float] | None
) -> Map:
    seeds = sorted(rows["seed"].unique())
    healed = np.full((len(scenarios), len(shares or [0]), len(seeds)), math.nan)
    lost = np.zeros(healed.shape, dtype=bool)
    columns = [0] * len(rows) if shares is None else [shares.index(s) for s in rows["deletion_fraction"]]
    places = zip(rows["manipulation"], rows["n_manipulated"], strict=True)
    for place, column, seed, value, gone in zip(
        places, columns, rows["seed"], repair(rows), failed(rows), strict=True
    ):
        if place in scenarios:
            cell = scenarios.index(place), column, seeds.index(seed)
            healed[cell], lost[cell] = math.nan if gone else value, gone
    cells = healed.reshape(-1, len(seeds)), lost.reshape(-1, len(seeds))
    by_seed = [own[~gone] for own, gone in zip(cells[0].T, cells[1].T, strict=True)]
    # A seed that lacks a cell has no mean: it would be one of easier or harder cells.
    whole = [own for own in by_seed if len(own) and not np.isnan(own).any()]
    return Map(
        label,
        shares is None,
        _means(healed),
        np.asarray(lost.all(axis=2)),
        _over_seeds(np.array([own.mean() for own in whole])),
        _over_seeds(np.array([own.min() for own in whole])),
    )


def _means(values: np.ndarray) -> np.ndarray:
    """Over the last axis, of what is known."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1))


def _over_seeds(values: np.ndarray) -> Bounds:
    return (float(values.mean()), *interval(values)) if len(values) else (math.nan,) * 3


def draw(
    selected: pd.DataFrame,
    originals: pd.DataFrame,
    overview: Overview,
    shown: Shown,
    bounds: pd.DataFrame | None = None,
) -> Figure:
    """The figure, two columns wide; to be drawn and saved within `paper(**PAPER)`."""
    scenarios, shares, drawn = maps(selected, originals, overview, shown, bounds)
    before = originals[originals["dataset"] == overview.dataset]
    names = _named(scenarios, before, shown)
    beside = 0.6 + 0.045 * max(len(line) for name in names for line in name.splitlines())
    width = max(CELL[0] * len(shares), LEAST)
    across = min(max(int((WIDTH - beside) / (width + 0.12)), 1), len(drawn))
    down = math.ceil(len(drawn) / across)
    figure = new_figure((WIDTH, down * (CELL[1] * len(scenarios) + TITLE) + 0.55))
    grid = figure.subplots(down, across, squeeze=False)
    panels = list(grid.flat)
    for number, (panel, one) in enumerate(zip(panels, drawn, strict=False)):
        _fill(panel, one, shares)
        panel.set_yticks(range(len(scenarios)), names if number % across == 0 else [])
        panel.tick_params(labelbottom=number + across >= len(drawn))
    for panel in panels[len(drawn) :]:
        panel.remove()
    scale = figure.colorbar(panels[0].images[0], ax=panels[: len(drawn)], fraction=0.03, pad=0.01, aspect=30)
    scale.set_label("Utility times healed (%)", size=7)
    scale.outline.set_visible(False)
    scale.ax.tick_params(labelsize=6.5, length=2)
    figure.supxlabel("Known share of manipulated samples (%)", size=8)
    rising = " (regularity rises upwards)" if overview.told["by_regularity"] else ""
    figure.supylabel(f"Manipulation{rising}" if down > 1 or not rising else "Manipulation", size=8)
    handles = _legend(drawn)
    if handles:
        figure.legend(handles=handles, loc="outside upper right", ncols=2, fontsize=7)
    return figure


def _named(scenarios: Mapping[Manipulated, str], originals: pd.DataFrame, shown: Shown) -> list[str]:
    """Names of rows, with the number of seeds in which the attack failed if it did in some."""
    names = []
    for scenario, name in scenarios.items():
        here = at(originals, scenario)
        of_first = here[here["maker"] == shown.makers[0]]
        some = failed(of_first).sum() if not failed(of_first).all() else 0
        names.append(f"{name}\n({some} of {len(of_first)} failed)" if some else name)
    return names


def _fill(panel: Axes, one: Map, shares: Sequence[float]) -> None:
    """One map: its cells with their numbers."""
    height, width = len(one.values), len(shares)
    panel.grid(visible=False)
    panel.set_facecolor("white")
    extent = (-0.5, width - 0.5, -0.5, height - 0.5)
    image = panel.imshow(
        one.values, cmap=COLORS, vmin=0, vmax=100, aspect="auto", origin="lower", extent=extent
    )
    columns = one.values.shape[1]
    for row in range(height):
        for column in range(columns):
            value, left = one.values[row, column], column * width / columns - 0.5
            middle = left + width / columns / 2
            if one.failed[row, column]:
                panel.add_patch(Rectangle((left, row - 0.5), width / columns, 1, **FAILED))
            elif math.isnan(value):
                panel.text(
                    middle, row, "\N{MULTIPLICATION SIGN}", ha="center", va="center", size=7, color="0.3"
                )
            else:
                light = _lightness(np.asarray(image.cmap(image.norm(value))))
                color = "black" if light > 0.45 else "white"
                panel.text(middle, row, f"{value:.0f}", ha="center", va="center", size=6.5, color=color)
    # White gaps between cells.
    panel.set_xticks(np.arange(0.5, width - 1) if columns > 1 else [], minor=True)
    panel.set_yticks(np.arange(0.5, height - 1), minor=True)
    panel.grid(visible=True, which="minor", color="white", linewidth=0.8)
    panel.tick_params(which="both", length=0, pad=2, labelsize=6.5)
    panel.set_xticks(range(width), [f"{100 * share:g}" for share in shares])
    panel.spines[:].set_visible(False)
    weight, ink = ("normal", "0.35") if one.reference else ("bold", "black")
    panel.set_title(one.label, size=7.5, weight=weight, color=ink, loc="left", pad=21)
    for place, (what, bounds) in enumerate((("worst", one.worst), ("mean", one.mean))):
        panel.annotate(
            f"{what} {_number(bounds)}",
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, 2.5 + 8.5 * place),
            textcoords="offset points",
            size=6.5,
            color="0.25",
        )


def _lightness(color: np.ndarray) -> float:
    """Of a colour, 0 to 1, near enough to choose an ink."""
    return float(color[:3] @ (0.299, 0.587, 0.114))


def _number(bounds: Bounds) -> str:
    mean, low, high = bounds
    if math.isnan(mean):
        return "\N{EN DASH}"
    return f"{mean:.1f}" if math.isnan(low) else f"{mean:.1f} ({low:.1f} to {high:.1f})"


def _legend(drawn: Sequence[Map]) -> list[Patch]:
    """What a cell without a number means."""
    lost = any(one.failed.any() for one in drawn)
    return [Patch(**FAILED, label=f"attack failed: {NOTHING}")] if lost else []

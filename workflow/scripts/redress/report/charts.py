"""The interactive charts of the page: plotly figures, one for every choice of controls."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape  # plotly reads some HTML in labels
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from redress.formats.measures import Measure
from redress.referee.statistics import DERIVED, Quantity, band
from redress.report.attack import for_reference, remark, took
from redress.report.bounds import bounds_of
from redress.report.shown import UNITS, Shown, scale
from redress.report.styles import Style

Chart = dict[str, Any]
"""A plotly figure as JSON has it; `layout.meta` says in words what it shows. No template is asked for."""

Trace = dict[str, Any]

# matplotlib's markers as plotly names them.
SYMBOLS = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "v": "triangle-down",
    "<": "triangle-left",
    ">": "triangle-right",
    "D": "diamond",
    "d": "diamond-tall",
    "P": "cross",
    "X": "x",
    "*": "star",
    "p": "pentagon",
    "h": "hexagon",
    "8": "octagon",
}
GRID = {"gridcolor": "#e5e5e5", "zeroline": False, "linecolor": "#b0b0b0", "automargin": True}
SHARE = "Known share of manipulated samples (%)"

SCORE = Quantity("score", "fraction", "higher", "Selection score")

DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot")
"""Of the originals, the default maker's first."""


def curves(
    selected: pd.DataFrame,
    originals: pd.DataFrame,
    measure: Measure,
    shown: Shown,
    bounds: pd.DataFrame | None = None,
) -> Chart:
    """One measure of a scenario and discovery over |S_f|/|S_m|, with intervals or ranges over seeds.

    A method's line breaks where none of its candidates survived. Originals are dashed lines, `bounds` grey
    ones. Seeds in which the attack failed are left out, and the title says so.
    """
    traces = _curves(took(selected), measure.name, measure.unit, shown)
    for maker, dashes in zip(shown.makers, cycle(DASHES), strict=False):
        own = for_reference(originals[originals["maker"] == maker])
        values = own[measure.name].dropna()
        if len(values):
            traces.append(_reference(values.mean(), measure.unit, shown.original(maker), dashes))
    for label, own in bounds_of(bounds, shown.makers):
        values = for_reference(own)[measure.name].dropna()
        if len(values):
            line = _reference(values.mean(), measure.unit, f"Bound: {label}", "dash")
            traces.append(line | {"line": {"color": "#8c8c8c", "dash": "dash", "width": 1}})
    unit = UNITS.get(measure.unit, measure.unit)
    without = remark(originals, shown)
    title = f"{measure.label} ({without})" if without else measure.label
    return _chart(traces, title, SHARE, unit, measure.unit, x_range=(0, 104))


def regrets(selected: pd.DataFrame, shown: Shown) -> Chart:
    """What not knowing costs in a scenario and discovery: the oracle's removal less the selected model's."""
    title = "What the best candidate by test accuracy would have added"
    selected = took(selected)
    cost = selected.assign(regret=100 * (selected["oracle_removal_test"] - selected["removal_test"]))
    traces = _curves(cost, "regret", "points", shown)
    return _chart(traces, title, SHARE, "points", "points", x_range=(0, 104))


def cost_of_repair(summary: pd.DataFrame, shown: Shown) -> Chart:
    """Mean utility x healed of one dataset over the mean seconds of one run of each method."""
    overall = summary[summary["manipulation"].isna()].set_index(["measure", "method"])
    traces = []
    for method, style in shown.styles.items():
        try:
            seconds: Any = overall.loc[("unlearn_seconds", method)]
            repair: Any = overall.loc[("utility_times_healed", method)]
        except KeyError:
            continue
        if math.isnan(repair["mean"]):
            continue
        trace = {
            "type": "scatter",
            "x": [float(seconds["mean"])],
            "y": _rounded([repair["mean"]], "fraction"),
            "error_y": _error([repair["mean"]], [repair["low"]], [repair["high"]], "fraction"),
            "mode": "markers+text",
            "text": [escape(style.label, quote=False)],
            "textposition": "top center",
            "cliponaxis": False,
            "hovertemplate": "%{x:.3g} s, %{y:.1f} %",
            **_look(method, style, size=12),
        }
        traces.append(trace)
    title = f"{DERIVED['utility_times_healed'].label} over seconds of unlearning"
    chart = _chart(traces, title, "Seconds for one candidate", "%", "fraction", hover="closest")
    taken = [trace["x"][0] for trace in traces] or [1]
    ticks = [step * 10.0**power for power in range(-4, 7) for step in (1, 2, 5)]
    chart["layout"]["showlegend"] = False
    chart["layout"]["xaxis"] |= {
        "type": "log",
        "range": [math.log10(min(taken) / 1.5), math.log10(max(taken) * 1.5)],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }
    return chart


def sensitivity(
    values: Mapping[str, float], picks: Mapping[str, int], measure: Measure | Quantity, style: Style
) -> Chart | None:
    """How a measure depends on one method's hyperparameters, for one S_f.

    `values` are its means over seeds by the hyperparameters of candidates, as JSON, in grid order. `picks`
    has the number of seeds that selected a candidate. A curve where one hyperparameter varies, a heat map for
    two, points for more; None where none does or there are no values.
    """
    varying = varying_hyperparameters(values)
    if not varying or all(math.isnan(value) for value in values.values()):
        return None
    unit, number = measure.unit, _format(measure.unit)
    if len(varying) == 2:
        return _heat_map(values, picks, varying, measure)
    axis = varying[0] if len(varying) == 1 else "Candidate, in grid order"
    names = [
        _value(json.loads(text).get(varying[0])) if len(varying) == 1 else f"{place}"
        for place, text in enumerate(values, 1)
    ]
    traces: list[Trace] = [
        {
            "type": "scatter",
            "x": names,
            "y": _rounded(values.values(), unit),
            "mode": "lines+markers" if len(varying) == 1 else "markers",
            "hovertext": [_readable(text) for text in values],
            "hovertemplate": f"%{{hovertext}}: %{{y:{number}}} {UNITS.get(unit, unit)}<extra></extra>",
            "marker": {"symbol": SYMBOLS[style.marker], "size": 8, "color": style.color},
            "line": {"color": style.color},
            "name": escape(style.label, quote=False),
        }
    ]
    marks = [
        (name, *_rounded([value], unit), picks[text])
        for name, (text, value) in zip(names, values.items(), strict=True)
        if text in picks
    ]
    if marks:
        traces.append(_picked(*zip(*marks, strict=True)))
    chart = _chart(traces, measure.label, axis, UNITS.get(unit, unit), unit, hover="closest")
    chart["layout"]["xaxis"]["type"] = "category"
    return chart


def varying_hyperparameters(hyperparameters: Iterable[str]) -> list[str]:
    """The hyperparameters, each candidate's as JSON, of which candidates have different values."""
    settings = [json.loads(text) for text in dict.fromkeys(hyperparameters)]
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if len({str(one.get(key)) for one in settings}) > 1]


def _heat_map(
    values: Mapping[str, float], picks: Mapping[str, int], varying: Sequence[str], measure: Measure | Quantity
) -> Chart:
    unit, number = UNITS.get(measure.unit, measure.unit), _format(measure.unit)
    across, up = sorted(varying, key=lambda key: -len({_value(json.loads(t).get(key)) for t in values}))
    points = {
        (_value(json.loads(t).get(across)), _value(json.loads(t).get(up))): (t, v) for t, v in values.items()
    }
    columns = list(dict.fromkeys(x for x, _ in points))
    lines = list(dict.fromkeys(y for _, y in points))
    height = [[points.get((x, y), ("", math.nan))[1] for x in columns] for y in lines]
    traces: list[Trace] = [
        {
            "type": "heatmap",
            "x": columns,
            "y": lines,
            "z": [_rounded(row, measure.unit) for row in height],
            "colorscale": "Cividis",
            "texttemplate": "%{z:.0f}" if measure.unit == "fraction" else "%{z:.3g}",
            "colorbar": {"title": {"text": unit}, "thickness": 12, "outlinewidth": 0},
            "hovertemplate": f"{across} %{{x}}, {up} %{{y}}: %{{z:{number}}} {unit}<extra></extra>",
            "xgap": 1,
            "ygap": 1,
        }
    ]
    marks = [(x, y, picks[text]) for (x, y), (text, _) in points.items() if text in picks]
    if marks:
        traces.append(_picked(*zip(*marks, strict=True)))
    chart = _chart(traces, measure.label, across, up, measure.unit, hover="closest")
    for axis in ("xaxis", "yaxis"):
        chart["layout"][axis] |= {"type": "category", "showgrid": False}
    return chart


def _value(given: Any) -> str:
    """A hyperparameter's value as the name of its place on an axis."""
    if given is None:
        return "default"
    return str(given) if isinstance(given, str | bool) else f"{given:.6g}"


def _picked(x: Sequence[Any], y: Sequence[Any], counts: Sequence[int]) -> Trace:
    """Rings around what was selected."""
    return {
        "type": "scatter",
        "x": list(x),
        "y": list(y),
        "mode": "markers",
        "marker": {"symbol": "circle-open", "size": 28, "color": "#d62728", "line": {"width": 3}},
        "hovertext": [f"selected in {count} seed{'s' if count > 1 else ''}" for count in counts],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "name": "selected",
    }


def _curves(rows: pd.DataFrame, column: str, unit: str, shown: Shown) -> list[Trace]:
    """A curve for each method that has rows."""
    cells: dict[str, dict[float, np.ndarray]] = {}
    groups: Any = rows.groupby(["method", "deletion_fraction"])[column]  # shares ascend
    for (method, share), values in groups:
        cells.setdefault(method, {})[float(share)] = values.dropna().to_numpy()
    return [
        _curve(cells[method], unit, method, style)
        for method, style in shown.styles.items()
        if method in cells
    ]


def _curve(cells: Mapping[float, np.ndarray], unit: str, method: str, style: Style) -> Trace:
    means, lows, highs = zip(*map(band, cells.values()), strict=True)
    return {
        "type": "scatter",
        "x": [round(100 * share, 10) for share in cells],
        "y": _rounded(means, unit),
        "error_y": _error(means, lows, highs, unit),
        "mode": "lines+markers",
        "connectgaps": False,
        "cliponaxis": False,
        "hovertemplate": f"%{{y:{_format(unit)}}}",
        **_look(method, style),
    }


def _look(method: str, style: Style, size: int = 8) -> dict[str, Any]:
    return {
        "name": escape(style.label, quote=False),
        "meta": method,
        "marker": {"symbol": SYMBOLS[style.marker], "size": size, "color": style.color},
        "line": {"color": style.color, "width": 2},
    }


def _error(
    means: Sequence[float], lows: Sequence[float], highs: Sequence[float], unit: str
) -> dict[str, Any]:
    """Error bars; none where a bound is NaN."""
    mean, low, high = (np.array(part, dtype=float) for part in (means, lows, highs))
    above, below = ([value or 0 for value in _rounded(part, unit)] for part in (high - mean, mean - low))
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "thickness": 1,
        "width": 3,
    }


def _reference(value: float, unit: str, label: str, dashes: str) -> Trace:
    return {
        "type": "scatter",
        "x": [0, 104],
        "y": _rounded([value], unit) * 2,
        "mode": "lines",
        "line": {"color": "black", "dash": dashes, "width": 1.5},
        "name": label,
        "meta": "original",
        "hovertemplate": f"%{{y:{_format(unit)}}}",
    }


def _rounded(values: Iterable[float], unit: str) -> list[float | None]:
    """Values as they are shown, None for NaN: fractions in percent."""
    shown = (scale(unit) * float(value) for value in values)
    return [
        None if math.isnan(value) else round(value, 2) if unit == "fraction" else float(f"{value:.6g}")
        for value in shown
    ]


def _format(unit: str) -> str:
    """How plotly writes a value."""
    return ".1f" if unit in ("fraction", "points") else ".4g"


def _readable(hyperparameters: str) -> str:
    return ", ".join(f"{key} {value}" for key, value in json.loads(hyperparameters).items())


def _chart(
    traces: Sequence[Trace],
    title: str,
    x: str,
    y: str,
    unit: str,
    hover: str = "x unified",
    x_range: tuple[float, float] | None = None,
) -> Chart:
    """A figure in the page's looks."""
    longest = max((len(trace.get("name", "")) for trace in traces), default=0)
    layout = {
        "meta": title,
        "xaxis": {**GRID, "title": {"text": x}, **({"range": list(x_range)} if x_range else {})},
        "yaxis": {**GRID, "title": {"text": y}, "hoverformat": _format(unit)},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#1a1a1a"},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "margin": {"l": 10, "r": 20, "t": 10, "b": 10},
        "legend": {
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "entrywidth": max(84, 6.5 * longest),  # pixels
            "font": {"size": 12},
        },
        "hovermode": hover,
    }
    return {"data": list(traces), "layout": layout}

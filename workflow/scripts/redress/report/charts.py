"""The charts that a reader of the page can turn over: plotly figures, one for every choice of controls."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from redress.reading import groups
from redress.statistics import band
from redress.styles import Style

Chart = dict[str, Any]
"""A plotly figure as JSON, without its template; `layout.meta` says in words what it shows."""

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
SHARE = "Known share of S<sub>m</sub> (%)"

CURVES = {
    "removal_test": "Accuracy on affected test images",
    "utility_test": "Accuracy on unaffected test images (utility)",
    "removal_train": "Accuracy on manipulated training images",
    "attack_success_rate": "Attack success rate",
    "validation_accuracy": "Validation accuracy",
    "deletion_change": "Deletion change",
}
"""What can be looked at as a curve over the known share."""

SENSITIVITIES = {
    "score": "Selection score (validation accuracy and deletion change)",
    "removal_test": "Accuracy on affected test images",
    "utility_test": "Accuracy on unaffected test images (utility)",
    "removal_train": "Accuracy on manipulated training images",
}
"""What can be looked at over hyperparameters."""


def curves(
    selected: pd.DataFrame, originals: pd.DataFrame, column: str, title: str, styles: Mapping[str, Style]
) -> Chart:
    """One scenario's `column` (a fraction) in percent over |S_f|/|S_m|, with intervals or ranges over seeds.

    A method's line breaks where none of its candidates survived. The original is a dashed line.
    """
    traces = [
        _curve(rows, column, method, style)
        for method, style in styles.items()
        if len(rows := selected[selected["method"] == method])
    ]
    reference = originals[column].dropna()
    if len(reference):
        traces.append(_reference(100 * reference.mean()))
    return _chart(traces, title, SHARE, "%", x_range=(0, 104))


def regrets(selected: pd.DataFrame, styles: Mapping[str, Style]) -> Chart:
    """One scenario's cost of not knowing: the oracle's removal less the selected model's, in points."""
    title = "What the best candidate by test accuracy would have added"
    cost = selected.assign(regret=selected["oracle_removal_test"] - selected["removal_test"])
    traces = [
        _curve(rows, "regret", method, style)
        for method, style in styles.items()
        if len(rows := cost[cost["method"] == method])
    ]
    return _chart(traces, title, SHARE, "Points", x_range=(0, 104))


def cost_of_repair(summary: pd.DataFrame, styles: Mapping[str, Style]) -> Chart:
    """Mean utility x healed of one dataset over the mean seconds of one run of each method."""
    overall = summary[summary["manipulation"].isna()].set_index(["measure", "method"])
    traces = []
    for method, style in styles.items():
        try:
            seconds: Any = overall.loc[("unlearn_seconds", method)]
            repair: Any = overall.loc[("utility_times_healed", method)]
        except KeyError:
            continue
        if math.isnan(repair["mean"]):
            continue
        trace = go.Scatter(
            x=[seconds["mean"]],
            y=[round(100 * repair["mean"], 2)],
            error_y=_error([repair["mean"]], [repair["low"]], [repair["high"]]),
            mode="markers+text",
            text=[style.label],
            textposition="top center",
            cliponaxis=False,
            hovertemplate="%{x:.3g} s, %{y:.1f} %",
            **_look(method, style, size=12),
        )
        traces.append(trace)
    title = "Utility times healed over seconds of unlearning"
    chart = _chart(traces, title, "Seconds, one candidate", "%", hover="closest")
    shown = [trace.x[0] for trace in traces] or [1]
    ticks = [step * 10.0**power for power in range(-4, 7) for step in (1, 2, 5)]
    chart["layout"]["showlegend"] = False
    chart["layout"]["xaxis"] |= {
        "type": "log",
        "range": [math.log10(min(shown) / 1.5), math.log10(max(shown) * 1.5)],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }
    return chart


def sensitivity(candidates: pd.DataFrame, chosen: pd.DataFrame, column: str, style: Style) -> Chart | None:
    """How `column` (a fraction, mean over seeds) depends on one method's hyperparameters, for one S_f.

    A curve where one hyperparameter varies, a heat map for two, points in grid order for more; None where
    none does. `chosen` are the selected models, marked with the number of seeds that selected them.
    """
    varying = varying_hyperparameters(candidates["hyperparameters"])
    if not varying or candidates[column].isna().all():
        return None
    values = {text: 100 * float(own[column].mean()) for text, own in groups(candidates, "hyperparameters")}
    picks = Counter(chosen["hyperparameters"].dropna())
    title = SENSITIVITIES[column]
    if len(varying) == 2:
        return _heat_map(values, picks, varying, title, style)
    axis = varying[0] if len(varying) == 1 else "Candidate, in grid order"
    names = [
        _value(json.loads(text).get(varying[0])) if len(varying) == 1 else f"{number}"
        for number, text in enumerate(values, 1)
    ]
    traces = [
        go.Scatter(
            x=names,
            y=_rounded(values.values()),
            mode="lines+markers" if len(varying) == 1 else "markers",
            hovertext=[_readable(text) for text in values],
            hovertemplate="%{hovertext}: %{y:.1f} %<extra></extra>",
            marker={"symbol": SYMBOLS[style.marker], "size": 8, "color": style.color},
            line={"color": style.color},
            name=style.label,
        )
    ]
    marks = [
        (name, value, picks[text])
        for name, (text, value) in zip(names, values.items(), strict=True)
        if text in picks
    ]
    if marks:
        traces.append(_picked(*zip(*marks, strict=True)))
    chart = _chart(traces, title, axis, "%", hover="closest")
    chart["layout"]["xaxis"]["type"] = "category"
    return chart


def varying_hyperparameters(hyperparameters: Iterable[str]) -> list[str]:
    """The hyperparameters, each candidate's as JSON, of which candidates have different values."""
    settings = [json.loads(text) for text in dict.fromkeys(hyperparameters)]
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if len({str(one.get(key)) for one in settings}) > 1]


def _heat_map(
    values: Mapping[str, float], picks: Counter[str], varying: Sequence[str], title: str, style: Style
) -> Chart:
    across, up = sorted(varying, key=lambda key: -len({_value(json.loads(t).get(key)) for t in values}))
    points = {
        (_value(json.loads(t).get(across)), _value(json.loads(t).get(up))): (t, v) for t, v in values.items()
    }
    columns = list(dict.fromkeys(x for x, _ in points))
    lines = list(dict.fromkeys(y for _, y in points))
    height = [[points.get((x, y), ("", math.nan))[1] for x in columns] for y in lines]
    traces: list[Any] = [
        go.Heatmap(
            x=columns,
            y=lines,
            z=[[None if math.isnan(z) else round(z, 1) for z in row] for row in height],
            colorscale="Cividis",
            texttemplate="%{z:.0f}",
            colorbar={"title": {"text": "%"}, "thickness": 12, "outlinewidth": 0},
            hovertemplate=f"{across} %{{x}}, {up} %{{y}}: %{{z:.1f}} %<extra></extra>",
            xgap=1,
            ygap=1,
        )
    ]
    marks = [(x, y, picks[text]) for (x, y), (text, _) in points.items() if text in picks]
    if marks:
        traces.append(_picked(*zip(*marks, strict=True)))
    chart = _chart(traces, title, across, up, hover="closest")
    for axis in ("xaxis", "yaxis"):
        chart["layout"][axis] |= {"type": "category", "showgrid": False}
    return chart


def _value(given: Any) -> str:
    """A hyperparameter's value as the name of its place on an axis."""
    if given is None:
        return "default"
    return str(given) if isinstance(given, str | bool) else f"{given:.6g}"


def _picked(x: Sequence[Any], y: Sequence[Any], counts: Sequence[int]) -> go.Scatter:
    """Rings around what was selected."""
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "circle-open", "size": 28, "color": "#d62728", "line": {"width": 3}},
        hovertext=[f"selected in {count} seed{'s' if count > 1 else ''}" for count in counts],
        hovertemplate="%{hovertext}<extra></extra>",
        name="selected",
    )


def _curve(rows: pd.DataFrame, column: str, method: str, style: Style) -> go.Scatter:
    cells = list(groups(rows.sort_values("deletion_fraction"), "deletion_fraction"))
    means, lows, highs = zip(*(band(own[column].dropna().to_numpy()) for _, own in cells), strict=True)
    return go.Scatter(
        x=[round(100 * float(share), 4) for share, _ in cells],
        y=_rounded(100 * np.array(means)),
        error_y=_error(means, lows, highs),
        mode="lines+markers",
        connectgaps=False,
        cliponaxis=False,
        hovertemplate="%{y:.1f}",
        **_look(method, style),
    )


def _look(method: str, style: Style, size: int = 8) -> dict[str, Any]:
    return {
        "name": style.label,
        "meta": method,
        "marker": {"symbol": SYMBOLS[style.marker], "size": size, "color": style.color},
        "line": {"color": style.color, "width": 2},
    }


def _error(means: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> dict[str, Any]:
    """Error bars in percent; none where a bound is NaN."""
    mean, low, high = (np.array(part, dtype=float) for part in (means, lows, highs))
    above, below = (np.nan_to_num(np.round(100 * part, 2)).tolist() for part in (high - mean, mean - low))
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "thickness": 1,
        "width": 3,
    }


def _reference(value: float) -> go.Scatter:
    return go.Scatter(
        x=[0, 104],
        y=[round(value, 2)] * 2,
        mode="lines",
        line={"color": "black", "dash": "dash", "width": 1.5},
        name="None (original)",
        meta="original",
        hovertemplate="%{y:.1f}",
    )


def _rounded(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), 2) for value in values]


def _readable(hyperparameters: str) -> str:
    return ", ".join(f"{key} {value}" for key, value in json.loads(hyperparameters).items())


def _chart(
    traces: Sequence[Any],
    title: str,
    x: str,
    y: str,
    hover: str = "x unified",
    x_range: tuple[float, float] | None = None,
) -> Chart:
    """A figure in the page's looks, checked by plotly and turned into JSON."""
    layout = go.Layout(
        meta=title,
        xaxis={**GRID, "title": {"text": x}, **({"range": list(x_range)} if x_range else {})},
        yaxis={**GRID, "title": {"text": y}, "hoverformat": ".1f"},
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#1a1a1a"},
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 10, "r": 20, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "entrywidth": 84, "font": {"size": 12}},
        hovermode=hover,
    )
    content: Chart = json.loads(go.Figure(traces, layout).to_json())
    content["layout"].pop("template", None)
    return content


def scenarios(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str, int], pd.DataFrame]]:
    """The rows of every (dataset, manipulation, n), in the order in which they come."""
    for (dataset, manipulation, n), own in groups(rows, ["dataset", "manipulation", "n_manipulated"]):
        yield (dataset, manipulation, int(n)), own

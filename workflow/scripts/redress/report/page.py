"""The page that a reader opens: everything the tables and figures say, in one file that needs no network."""

import base64
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from PIL import Image
from plotly.offline import get_plotlyjs

from redress import charts, findings
from redress.charts import CURVES, SENSITIVITIES, Chart, scenarios, varying_hyperparameters
from redress.reading import groups
from redress.statistics import FEWEST_SEEDS, grid_seconds
from redress.styles import Style

LEADERBOARD = {
    "utility_times_healed": "Utility times healed, mean (%)",
    "utility_times_healed_worst": "Its worst cell (%)",
    "discovery_area": "Area under discovery curve (%)",
    "utility_lost_points": "Utility lost (points)",
    "unlearn_seconds": "Seconds, one run",
    "speedup_over_eu": "Speed-up over EU",
    "grid_seconds": "Seconds, whole grid",
}
"""The leaderboard's columns."""

LOOK_FOR = {
    "removal_test": "Repair: how far above the dashed line of the original model a method is, and from which"
    " known share on. A method that needs nearly all of the manipulated samples is of little use.",
    "utility_test": "Damage: a good method stays at the dashed line. What it falls below is the price of the"
    " repair.",
    "removal_train": "The same repair seen on the manipulated training samples themselves, found or not,"
    " against their true labels. At small n an effect shows here before it shows on test images.",
}


@dataclass(frozen=True)
class Results:
    """What the page is made of: the tables, how methods look, and what was run."""

    candidates: pd.DataFrame
    selected: pd.DataFrame
    times: pd.DataFrame
    summary: pd.DataFrame
    provenance: pd.DataFrame
    styles: Mapping[str, Style]
    datasets: Mapping[str, str]
    """Labels of datasets by name."""
    config: Mapping[str, Any]
    command: str
    figures: Sequence[tuple[str, str, str, Path]] = ()
    """(name, manipulation, column, PNG file) of every figure."""
    examples: Sequence[tuple[str, str, Path]] = ()
    """(dataset, manipulation, PNG file) of every sheet of examples."""
    missing: pd.DataFrame | None = None
    """What an unfinished run still lacks."""
    downloads: Sequence[str] = ()
    """Files to link to, relative to the page."""

    @property
    def originals(self) -> pd.DataFrame:
        """Rows of the original models."""
        return self.candidates[self.candidates["method"] == "original"]

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the methods that have results."""
        present = set(self.selected["method"])
        return {name: style.label for name, style in self.styles.items() if name in present}


@dataclass
class Explorer:
    """Charts behind controls: one list of charts for every combination of choices."""

    name: str
    controls: list[tuple[str, dict[str, str]]]
    """(label, {value: text}) of each select box."""
    charts: dict[str, list[Chart]] = field(default_factory=dict)
    """Charts by the chosen values joined by `|`."""

    @property
    def panels(self) -> int:
        """How many charts are shown at a time."""
        return max((len(shown) for shown in self.charts.values()), default=0)


def render(results: Results, template: Path) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": _percent, "embedded": embedded, "width": width}
    return environment.get_template(template.name).render(
        r=results,
        facts=facts(results),
        headline=findings.headline(results.summary, results.labels, results.datasets),
        findings=list(findings.of_scenarios(results.summary, results.labels, results.datasets)),
        absent=list(findings.absent(results.candidates, results.selected, results.labels)),
        leaderboards=list(leaderboards(results)),
        ranked=results.summary["best_rank"].notna().any(),
        columns=LEADERBOARD,
        look_for=LOOK_FOR,
        fewest_seeds=FEWEST_SEEDS,
        seeds=results.candidates["seed"].nunique(),
        intervals=results.candidates["seed"].nunique() >= FEWEST_SEEDS,
        measures={column: CURVES.get(column, column) for _, _, column, _ in results.figures},
        explorers={explorer.name: explorer for explorer in explorers(results)},
        regret=list(regret(results)),
        choices=list(choices(results)),
        times=times(results),
        config=yaml.safe_dump(dict(results.config), sort_keys=False, allow_unicode=True),
        plotly=get_plotlyjs(),
    )


def facts(results: Results) -> list[tuple[str, str]]:
    """What was run, as (what, how much)."""
    candidates, originals = results.candidates, results.originals
    unlearned = candidates[candidates["method"] != "original"]
    models = {
        name: f"{results.datasets[name]} ({own['model'].iloc[0]})"
        for name, own in groups(originals, "dataset")
    }
    adversary = [
        f"{manipulation} with {findings.enumeration([f'{n:,}' for n in own['n_manipulated'].unique()])} "
        f"samples{f' of {results.datasets[dataset]}' if len(models) > 1 else ''}"
        for (dataset, manipulation), own in groups(originals, ["dataset", "manipulation"])
    ]
    seeds = sorted(candidates["seed"].unique())
    made_by = results.provenance.groupby("item", sort=False)["value"].agg(list)
    shares = sorted(100 * unlearned["deletion_fraction"].unique())
    return [
        ("Datasets and models", ", ".join(models.values())),
        ("Manipulations", "; ".join(adversary)),
        ("Methods", ", ".join(results.labels.values())),
        ("Known share of the manipulated samples", f"{', '.join(f'{share:g}' for share in shares)} %"),
        ("Seeds", f"{len(seeds)} ({', '.join(map(str, seeds))})"),
        (
            "Models",
            f"{len(originals):,} original, {len(unlearned):,} unlearned, {len(results.selected):,} selected",
        ),
        ("Hardware", "; ".join(made_by["device"])),
        ("Time in unlearning methods", duration(grid_seconds(unlearned)["grid_seconds"].sum())),
        ("Wall time", _wall_time(made_by["first job"][0], made_by["last job"][0])),
    ]


def _wall_time(first: str, last: str) -> str:
    start, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    seconds = (end - start).total_seconds()
    since = f"from {start:%Y-%m-%d %H:%M} UTC on"
    return f"{duration(seconds)} from the first job to the last ({since}, pauses included)"


def duration(seconds: float) -> str:
    """Seconds as text a person reads."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def leaderboards(results: Results) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """For each dataset its label and rows: the methods from the highest mean to the lowest."""
    overall = results.summary[results.summary["manipulation"].isna()]
    percents = {"utility_times_healed", "utility_times_healed_worst", "discovery_area"}
    for dataset, own in groups(overall, "dataset"):
        table = own.set_index(["method", "measure"])
        rows: list[dict[str, Any]] = []
        for method, label in {**results.labels, "original": "None (original)"}.items():
            cells = {}
            for measure in LEADERBOARD:
                if (method, measure) in table.index:
                    row: Any = table.loc[(method, measure)]
                    cells[measure] = {
                        key: row[key] * (100 if measure in percents else 1) for key in ("mean", "low", "high")
                    }
                    cells[measure]["missing"] = row["missing_seeds"]
            first: Any = table.loc[(method, "utility_times_healed")]
            rows.append({"label": label, "method": method, "cells": cells, "rank": _rank(first)})
        rows.sort(key=lambda row: -_known(row["cells"]["utility_times_healed"]["mean"]))
        yield results.datasets[dataset], rows


def _known(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _rank(row: pd.Series) -> str:
    if math.isnan(row["best_rank"]):
        return ""
    best, worst = int(row["best_rank"]), int(row["worst_rank"])
    return f"{best}" if best == worst else f"{best} to {worst}"


def explorers(results: Results) -> Iterator[Explorer]:
    """The charts with their controls."""
    selected = dict(scenarios(results.selected))
    originals = dict(scenarios(results.originals))
    names = {_key(name): _words(name, results.datasets) for name in selected}
    where = ("Experiment", names)
    what = {column: text for column, text in CURVES.items() if results.selected[column].notna().any()}
    curves = Explorer("curves", [where, ("Measure", what)])
    sides = Explorer("sides", [where])
    regrets = Explorer("regrets", [where])
    for name, rows in selected.items():
        key, reference = _key(name), originals.get(name, results.originals.iloc[:0])
        for column, text in what.items():
            if rows[column].notna().any():
                chart = charts.curves(rows, reference, column, text, results.styles)
                curves.charts[f"{key}|{column}"] = [chart]
        if rows["score"].notna().any():
            sides.charts[key] = [
                charts.curves(rows, reference, f"removal_train_{side}", title, results.styles)
                for side, title in (
                    ("discovered", "Accuracy on discovered samples"),
                    ("undiscovered", "Accuracy on undiscovered samples"),
                )
            ]
            regrets.charts[key] = [charts.regrets(rows, results.styles)]
    yield curves
    yield sides
    yield regrets

    cost = Explorer("cost", [("Dataset", dict(results.datasets))])
    for dataset, rows in groups(results.summary, "dataset"):
        chart = charts.cost_of_repair(rows, results.styles)
        if chart["data"]:
            cost.charts[dataset] = [chart]
    yield cost
    yield from sensitivities(results, names)


def sensitivities(results: Results, names: dict[str, str]) -> Iterator[Explorer]:
    """A chart per method whose hyperparameters vary, by experiment, known share and measure."""
    weights = results.config["selection"]
    score = sum(weight * results.candidates[column] for column, weight in weights.items())
    candidates = results.candidates.assign(score=score)
    shares = sorted(results.selected["deletion_fraction"].unique())
    texts = {f"{share:g}": f"{100 * share:g} %" for share in shares}
    for method in results.labels:
        explorer = Explorer(
            f"sensitivity-{method}",
            [("Experiment", names), ("Known share", texts), ("Measure", dict(SENSITIVITIES))],
        )
        tried = candidates[candidates["method"] == method]
        picked = results.selected[results.selected["method"] == method]
        chosen_in = dict(scenarios(picked))
        for name, rows in scenarios(tried):
            own = chosen_in[name]
            for share in shares:
                here = rows[rows["deletion_fraction"] == share]
                chosen = own[own["deletion_fraction"] == share]
                for column in SENSITIVITIES:
                    chart = charts.sensitivity(here, chosen, column, results.styles[method])
                    if chart:
                        explorer.charts[f"{_key(name)}|{share:g}|{column}"] = [chart]
        if explorer.charts:
            yield explorer


def _key(scenario: tuple[str, str, int]) -> str:
    return "/".join(map(str, scenario))


def _words(scenario: tuple[str, str, int], datasets: Mapping[str, str]) -> str:
    dataset, manipulation, n = scenario
    return f"{datasets[dataset]}, {manipulation}, n = {n:,}"


def regret(results: Results) -> Iterator[dict[str, Any]]:
    """For each dataset and method, means over all cells: the selected models and the oracle's."""
    known = results.selected.dropna(subset=["removal_test", "oracle_removal_test"])
    for (dataset, method), rows in groups(known, ["dataset", "method"]):
        means = rows[["removal_test", "oracle_removal_test", "utility_test", "oracle_utility_test"]].mean()
        yield {
            "dataset": results.datasets[dataset],
            "label": results.labels[method],
            **{str(key): value for key, value in means.items()},
            "cost": 100 * (means["oracle_removal_test"] - means["removal_test"]),
        }


def choices(results: Results) -> Iterator[tuple[str, list[str], list[dict[str, Any]]]]:
    """For each experiment its name, the known shares, and what was selected by each method at each of them.

    A row has the method's `label`, the hyperparameters it was not given a choice of (`fixed`), and for every
    share the selections of all seeds.
    """
    shares = sorted(results.selected["deletion_fraction"].unique())
    settings = results.candidates.groupby("method", sort=False)["hyperparameters"].unique()
    for name, rows in scenarios(results.selected):
        lines = []
        for method, label in results.labels.items():
            varying = varying_hyperparameters(settings[method])
            own = rows[rows["method"] == method]
            fixed = _hyperparameters(
                {key: value for key, value in json.loads(settings[method][0]).items() if key not in varying}
            )
            cells = [_selections(own[own["deletion_fraction"] == share], varying) for share in shares]
            lines.append({"label": label, "fixed": fixed, "cells": cells, "varies": bool(varying)})
        yield _words(name, results.datasets), [f"{100 * share:g} %" for share in shares], lines


def _selections(rows: pd.DataFrame, varying: Collection[str]) -> list[str]:
    """What was selected, with how often if there is more than one seed."""
    counts = rows["hyperparameters"].fillna("").value_counts(sort=False)
    texts = []
    for text, count in zip(counts.index.astype(str), counts, strict=True):
        known = {key: value for key, value in json.loads(text).items() if key in varying} if text else None
        words = "all diverged" if known is None else _hyperparameters(known)
        texts.append(f"{words} ({count} seeds)" if count > 1 else words)
    return texts


def _hyperparameters(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in given.items())


def times(results: Results) -> list[dict[str, Any]]:
    """Table 3 with labels in place of names."""
    rows: list[dict[str, Any]] = results.times.to_dict("records")  # type: ignore[assignment]
    return [
        {
            **row,
            "dataset": results.datasets[row["dataset"]],
            "method": results.labels.get(row["method"], row["method"]),
        }
        for row in rows
    ]


def embedded(path: Path) -> str:
    """A PNG file as a data address."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def width(path: Path) -> int:
    """The width at which a figure of 300 dots an inch is read on a screen, in CSS pixels."""
    with Image.open(path) as image:
        return round(image.width * 135 / 300)


def number(value: Any, decimals: int = 1) -> str:
    """A number as text, a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"  # noqa: RUF001
    return f"{value:z,.{decimals}f}"  # z: no -0.0


def _percent(value: Any, decimals: int = 1) -> str:
    return number(None if value is None else 100 * value, decimals)

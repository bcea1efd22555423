"""The page that a reader opens: everything the tables and figures say, in one file that needs no network."""

import base64
import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from PIL import Image
from plotly.offline import get_plotlyjs

from redress.formats.measures import Measure
from redress.referee.statistics import DERIVED, FEWEST_SEEDS, Quantity, grid_seconds
from redress.report import charts, findings
from redress.report.attack import failed, remark, took, took_by
from redress.report.bounds import label as label_of_bound
from redress.report.charts import SCORE, Chart, varying_hyperparameters
from redress.report.reading import SCENARIO, groups, percent_of, scenarios
from redress.report.rules import RULES, compared, name_of
from redress.report.shown import Shown, scale, titled
from redress.report.tables import split_provenance

PARTS = Path(__file__).resolve().parents[3] / "report"
"""The folder of the page's template, style sheet and script."""

LOOK_FOR = {
    "removal_test": "Repair: how far a method rises above the dashed line of the original model, and from"
    " which known share on. A method that needs nearly all of the manipulated samples is of little use.",
    "utility_test": "Damage: a good method stays on the dashed line. How far it falls below is the price of"
    " the repair.",
    "removal_train": "The same repair on the manipulated training images themselves, found or not, against"
    " their true labels. Where n is small, an effect shows here before it shows on test images.",
}

OVERVIEWS = {
    "plane": "Utility times healed in every cell: from left to right more of the manipulated samples"
    " are known, from the bottom to the top manipulations are more regular. Numbers are means"
    " over the seeds in which the attack took; under a method's name stand the mean over all"
    " cells and its worst cell. Maps with grey titles are references: the original model and,"
    " if there are any, the first bound.",
    "false_positives": "Utility times healed over the share of the deletion set that was never manipulated. A"
    " line that falls belongs to a method that pays for false alarms; a flat one can be given"
    " what a detector found.",
    "discovery": "Utility times healed where the found samples are not drawn at random from the"
    " manipulated ones (filled marks), beside what the same method makes of as many that are"
    " (rings). A mark to the left of its ring is what the bias costs.",
    "precision_recall": "What rankings of the training samples find: the best precision of a list that holds"
    " a share of the manipulated samples that nobody had found. A line at the top finds them all"
    " before the first clean one; the matched filter is no ranking to compare with, for it knows the"
    " attack.",
    "recovered": "The share of the manipulated samples in the grown deletion sets over the share that was"
    " known (dotted). How many clean samples that takes stands in rankings.csv.",
}
"""How to read the overviews, by their kind."""

SHOWS = {
    "precision_recall": "precision over recall of each ranking; the values are in ranking_curves.csv",
    "recovered": "share of the manipulated samples in grown deletion sets; the values are in rankings.csv",
}
"""What overviews show that do not show utility times healed, for who cannot see them."""

LEADING = ("utility_times_healed", "utility_times_healed_worst")
SHARE = Quantity("share_of_bound", "fraction", "higher", "Share of the bound")
SHARE_WORST = Quantity("share_of_bound_worst", "fraction", "higher", "Its worst cell")

PAPERS = ("poison", "interclass")
"""The manipulations whose figures have the paper's numbers."""


@dataclass(frozen=True)
class Results:
    """What the page is made of: the tables, what things are called, and what was run."""

    candidates: pd.DataFrame
    selected: pd.DataFrame
    times: pd.DataFrame
    summary: pd.DataFrame
    provenance: pd.DataFrame
    shown: Shown
    config: Mapping[str, Any]
    command: str
    figures: Mapping[str, Path] = field(default_factory=dict)
    """The PNG files of the figures that were drawn, by the names they have in `shown`."""
    examples: Sequence[tuple[str, str, Path]] = ()
    """(dataset, manipulation, PNG file) of every sheet of examples."""
    suspects: Sequence[tuple[str, str, Path]] = ()
    """The same of every sheet of what rankings have first."""
    missing: pd.DataFrame | None = None
    """What an unfinished run still lacks."""
    bounds: pd.DataFrame | None = None
    """bounds.csv, if there are any."""
    rules: pd.DataFrame | None = None
    """rules.csv, if it was made."""
    downloads: Sequence[str] = ()
    """Files to link to, relative to the page."""

    @cached_property
    def originals(self) -> pd.DataFrame:
        """Rows of the original models."""
        return self.candidates[self.candidates["method"] == "original"]

    @cached_property
    def labels(self) -> dict[str, str]:
        """Labels of the methods that have results."""
        present = set(self.selected["method"])
        return {name: style.label for name, style in self.shown.styles.items() if name in present}

    @cached_property
    def discoveries(self) -> list[str]:
        """Those that have results."""
        present = set(self.selected["discovery"])
        return [name for name in self.shown.discoveries if name in present]

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """All of them, those first that show whether a method repairs."""
        return dict(sorted(self.shown.measures.items(), key=lambda item: item[1].owner == "developer"))

    @cached_property
    def planes(self) -> dict[str, Path]:
        """The figures that are maps of a whole dataset, which lead the leaderboard."""
        return {
            name: path
            for name, path in self.figures.items()
            if name in self.shown.overviews and self.shown.overviews[name].kind == "plane"
        }

    @cached_property
    def columns(self) -> dict[str, Quantity]:
        """Columns of the leaderboards; where there is a plane or are bounds, those that sum it up lead."""
        known = {SHARE.name: SHARE, SHARE_WORST.name: SHARE_WORST, **DERIVED}
        shares = [name for name in known if name.startswith(SHARE.name)]
        made = set(self.summary["measure"])
        leading = [*LEADING, *(name for name in shares if name in made)]
        rest = [name for name in DERIVED if name not in (*LEADING, *shares)]
        return {name: known[name] for name in [*leading, *rest]}

    def scenario(self, dataset: str, manipulation: str, n: int) -> str:
        """What a scenario is called, with what is to be known of its attack."""
        own = self.originals
        here = own[(own[SCENARIO] == [dataset, manipulation, n]).all(axis=1)]
        without = remark(here, self.shown)
        return self.shown.scenario(dataset, manipulation, n) + (f" ({without})" if without else "")

    @cached_property
    def shares(self) -> list[float]:
        """Known shares, ascending."""
        return sorted(map(float, self.selected["deletion_fraction"].unique()))


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


def render(results: Results) -> str:
    """The page as HTML."""
    shown, (provenance, not_applying) = results.shown, split_provenance(results.provenance)
    seeds = results.candidates["seed"].nunique()
    return _template().render(
        r=results,
        style_sheet=(PARTS / "page.css").read_text(encoding="utf-8"),
        script=(PARTS / "page.js").read_text(encoding="utf-8"),
        facts=facts(results),
        headline=findings.headline(results.candidates, results.summary, shown),
        findings=list(findings.of_scenarios(results.candidates, results.summary, shown)),
        absent=list(findings.absent(results.candidates, results.selected, not_applying, shown)),
        unfinished=[] if results.missing is None else list(findings.unfinished(results.missing, shown)),
        leaderboards=list(leaderboards(results)),
        ranked=results.summary["best_rank"].notna().any(),
        columns={name: titled(one.label, one.unit) for name, one in results.columns.items()},
        look_for=LOOK_FOR,
        numbered=[name for name in results.figures if shown.figures.get(name, ("",))[0] in PAPERS],
        overviews=OVERVIEWS,
        shows=SHOWS,
        rules=list(rules_compared(results)),
        about_rules=RULES,
        failed=failed(results.originals).any(),
        fewest_seeds=FEWEST_SEEDS,
        seeds=seeds,
        intervals=seeds >= FEWEST_SEEDS,
        explorers={explorer.name: explorer for explorer in explorers(results)},
        regret=list(regret(results)),
        choices=list(choices(results)),
        times=times(results),
        provenance=provenance,
        config=yaml.safe_dump(dict(results.config), sort_keys=False, allow_unicode=True),
        plotly=get_plotlyjs(),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PARTS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": _percent, "embedded": embedded, "width": width}
    return environment.get_template("page.html.jinja")


def facts(results: Results) -> list[tuple[str, str]]:
    """What was run, as (what, how much)."""
    candidates, originals, shown = results.candidates, results.originals, results.shown
    unlearned = candidates[candidates["method"] != "original"]
    models = {
        name: f"{shown.datasets[name]} ({own['model'].iloc[0]})"
        for name, own in groups(candidates, "dataset")
    }
    adversary = [
        f"{manipulation} with {findings.enumeration([f'{n:,}' for n in own['n_manipulated'].unique()])} "
        f"samples{f' of {shown.datasets[dataset]}' if len(models) > 1 else ''}"
        for (dataset, manipulation), own in groups(candidates, ["dataset", "manipulation"])
    ]
    makers = list(originals["maker"].unique())
    made = _named_apart(results, "maker", "from the original models made by")
    grown = _named_apart(results, "expansion", "on deletion sets grown by")
    seeds = sorted(candidates["seed"].unique())
    made_by = results.provenance.groupby("item", sort=False)["value"].agg(list)
    shares = [percent_of(share).removesuffix(" %") for share in results.shares]
    bounds = (
        "" if results.bounds is None else ", ".join(map(label_of_bound, results.bounds["bound"].unique()))
    )
    return [
        ("Datasets and models", ", ".join(models.values())),
        ("Manipulations", "; ".join(adversary)),
        *([("Makers of the original models", ", ".join(makers))] if len(makers) > 1 else []),
        *([("Discoveries", ", ".join(results.discoveries))] if len(results.discoveries) > 1 else []),
        ("Methods", "; ".join([", ".join(results.labels.values()), *made, *grown])),
        *([("Bounds", bounds)] if bounds else []),
        ("Known share of the manipulated samples", f"{', '.join(shares)} %"),
        ("Seeds", f"{len(seeds)} ({', '.join(map(str, seeds))})"),
        (
            "Models",
            f"{len(originals):,} original, {len(unlearned):,} unlearned, {len(results.selected):,} selected",
        ),
        ("Hardware", "; ".join(made_by["device"])),
        ("Time in unlearning methods", duration(grid_seconds(unlearned)["grid_seconds"].sum())),
        ("Wall time", _wall_time(made_by["first job"][0], made_by["last job"][0])),
    ]


def _named_apart(results: Results, column: str, words: str) -> Iterator[str]:
    """Which methods have which value of a column, the default maker's left out."""
    for value, own in groups(results.selected, column):
        if value != results.shown.makers[0]:
            names = [results.labels[method] for method in own["method"].unique()]
            yield f"{findings.enumeration(names)} {words} {value}"


def _wall_time(first: str, last: str) -> str:
    start, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    seconds = (end - start).total_seconds()
    since = f"from {start:%Y-%m-%d %H:%M} UTC on"
    return f"{duration(seconds)} from the first job to the last ({since}, pauses included)"


def duration(seconds: float) -> str:
    """Seconds as text a person reads."""
    if seconds < 90:
        return f"{seconds:.0f} second{'' if round(seconds) == 1 else 's'}"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def leaderboards(results: Results) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """For each dataset its label and rows: methods and originals from the highest mean to the lowest."""
    shown = results.shown
    overall = results.summary[results.summary["manipulation"].isna()]
    partial = findings.partly_run(results.summary)
    for dataset, own in groups(results.candidates, "dataset"):
        board = overall[overall["dataset"] == dataset]
        makers = [maker for maker in shown.makers if maker in set(own["maker"])]
        lines = [(board["method"] == method, method, label) for method, label in results.labels.items()]
        lines += [
            ((board["method"] == "original") & (board["maker"] == maker), "original", shown.original(maker))
            for maker in makers
        ]
        rows: list[dict[str, Any]] = []
        for here, method, label in lines:
            mine = board[here]
            cells = {row["measure"]: _cell(row) for row in mine.to_dict("records")}
            only = findings.enumeration(partial[method]) if method in partial else ""
            rows.append({"label": label, "method": method, "cells": cells, "only": only, "rank": _rank(mine)})
        rows.sort(key=lambda row: -_known(row["cells"].get("utility_times_healed", {}).get("mean", math.nan)))
        yield shown.datasets[dataset], rows


def _cell(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A cell of the leaderboard from a row of the summary."""
    shown = {key: row[key] * scale(row["unit"]) for key in ("mean", "low", "high")}
    failed = row.get("failed_seeds", 0)
    return {**shown, "missing": row["missing_seeds"], "failed": 0 if pd.isna(failed) else int(failed)}


def _known(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _rank(rows: pd.DataFrame) -> str:
    ranked = rows[(rows["measure"] == "utility_times_healed") & rows["best_rank"].notna()]
    if not len(ranked):
        return ""
    best, worst = int(ranked["best_rank"].iloc[0]), int(ranked["worst_rank"].iloc[0])
    return f"{best}" if best == worst else f"{best} to {worst}"


def explorers(results: Results) -> Iterator[Explorer]:
    """The charts with their controls."""
    shown = results.shown
    selected = dict(_places(results.selected, results))
    originals = dict(scenarios(results.originals))
    of_bounds = {} if results.bounds is None else dict(scenarios(results.bounds))
    where = _where(results)
    what = {name: one.label for name, one in results.measures.items() if results.selected[name].notna().any()}
    curves = Explorer("curves", [*where, ("Measure", what)])
    sides = Explorer("sides", where)
    regrets = Explorer("regrets", where)
    for key, (scenario, rows) in selected.items():
        reference = originals.get(scenario, results.originals.iloc[:0])
        for name in what:
            if rows[name].notna().any():
                bounds = of_bounds.get(scenario)
                chart = charts.curves(rows, reference, shown.measures[name], shown, bounds)
                curves.charts[f"{key}|{name}"] = [chart]
        if took(rows)["score"].notna().any():
            sides.charts[key] = [
                charts.curves(rows, reference, shown.measures[f"removal_train_{side}"], shown)
                for side in ("discovered", "undiscovered")
            ]
            regrets.charts[key] = [charts.regrets(rows, shown)]
    yield curves
    yield sides
    yield regrets

    cost = Explorer("cost", [("Dataset", dict(shown.datasets))])
    for dataset, rows in groups(results.summary, "dataset"):
        chart = charts.cost_of_repair(rows, shown)
        if chart["data"]:
            cost.charts[dataset] = [chart]
    yield cost
    yield from sensitivities(results)


def sensitivities(results: Results) -> Iterator[Explorer]:
    """A chart per method whose hyperparameters vary, by scenario, discovery, known share and measure."""
    shown = results.shown
    texts = {str(share): percent_of(share) for share in results.shares}
    measures: dict[str, Measure | Quantity] = {SCORE.name: SCORE, **results.measures}
    scored = results.candidates.assign(score=_score(results))
    for method in results.labels:
        tried, picked = (table[table["method"] == method] for table in (scored, results.selected))
        what = {name: one.label for name, one in measures.items() if tried[name].notna().any()}
        where = [*_where(results), ("Known share", texts), ("Measure", what)]
        explorer = Explorer(f"sensitivity-{method}", where)
        chosen_in = dict(_places(picked, results))
        for place, (_, rows) in _places(tried, results):
            own = chosen_in[place][1]
            for share in results.shares:
                here = rows[rows["deletion_fraction"] == share]
                means = here.groupby("hyperparameters", sort=False)[list(what)].mean()
                picks = Counter(own.loc[own["deletion_fraction"] == share, "hyperparameters"].dropna())
                for name in what:
                    values: Any = means[name].to_dict()
                    chart = charts.sensitivity(values, picks, measures[name], shown.styles[method])
                    if chart:
                        explorer.charts[f"{place}|{share}|{name}"] = [chart]
        if explorer.charts:
            yield explorer


def _score(results: Results) -> pd.Series:
    """What candidates were selected by: the weighted sum of the measures that apply in a scenario."""
    candidates = results.candidates
    applies = candidates.groupby(SCENARIO)
    score = pd.Series(0.0, index=candidates.index)
    for name, weight in results.config["selection"].items():
        somewhere = applies[name].transform("count") > 0
        score += (
            results.shown.measures[name].sign
            * weight
            * candidates[name].where(somewhere | candidates["validation_accuracy"].isna(), 0)
        )
    return score


def _where(results: Results) -> list[tuple[str, dict[str, str]]]:
    """Controls of the place: scenario and, where there are several, discovery."""
    names = {_key(name): results.scenario(*name) for name, _ in scenarios(results.selected)}
    discovery = ("Discovery", {name: name for name in results.discoveries})
    return [("Scenario", names), *([discovery] if len(results.discoveries) > 1 else [])]


def _places(
    rows: pd.DataFrame, results: Results
) -> Iterator[tuple[str, tuple[tuple[str, str, int], pd.DataFrame]]]:
    """What `_where` chooses from: its key, the scenario, and the rows there."""
    for name, own in scenarios(rows):
        for discovery, there in groups(own, "discovery"):
            several = len(results.discoveries) > 1
            yield f"{_key(name)}|{discovery}" if several else _key(name), (name, there)


def _key(scenario: tuple[str, str, int]) -> str:
    return "/".join(map(str, scenario))


def regret(results: Results) -> Iterator[dict[str, Any]]:
    """For each dataset and method, means over all cells: the selected models and the oracle's."""
    known = took(results.selected).dropna(subset=["removal_test", "oracle_removal_test"])
    for (dataset, method), rows in groups(known, ["dataset", "method"]):
        means = rows[["removal_test", "oracle_removal_test", "utility_test", "oracle_utility_test"]].mean()
        yield {
            "dataset": results.shown.datasets[dataset],
            "label": results.labels[method],
            **{str(key): value for key, value in means.items()},
            "cost": 100 * (means["oracle_removal_test"] - means["removal_test"]),
        }


def rules_compared(results: Results) -> Iterator[dict[str, Any]]:
    """What each rule of selection costs, with labels in place of names."""
    if results.rules is None:
        return
    for row in compared(took_by(results.originals, results.rules)):
        methods = [(results.labels.get(method, method), own) for method, own in row["methods"]]
        label = results.shown.datasets.get(row["dataset"], row["dataset"])
        yield {**row, "dataset": label, "name": name_of(row["rule"]), "methods": methods}


def choices(results: Results) -> Iterator[tuple[str, list[str], list[dict[str, Any]]]]:
    """For each scenario and discovery its name, the known shares, and what was selected by each method there.

    A row has the method's `label`, the hyperparameters it was not given a choice of (`fixed`), and for every
    share the selections of all seeds.
    """
    settings = results.candidates.groupby("method", sort=False)["hyperparameters"].unique()
    for place, (scenario, rows) in _places(results.selected, results):
        lines = []
        for method, label in results.labels.items():
            own = rows[rows["method"] == method]
            if not len(own):
                continue
            varying = varying_hyperparameters(settings[method])
            fixed = _hyperparameters(
                {key: value for key, value in json.loads(settings[method][0]).items() if key not in varying}
            )
            cells = [_selections(own[own["deletion_fraction"] == share], varying) for share in results.shares]
            lines.append({"label": label, "fixed": fixed, "cells": cells, "varies": bool(varying)})
        found = f", {place.split('|')[1]} discovery" if "|" in place else ""
        yield (
            results.scenario(*scenario) + found,
            [percent_of(share) for share in results.shares],
            lines,
        )


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
            "dataset": results.shown.datasets[row["dataset"]],
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

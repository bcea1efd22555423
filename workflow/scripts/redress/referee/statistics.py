"""Statistics over seeds: intervals, paired differences, ranks, and the measures that sum a method up.

Whatever is said of a method is first computed for every seed by itself, so that all statements are means
over seeds and their uncertainty is that of seeds: other draws, other originals, other initialisations.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from redress.formats.identity import PLAIN
from redress.formats.measures import Measure
from redress.referee.attack import FAILED

FEWEST_SEEDS = 5
"""Below, no interval: not even the most extreme of n^n resamples is as rare as its bounds have to be."""

RESAMPLES = 20_000

SCENARIO = ["dataset", "model", "manipulation", "n_manipulated"]
CELL = [*SCENARIO, "discovery", "deletion_fraction"]
DATASET = ["dataset", "model"]

ORIGINAL = "original of "
"""How the line of a maker's original is called; methods' are called as they are, without a space."""


@dataclass(frozen=True)
class Quantity:
    """What is summed up beside the measures themselves; see `redress.formats.measures.Measure`."""

    name: str
    unit: str
    better: Literal["higher", "lower"]
    label: str


DERIVED = {
    one.name: one
    for one in (
        Quantity("utility_times_healed", "fraction", "higher", "Utility times healed"),
        Quantity("utility_times_healed_worst", "fraction", "higher", "Its worst cell"),
        Quantity("discovery_area", "fraction", "higher", "Area under discovery curve"),
        Quantity("utility_lost_points", "points", "lower", "Utility lost"),
        Quantity("unlearn_seconds", "seconds", "lower", "Time per candidate"),
        Quantity("speedup_over_eu", "ratio", "higher", "Speed-up over EU"),
        Quantity("grid_seconds", "seconds", "lower", "Time for the whole grid"),
    )
}
"""By name, in the order of the leaderboard's columns."""

OF_BOUND = {
    one.name: one
    for one in (
        Quantity("share_of_bound", "fraction", "higher", "Share of the bound"),
        Quantity("share_of_bound_worst", "fraction", "higher", "Its worst cell"),
    )
}
"""What there is only beside a bound."""

COLUMNS = [
    *SCENARIO,
    "maker",
    "discovery",
    "expansion",
    "deletion_fraction",
    "method",
    "measure",
    "unit",
    "seeds",
    "missing_seeds",
    "failed_seeds",
    "mean",
    "low",
    "high",
    "interval",
    *(f"difference_to_{other}{part}" for other in ("original", "eu") for part in ("", "_low", "_high")),
    "best_rank",
    "worst_rank",
]


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of `values` (seeds,); (nan, nan) for fewer than FEWEST_SEEDS.

    The expanded percentile interval (Hesterberg 2015, "What Teachers Should Know About the Bootstrap",
    section 5.3): quantiles further out than 2.5 %, for with few values those of the plain percentile
    interval are too near. Resamples are the same for equal numbers of values, so equal values give equal
    intervals.
    """
    n = len(values)
    if n < FEWEST_SEEDS:
        return math.nan, math.nan
    low, high = np.quantile(_resampling(n) @ values, [tail(n), 1 - tail(n)])
    return float(low), float(high)


def spread(values: np.ndarray) -> tuple[float, float]:
    """What to draw around the mean of `values` (seeds,): `interval`, or their range if they are too few."""
    return interval(values) if len(values) >= FEWEST_SEEDS else (values.min(), values.max())


def band(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of `values` (seeds,) and its `spread`; NaN where there are none."""
    return (values.mean(), *spread(values)) if len(values) else (math.nan,) * 3


def tail(n: int) -> float:
    """The share of resampled means beyond either bound of `interval` for n values."""
    from scipy.special import ndtr, stdtrit  # slow to import, and not needed for fewer seeds

    return float(ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.025)))


@lru_cache
def _resampling(n: int) -> np.ndarray:
    """How often each of n values is in each resample, divided by n: (RESAMPLES, n)."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n


@dataclass(frozen=True)
class Compared:
    """What is compared in the tables: lines, and where each of them runs."""

    makers: Mapping[str, str]
    """Whose original each method starts from, in the order of config."""
    expansions: Mapping[str, Any]
    """Who grew its deletion sets; NaN for nobody. Of several it is joined by `+`, with PLAIN for nobody."""
    discoveries: Mapping[str, frozenset[str]]
    """Whose deletion sets it runs on."""
    originals: Sequence[str]
    """Makers of originals, the default one first."""
    seeds: Sequence[int]

    @classmethod
    def of(cls, candidates: pd.DataFrame, selected: pd.DataFrame, makers: Sequence[str]) -> "Compared":
        """From the tables; `makers` gives the order."""
        first = selected.drop_duplicates("method").set_index("method")
        used = {*candidates["maker"], *selected["maker"]}
        return cls(
            makers=dict(first["maker"]),
            expansions={
                str(method): _joined(list(own.unique()))
                for method, own in candidates.groupby("method", sort=False)["expansion"]
            },
            discoveries={
                str(method): frozenset(own)
                for method, own in selected.groupby("method", sort=False)["discovery"]
            },
            originals=[maker for maker in makers if maker in used],
            seeds=sorted(candidates["seed"].unique()),
        )

    @cached_property
    def lines(self) -> list[str]:
        """What is compared: the original model of each maker, and the methods."""
        return [*(ORIGINAL + maker for maker in self.originals), *self.makers]

    @cached_property
    def everywhere(self) -> frozenset[str]:
        """All discoveries."""
        return frozenset[str]().union(*self.discoveries.values())

    def maker_of(self, line: str) -> str:
        """Whose original model a line is or starts from."""
        return line.removeprefix(ORIGINAL) if line.startswith(ORIGINAL) else self.makers[line]

    def runs_on(self, line: str) -> frozenset[str]:
        """The discoveries that a line has results for; an original has them for each."""
        return self.discoveries.get(line, self.everywhere)

    @cached_property
    def own_originals(self) -> list[int]:
        """Where in `lines` each line's own original is."""
        return [self.lines.index(ORIGINAL + self.maker_of(line)) for line in self.lines]

    @cached_property
    def others(self) -> dict[str, list[int]]:
        """What lines are compared with, `original` and `eu` if there is one: where in `lines` it is."""
        eu = {"eu": [self.lines.index("eu")] * len(self.lines)} if "eu" in self.makers else {}
        return {"original": self.own_originals, **eu}


def _joined(expansions: Sequence[Any]) -> Any:
    """One name for what a method chooses among."""
    if len(expansions) == 1:
        return expansions[0]
    return "+".join(PLAIN if pd.isna(one) else one for one in expansions)


@dataclass(frozen=True)
class Tabled:
    """Values by place, line and seed: (places, lines, seeds), NaN where there is none."""

    places: Sequence[Mapping[str, Any]]
    """What names each place: a cell, a discovery curve or a dataset."""
    values: np.ndarray

    def at(self, names: Sequence[str]) -> dict[tuple[Any, ...], list[int]]:
        """The places that agree in `names`."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for number, place in enumerate(self.places):
            found.setdefault(tuple(place[name] for name in names), []).append(number)
        return found


@dataclass(frozen=True)
class Took:
    """On which originals the attack took: only they say anything of a method."""

    places: Sequence[Mapping[str, Any]]
    """The scenarios."""
    values: np.ndarray
    """Whether it did: boolean (scenarios, lines, seeds). Where that cannot be told the original counts."""

    @classmethod
    def of(cls, candidates: pd.DataFrame, compared: Compared) -> "Took":
        """From the rows of the original models."""
        originals = candidates[candidates["method"] == "original"]
        failed = (originals["attack"] == FAILED) * 1.0
        (table,) = _tabled(originals.assign(failed=failed), ["failed"], SCENARIO, compared).values()
        took = table.values[:, compared.own_originals] != 1
        return cls(table.places, took)

    def at(self, place: Mapping[str, Any]) -> np.ndarray:
        """Of all scenarios that a place is about: (scenarios, lines, seeds)."""
        names = [name for name in SCENARIO if name in place]
        about = [all(own[name] == place[name] for name in names) for own in self.places]
        return self.values[np.array(about)]

    def anywhere(self, places: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Whether it took in some scenario that a place is about: (places, lines, seeds)."""
        return np.array([self.at(place).any(axis=0) for place in places])

    def only(self, table: Tabled) -> Tabled:
        """The values that count; NaN in the place of others."""
        return Tabled(table.places, np.where(self.anywhere(table.places), table.values, math.nan))


@dataclass(frozen=True)
class Summed:
    """One measure or quantity, ready for summary.csv."""

    what: Measure | Quantity
    table: Tabled
    alive: np.ndarray
    """Whether there is a model to measure: where a living one has no value, a measure does not apply."""
    others: Mapping[str, np.ndarray]
    """What to compare values with, in their places: `original` and `eu`."""


def summarise(
    candidates: pd.DataFrame,
    selected: pd.DataFrame,
    measures: Mapping[str, Measure],
    makers: Sequence[str],
    bound: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """summary.csv from candidates.csv and selected.csv: a row per (cell, method, measure), see COLUMNS.

    A row without deletion fraction is about the whole discovery curve, one without manipulation about all
    of the dataset, over all cells that a method runs on. `missing_seeds` counts seeds that have no value,
    because all candidates diverged somewhere; where a measure does not apply there is no row. Differences
    are means over seeds of what a method has more than the original of its own maker, or than EU in the same
    cells. `unit` says what numbers are; `fraction` is 0 to 1. `bound` are the rows of one bound in
    bounds.csv, to take shares of.

    An original on which the attack failed counts in nothing. `failed_seeds` are those in which it failed on
    all the row is about; in others a value over cells is over those in which it took.
    """
    compared = Compared.of(candidates, selected, makers)
    took = Took.of(candidates, compared)
    rows = [
        row
        for summed in everything(candidates, selected, measures, compared, took, bound)
        for number in range(len(summed.table.places))
        for row in _rows(summed, number, compared, took)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_manipulated": "Int64"})


def everything(
    candidates: pd.DataFrame,
    selected: pd.DataFrame,
    measures: Mapping[str, Measure],
    compared: Compared,
    took: Took,
    bound: pd.DataFrame | None = None,
) -> Iterator[Summed]:
    """Every measure by cell, and what is derived from them by cell, discovery curve or dataset.

    `discovery_area` is the mean height of the removal curve from the original (nothing known) to the
    largest share; `utility_times_healed` multiplies utility by clean-label accuracy on S_m, and
    `share_of_bound` divides that by the bound's;
    `unlearn_seconds` is a candidate's mean, `grid_seconds` what all candidates of a deletion set take with
    shared statistics computed once.
    """
    is_original = candidates["method"] == "original"
    unlearned = candidates[~is_original]
    originals = candidates[is_original].drop(columns=["discovery", "deletion_fraction"])
    models = pd.concat([originals.merge(selected[CELL].drop_duplicates(), on=SCENARIO), selected])
    models = models.assign(alive=models["validation_accuracy"].notna() * 1.0)

    by_cell = _tabled(models, [*measures, "alive"], CELL, compared)
    alive = by_cell.pop("alive").values == 1
    for name, table in by_cell.items():
        yield Summed(measures[name], table, alive, _others(took.only(table), compared))

    names = ("removal_test", "utility_test", "removal_train")
    removal, utility, healed = (took.only(by_cell[name]) for name in names)
    product = Tabled(utility.places, utility.values * healed.values)
    area = _discovery_area(removal, compared)
    before = utility.values[:, compared.own_originals]
    lost = Tabled(utility.places, 100 * (before - utility.values))
    yield _derived("utility_times_healed", product, compared, took)
    yield _derived("discovery_area", area, compared, took)
    yield _derived("discovery_area", area, compared, took, "mean")
    yield _derived("utility_times_healed", product, compared, took, "mean")
    yield _derived("utility_times_healed_worst", product, compared, took, "min")
    yield _derived("utility_lost_points", lost, compared, took, "mean")
    if bound is not None:
        share = _share_of(bound, product, compared)
        yield _derived("share_of_bound", share, compared, took)
        yield _derived("share_of_bound", share, compared, took, "mean")
        yield _derived("share_of_bound_worst", share, compared, took, "min")

    living = unlearned["validation_accuracy"].notna() & (unlearned["attack"] != FAILED)
    spent = unlearned.assign(unlearn_seconds=unlearned["unlearn_seconds"].where(living))
    (seconds,) = _tabled(spent, ["unlearn_seconds"], DATASET, compared).values()
    (grid,) = _tabled(grid_seconds(unlearned), ["grid_seconds"], CELL, compared).values()
    yield _derived("unlearn_seconds", seconds, compared, took)
    yield _derived("grid_seconds", took.only(grid), compared, took, "mean")
    if "eu" in compared.others:
        speedup = Tabled(seconds.places, seconds.values[:, compared.others["eu"]] / seconds.values)
        yield _derived("speedup_over_eu", speedup, compared, took)


def _tabled(
    rows: pd.DataFrame, columns: list[str], index: list[str], compared: Compared
) -> dict[str, Tabled]:
    """Means of `columns` by `index`, places in the order of `rows`."""
    line = rows["method"].mask(rows["method"] == "original", ORIGINAL + rows["maker"])
    means = rows.assign(line=line).groupby([*index, "line", "seed"], sort=False)[columns].mean()
    names = list(dict.fromkeys(rows[index].itertuples(index=False, name=None)))
    shape = len(names), len(compared.lines), len(compared.seeds)
    where = {name: number for number, name in enumerate(names)}
    at = np.array(
        [
            (where[place], compared.lines.index(line), compared.seeds.index(seed))
            for *cell, line, seed in means.index
            for place in [tuple(cell)]
        ],
        dtype=int,
    ).reshape(-1, 3)
    places = [dict(zip(index, name, strict=True)) for name in names]
    found = {}
    for column in columns:
        values = np.full(shape, math.nan)
        values[tuple(at.T)] = means[column].to_numpy(dtype=float)
        found[column] = Tabled(places, values)
    return found


def _others(table: Tabled, compared: Compared) -> dict[str, np.ndarray]:
    return {name: table.values[:, lines] for name, lines in compared.others.items()}


def _derived(name: str, table: Tabled, compared: Compared, took: Took, over: str | None = None) -> Summed:
    """A quantity as `table` has it or, told what to take `over` all cells, by dataset.

    Values are of originals on which the attack took.
    """
    others = _others(table, compared)
    if over:
        cells = {key: Tabled(table.places, other) for key, other in others.items()}
        others = {key: _over(one, compared, took, over).values for key, one in cells.items()}
        table = _over(table, compared, took, over)
    return Summed({**DERIVED, **OF_BOUND}[name], table, ~np.isnan(table.values), others)


def _over(table: Tabled, compared: Compared, took: Took, how: str) -> Tabled:
    """The mean or minimum over all cells of a dataset in which a line runs; NaN where it lacks one.

    In each seed only cells count in which the attack took on the line's original.
    """
    datasets, counts = table.at(DATASET), took.anywhere(table.places)
    values_that_count = np.where(counts, table.values, math.nan)
    values = np.full((len(datasets), *table.values.shape[1:]), math.nan)
    for number, places in enumerate(datasets.values()):
        for discoveries in {compared.runs_on(line) for line in compared.lines}:
            own = [place for place in places if table.places[place]["discovery"] in discoveries]
            if own:
                cells = pd.DataFrame(values_that_count[own].reshape(len(own), -1))
                lacking = (cells.isna() & counts[own].reshape(len(own), -1)).any()
                result = cells.groupby(np.zeros(len(own))).agg(how).mask(lacking, axis=1).to_numpy()
                lines = [compared.runs_on(line) == discoveries for line in compared.lines]
                values[number, lines] = result.reshape(values.shape[1:])[lines]
    return Tabled([dict(zip(DATASET, names, strict=True)) for names in datasets], values)


def _discovery_area(removal: Tabled, compared: Compared) -> Tabled:
    """Area under removal over |S_f|/|S_m| by the trapezoidal rule, divided by the largest share."""
    names = [*SCENARIO, "discovery"]
    curves = removal.at(names)
    areas = []
    for places in curves.values():
        cells = sorted(places, key=lambda place: removal.places[place]["deletion_fraction"])
        start = removal.values[cells[:1]][:, compared.own_originals]
        shares = np.array([0.0, *(removal.places[place]["deletion_fraction"] for place in cells)])
        heights = np.concatenate([start, removal.values[cells]])
        areas.append(np.trapezoid(heights, shares, axis=0) / shares[-1])
    return Tabled([dict(zip(names, place, strict=True)) for place in curves], np.array(areas))


def _share_of(bound: pd.DataFrame, product: Tabled, compared: Compared) -> Tabled:
    """`utility_times_healed` by cell as a share of the bound's, which is of the same original."""
    keys = bound[[*SCENARIO, "maker", "seed"]].itertuples(index=False, name=None)
    best = dict(zip(keys, bound["utility_test"] * bound["removal_train"], strict=True))
    whole = np.array(
        [
            best.get((*(place[name] for name in SCENARIO), compared.maker_of(line), seed), math.nan)
            for place in product.places
            for line in compared.lines
            for seed in compared.seeds
        ]
    ).reshape(product.values.shape)
    return Tabled(product.places, product.values / np.where(whole > 0, whole, math.nan))


def grid_seconds(unlearned: pd.DataFrame) -> pd.DataFrame:
    """Seconds of all candidates of a deletion set, by (cell, method, seed), and of their trials.

    What candidates share counts once: of several expansions, whose statistics of S_f differ, the dearest.
    """
    alone = unlearned["unlearn_seconds"] - unlearned["preparation_seconds"]
    alone = alone.add(unlearned["trial_seconds"].astype(float), fill_value=0)
    groups = unlearned.assign(alone=alone).groupby([*CELL, "method", "maker", "seed"], sort=False)
    seconds = groups["alone"].sum() + groups["preparation_seconds"].max()
    return seconds.rename("grid_seconds").reset_index()


def _rows(summed: Summed, number: int, compared: Compared, took: Took) -> Iterator[dict[str, Any]]:
    """The rows of summary.csv about one measure in one place, which has that number."""
    what, names, measured = summed.what, summed.table.places[number], summed.table.values[number]
    alive, took_here = summed.alive[number], took.at(names)
    if alive.any() and np.isnan(measured).all():  # does not apply here
        return
    failed = np.logical_not(took_here.any(axis=0))
    values = np.where(failed, math.nan, measured)
    place = {names["discovery"]} if "discovery" in names else compared.everywhere
    here = [compared.runs_on(line) >= place for line in compared.lines]
    ranked = [
        at
        for at, line in enumerate(compared.lines)
        if here[at] and line in compared.makers and not failed[at].all()
    ]
    alike = _alike(took_here[:, ranked])
    ranks = _ranks({compared.lines[at]: values[at, alike] for at in ranked}, what.better == "higher")
    for at, (line, own, runs) in enumerate(zip(compared.lines, values, here, strict=True)):
        method, maker = line if line in compared.makers else "original", compared.maker_of(line)
        known = own[~np.isnan(own)]
        elsewhere = "discovery" in names and not runs
        timeless = method == "original" and what.unit in ("seconds", "ratio")
        absent = alive[at].any() and np.isnan(measured[at]).all()
        if elsewhere or timeless or absent:
            continue
        low, high = interval(known)
        row = {**names, "maker": maker, "expansion": compared.expansions.get(method), "method": method}
        row |= {"measure": what.name, "unit": what.unit, "seeds": len(known)}
        row |= {"missing_seeds": int((~alive[at] & ~failed[at]).sum()), "failed_seeds": int(failed[at].sum())}
        row["mean"] = known.mean() if len(known) else math.nan
        row |= {"low": low, "high": high, "interval": interval_name(len(known))}
        for other, theirs in summed.others.items():
            if other != method:
                both = paired(own, theirs[number, at])
                low, high = interval(both)
                row[f"difference_to_{other}"] = both.mean() if len(both) else math.nan
                row |= {f"difference_to_{other}_low": low, f"difference_to_{other}_high": high}
        row["best_rank"], row["worst_rank"] = ranks.get(line, (math.nan, math.nan))
        yield row


def _alike(took: np.ndarray) -> np.ndarray:
    """Seeds in which the attack took in the same scenarios, and in some, for all lines: (seeds,).

    `took` is (scenarios, lines, seeds).
    """
    same: np.ndarray = (took == took[:, :1]).all(axis=(0, 1)) & took.any(axis=(0, 1))
    return same


def interval_name(seeds: int) -> str:
    """What kind of interval as many seeds allow."""
    return "95 % bootstrap" if seeds >= FEWEST_SEEDS else f"none: {seeds} of at least {FEWEST_SEEDS} seeds"


def paired(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Differences by seed, both (seeds,), where both are known."""
    differences = values - others
    return differences[~np.isnan(differences)]


def _ranks(values: dict[str, np.ndarray], higher_is_better: bool) -> dict[str, tuple[float, float]]:
    """From which to which rank a method may stand, given the intervals of all paired differences.

    It stands behind those whose difference to it lies wholly on the better side, before those whose
    difference lies wholly on the worse side. None where a method lacks a seed or seeds are too few.
    """
    complete = {line: own for line, own in values.items() if not np.isnan(own).any()}
    if len(complete) < 2 or len(next(iter(complete.values()))) < FEWEST_SEEDS:
        return {}
    sign = 1 if higher_is_better else -1
    ranks = {}
    for line, own in complete.items():
        bounds = [interval(sign * (other - own)) for name, other in complete.items() if name != line]
        better = sum(low > 0 for low, _ in bounds)
        worse = sum(high < 0 for _, high in bounds)
        ranks[line] = (1.0 + better, float(len(complete) - worse))
    return ranks

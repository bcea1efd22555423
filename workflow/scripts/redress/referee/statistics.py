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

from redress.formats.measures import Measure

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
    """Who grew its deletion sets; NaN for nobody."""
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
            expansions=dict(first["expansion"]),
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
) -> pd.DataFrame:
    """summary.csv from candidates.csv and selected.csv: a row per (cell, method, measure), see COLUMNS.

    A row without deletion fraction is about the whole discovery curve, one without manipulation about all
    of the dataset, over all cells that a method runs on. `missing_seeds` counts seeds that have no value,
    because all candidates diverged somewhere; where a measure does not apply there is no row. Differences
    are means over seeds of what a method has more than the original of its own maker, or than EU in the same
    cells. `unit` says what numbers are; `fraction` is 0 to 1.
    """
    compared = Compared.of(candidates, selected, makers)
    rows = [
        row
        for summed in everything(candidates, selected, measures, compared)
        for number in range(len(summed.table.places))
        for row in _rows(summed, number, compared)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_manipulated": "Int64"})


def everything(
    candidates: pd.DataFrame, selected: pd.DataFrame, measures: Mapping[str, Measure], compared: Compared
) -> Iterator[Summed]:
    """Every measure by cell, and what is derived from them by cell, discovery curve or dataset.

    `discovery_area` is the mean height of the removal curve from the original (nothing known) to the
    largest share; `utility_times_healed` multiplies utility by clean-label accuracy on S_m;
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
        yield Summed(measures[name], table, alive, _others(table, compared))

    removal, utility, healed = (by_cell[name] for name in ("removal_test", "utility_test", "removal_train"))
    product = Tabled(utility.places, utility.values * healed.values)
    area = _discovery_area(removal, compared)
    before = utility.values[:, compared.own_originals]
    lost = Tabled(utility.places, 100 * (before - utility.values))
    yield _derived("utility_times_healed", product, compared)
    yield _derived("discovery_area", area, compared)
    yield _derived("discovery_area", area, compared, "mean")
    yield _derived("utility_times_healed", product, compared, "mean")
    yield _derived("utility_times_healed_worst", product, compared, "min")
    yield _derived("utility_lost_points", lost, compared, "mean")

    living = unlearned["validation_accuracy"].notna()
    spent = unlearned.assign(unlearn_seconds=unlearned["unlearn_seconds"].where(living))
    (seconds,) = _tabled(spent, ["unlearn_seconds"], DATASET, compared).values()
    (grid,) = _tabled(grid_seconds(unlearned), ["grid_seconds"], CELL, compared).values()
    yield _derived("unlearn_seconds", seconds, compared)
    yield _derived("grid_seconds", grid, compared, "mean")
    if "eu" in compared.others:
        speedup = Tabled(seconds.places, seconds.values[:, compared.others["eu"]] / seconds.values)
        yield _derived("speedup_over_eu", speedup, compared)


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


def _derived(name: str, table: Tabled, compared: Compared, over: str | None = None) -> Summed:
    """A quantity as `table` has it or, told what to take `over` all cells, by dataset."""
    others = _others(table, compared)
    if over:
        cells = {key: Tabled(table.places, other) for key, other in others.items()}
        others = {key: _over(one, compared, over).values for key, one in cells.items()}
        table = _over(table, compared, over)
    return Summed(DERIVED[name], table, ~np.isnan(table.values), others)


def _over(table: Tabled, compared: Compared, how: str) -> Tabled:
    """The mean or minimum over all cells of a dataset in which a line runs; NaN where it lacks one."""
    datasets = table.at(DATASET)
    values = np.full((len(datasets), *table.values.shape[1:]), math.nan)
    for number, places in enumerate(datasets.values()):
        for discoveries in {compared.runs_on(line) for line in compared.lines}:
            own = [place for place in places if table.places[place]["discovery"] in discoveries]
            if own:
                cells = pd.DataFrame(table.values[own].reshape(len(own), -1))
                result = cells.groupby(np.zeros(len(own))).agg(how, skipna=False).to_numpy()
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


def grid_seconds(unlearned: pd.DataFrame) -> pd.DataFrame:
    """Seconds of all candidates of a deletion set, by (cell, method, seed); what they share counts once."""
    alone = unlearned["unlearn_seconds"] - unlearned["preparation_seconds"]
    groups = unlearned.assign(alone=alone).groupby([*CELL, "method", "maker", "seed"], sort=False)
    seconds = groups["alone"].sum() + groups["preparation_seconds"].max()
    return seconds.rename("grid_seconds").reset_index()


def _rows(summed: Summed, number: int, compared: Compared) -> Iterator[dict[str, Any]]:
    """The rows of summary.csv about one measure in one place, which has that number."""
    what, names, values = summed.what, summed.table.places[number], summed.table.values[number]
    alive = summed.alive[number]
    if alive.any() and np.isnan(values).all():  # does not apply here
        return
    place = {names["discovery"]} if "discovery" in names else compared.everywhere
    here = [compared.runs_on(line) >= place for line in compared.lines]
    ranks = _ranks(
        {
            line: own
            for line, own, runs in zip(compared.lines, values, here, strict=True)
            if runs and line in compared.makers
        },
        what.better == "higher",
    )
    for at, (line, own, runs) in enumerate(zip(compared.lines, values, here, strict=True)):
        method, maker = line if line in compared.makers else "original", compared.maker_of(line)
        known = own[~np.isnan(own)]
        elsewhere = "discovery" in names and not runs
        timeless = method == "original" and what.unit in ("seconds", "ratio")
        if elsewhere or timeless or (not len(known) and alive[at].any()):
            continue
        low, high = interval(known)
        row = {**names, "maker": maker, "expansion": compared.expansions.get(method), "method": method}
        row |= {"measure": what.name, "unit": what.unit, "seeds": len(known)}
        row |= {"missing_seeds": int((~alive[at]).sum()), "mean": known.mean() if len(known) else math.nan}
        row |= {"low": low, "high": high, "interval": interval_name(len(known))}
        for other, theirs in summed.others.items():
            if other != method:
                both = paired(own, theirs[number, at])
                low, high = interval(both)
                row[f"difference_to_{other}"] = both.mean() if len(both) else math.nan
                row |= {f"difference_to_{other}_low": low, f"difference_to_{other}_high": high}
        row["best_rank"], row["worst_rank"] = ranks.get(line, (math.nan, math.nan))
        yield row


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

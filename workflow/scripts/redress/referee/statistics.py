"""Statistics over seeds: intervals, paired differences, ranks, and the measures that sum a method up.

Whatever is said of a method is first computed for every seed by itself, so that all statements are means
over seeds and their uncertainty is that of seeds: other draws, other originals, other initialisations.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
        Quantity("unlearn_seconds", "seconds", "lower", "One candidate"),
        Quantity("speedup_over_eu", "ratio", "higher", "Speed-up over EU"),
        Quantity("grid_seconds", "seconds", "lower", "Whole grid"),
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
                str(method): frozenset(own["discovery"])
                for method, own in selected.groupby("method", sort=False)
            },
            originals=[maker for maker in makers if maker in used],
            seeds=sorted(candidates["seed"].unique()),
        )

    @property
    def lines(self) -> list[str]:
        """What is compared: the original model of each maker, and the methods."""
        return [*(ORIGINAL + maker for maker in self.originals), *self.makers]

    @property
    def everywhere(self) -> frozenset[str]:
        """All discoveries."""
        return frozenset[str]().union(*self.discoveries.values())

    def maker_of(self, line: str) -> str:
        """Whose original model a line is or starts from."""
        return line.removeprefix(ORIGINAL) if line.startswith(ORIGINAL) else self.makers[line]

    def runs_on(self, line: str) -> frozenset[str]:
        """The discoveries that a line has results for; an original has them for each."""
        return self.discoveries.get(line, self.everywhere)

    def originals_of(self, table: pd.DataFrame) -> pd.DataFrame:
        """In each line's place what its own original has."""
        own = {line: table[ORIGINAL + self.maker_of(line)] for line in self.lines}
        return pd.concat(own, axis=1, names=["line"])

    def eu_of(self, table: pd.DataFrame) -> pd.DataFrame | None:
        """In each line's place what EU has; None without EU."""
        if "eu" not in self.makers:
            return None
        return pd.concat(dict.fromkeys(self.lines, table["eu"]), axis=1, names=["line"])

    def over_all(self, table: pd.DataFrame, how: str) -> pd.DataFrame:
        """The mean or minimum over all cells of a dataset in which a line runs; NaN where it lacks one."""
        discovery = table.index.get_level_values("discovery")
        parts = {
            line: table.loc[discovery.isin(self.runs_on(line)), line]
            .groupby(DATASET, sort=False)
            .agg(how, skipna=False)
            for line in self.lines
        }
        return pd.concat(parts, axis=1, names=["line"])

    def table(self, rows: pd.DataFrame, column: str, index: list[str]) -> pd.DataFrame:
        """Means of `column` by `index`, in the order of `rows`, and (line, seed)."""
        line = rows["method"].mask(rows["method"] == "original", ORIGINAL + rows["maker"])
        means = rows.assign(line=line).groupby([*index, "line", "seed"], sort=False)[column].mean()
        wanted = pd.MultiIndex.from_product([self.lines, self.seeds], names=["line", "seed"])
        places = pd.MultiIndex.from_frame(rows[index].drop_duplicates())
        return means.unstack(["line", "seed"]).reindex(index=places, columns=wanted)


@dataclass(frozen=True)
class Tabled:
    """One measure or quantity by place (a row each) and (line, seed)."""

    what: Measure | Quantity
    values: pd.DataFrame
    alive: pd.DataFrame
    """Whether there is a model to measure: where a living one has no value, a measure does not apply."""
    others: Mapping[str, pd.DataFrame]
    """What to compare with, `original` and `eu`, in the place of each line's values."""


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
        for tabled in tables(candidates, selected, measures, compared)
        for number in range(len(tabled.values))
        for row in _rows(tabled, number, compared)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_manipulated": "Int64"})


def tables(
    candidates: pd.DataFrame, selected: pd.DataFrame, measures: Mapping[str, Measure], compared: Compared
) -> Iterator[Tabled]:
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
    alive = compared.table(models, "alive", CELL) == 1

    by_cell = {name: compared.table(models, name, CELL) for name in measures}
    for name, table in by_cell.items():
        yield Tabled(measures[name], table, alive, _others(table, compared))

    removal, utility, healed = (by_cell[name] for name in ("removal_test", "utility_test", "removal_train"))
    product, area = utility * healed, _discovery_area(removal, compared)
    lost = 100 * (compared.originals_of(utility) - utility)
    yield _derived("utility_times_healed", product, compared)
    yield _derived("discovery_area", area, compared)
    yield _derived("discovery_area", area, compared, "mean")
    yield _derived("utility_times_healed", product, compared, "mean")
    yield _derived("utility_times_healed_worst", product, compared, "min")
    yield _derived("utility_lost_points", lost, compared, "mean")

    living = unlearned["validation_accuracy"].notna()
    spent = unlearned.assign(unlearn_seconds=unlearned["unlearn_seconds"].where(living))
    seconds = compared.table(spent, "unlearn_seconds", DATASET)
    yield _derived("unlearn_seconds", seconds, compared)
    grid = compared.table(grid_seconds(unlearned), "grid_seconds", CELL)
    yield _derived("grid_seconds", grid, compared, "mean")
    eu = compared.eu_of(seconds)
    if eu is not None:
        yield _derived("speedup_over_eu", eu / seconds, compared)


def _others(table: pd.DataFrame, compared: Compared) -> dict[str, pd.DataFrame]:
    found = {"original": compared.originals_of(table), "eu": compared.eu_of(table)}
    return {name: other for name, other in found.items() if other is not None}


def _derived(name: str, table: pd.DataFrame, compared: Compared, over: str | None = None) -> Tabled:
    """A quantity as `table` has it or, told what to take `over` all cells, by dataset."""
    others = _others(table, compared)
    if over:
        table = compared.over_all(table, over)
        others = {name: compared.over_all(other, over) for name, other in others.items()}
    return Tabled(DERIVED[name], table, table.notna(), others)


def _discovery_area(removal: pd.DataFrame, compared: Compared) -> pd.DataFrame:
    """Area under removal over |S_f|/|S_m| by the trapezoidal rule, divided by the largest share."""
    areas, curves = {}, [*SCENARIO, "discovery"]
    for names, cells in removal.groupby(curves, sort=False):
        curve = cells.sort_index(level="deletion_fraction")
        start = compared.originals_of(curve).to_numpy()[:1]
        shares = np.array([0.0, *curve.index.get_level_values("deletion_fraction")])
        heights = np.concatenate([start, curve.to_numpy()])
        areas[names] = np.trapezoid(heights, shares, axis=0) / shares[-1]
    index = pd.MultiIndex.from_tuples(areas, names=curves)
    return pd.DataFrame(list(areas.values()), index=index, columns=removal.columns)


def grid_seconds(unlearned: pd.DataFrame) -> pd.DataFrame:
    """Seconds of all candidates of a deletion set, by (cell, method, seed); what they share counts once."""
    alone = unlearned["unlearn_seconds"] - unlearned["preparation_seconds"]
    groups = unlearned.assign(alone=alone).groupby([*CELL, "method", "maker", "seed"], sort=False)
    seconds = groups["alone"].sum() + groups["preparation_seconds"].max()
    return seconds.rename("grid_seconds").reset_index()


def _rows(tabled: Tabled, number: int, compared: Compared) -> Iterator[dict[str, Any]]:
    """The rows of summary.csv about one measure in one place, the table's row of that number."""
    table, what = tabled.values, tabled.what
    names: dict[Any, Any] = dict(zip(table.index.names, table.index.to_flat_index()[number], strict=True))

    def by_line(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        values = frame.iloc[number].to_numpy().reshape(len(compared.lines), -1)
        return dict(zip(compared.lines, values, strict=True))

    values, alive = by_line(table), by_line(tabled.alive)
    if tabled.alive.iloc[number].any() and table.iloc[number].isna().all():  # does not apply here
        return
    others = {name: by_line(other) for name, other in tabled.others.items()}
    place = {names["discovery"]} if "discovery" in names else compared.everywhere
    here = [line for line in compared.lines if compared.runs_on(line) >= place]
    ranks = _ranks({line: values[line] for line in here if line in compared.makers}, what.better == "higher")
    for line, own in values.items():
        method, maker = line if line in compared.makers else "original", compared.maker_of(line)
        known = own[~np.isnan(own)]
        elsewhere = "discovery" in names and line not in here
        timeless = method == "original" and what.unit in ("seconds", "ratio")
        if elsewhere or timeless or (not len(known) and alive[line].any()):
            continue
        low, high = interval(known)
        row = {**names, "maker": maker, "expansion": compared.expansions.get(method), "method": method}
        row |= {"measure": what.name, "unit": what.unit, "seeds": len(known)}
        row |= {"missing_seeds": int((~alive[line]).sum()), "mean": known.mean() if len(known) else math.nan}
        row |= {"low": low, "high": high, "interval": interval_name(len(known))}
        for other, theirs in others.items():
            if other != method:
                both = paired(own, theirs[line])
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

"""Statistics over seeds: intervals, paired differences, ranks, and the measures that sum a method up.

Whatever is said of a method is first computed for every seed by itself, so that all statements are means
over seeds and their uncertainty is that of seeds: other draws, other originals, other initialisations.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

FEWEST_SEEDS = 5
"""Below, no interval: not even the most extreme of n^n resamples is as rare as its bounds have to be."""

RESAMPLES = 20_000

SCENARIO = ["dataset", "model", "manipulation", "n_manipulated"]
CELL = [*SCENARIO, "deletion_fraction"]
DATASET = ["dataset", "model"]

HIGHER_IS_BETTER = {
    "removal_test": True,
    "removal_train": True,
    "utility_test": True,
    "utility_lost_points": False,
    "utility_times_healed": True,
    "utility_times_healed_worst": True,
    "discovery_area": True,
    "unlearn_seconds": False,
    "grid_seconds": False,
    "speedup_over_eu": True,
}
"""What is summed up, and which way round."""

COLUMNS = [
    *CELL,
    "method",
    "measure",
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
    return float(ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.025)))


@lru_cache
def _resampling(n: int) -> np.ndarray:
    """How often each of n values is in each resample, divided by n: (RESAMPLES, n)."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n


def summarise(candidates: pd.DataFrame, selected: pd.DataFrame) -> pd.DataFrame:
    """summary.csv from candidates.csv and selected.csv: a row per (cell, method, measure), see COLUMNS.

    A row without deletion fraction is about the whole discovery curve, one without manipulation about all
    of the dataset. `missing_seeds` counts seeds that have no value, because all candidates diverged
    somewhere. Differences are means over seeds of what a method has more than the other. Accuracies are
    fractions, `utility_lost_points` are percentage points.
    """
    rows = [
        row
        for measure, table in measures(candidates, selected)
        for names, line in _lines(table)
        for row in _rows(measure, line, names)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def measures(candidates: pd.DataFrame, selected: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every measure with its table: a row per cell (or discovery curve, or dataset), a column (method, seed).

    `discovery_area` is the mean height of the removal curve from the original (nothing known) to the
    largest share; `utility_times_healed` multiplies utility by clean-label accuracy on S_m;
    `unlearn_seconds` is a candidate's mean, `grid_seconds` what all candidates of a deletion set take with
    shared statistics computed once.
    """
    originals = candidates[candidates["method"] == "original"].drop(columns="deletion_fraction")
    unlearned = candidates[candidates["method"] != "original"]
    shares = selected[[*CELL]].drop_duplicates()
    everywhere = originals.merge(shares, on=SCENARIO)
    models = pd.concat([everywhere, selected])
    order = ["original", *selected["method"].unique()]

    removal = _table(models, "removal_test", CELL, order)
    utility = _table(models, "utility_test", CELL, order)
    healed = _table(models, "removal_train", CELL, order)
    lost = 100 * (_like("original", utility) - utility)
    product = utility * healed
    area = _discovery_area(removal)
    yield "removal_test", removal
    yield "utility_test", utility
    yield "removal_train", healed
    yield "utility_times_healed", product
    yield "discovery_area", area
    yield "discovery_area", _over(area, "mean")
    yield "utility_times_healed", _over(product, "mean")
    yield "utility_times_healed_worst", _over(product, "min")
    yield "utility_lost_points", _over(lost, "mean")

    alive = unlearned["validation_accuracy"].notna()
    spent = unlearned.assign(unlearn_seconds=unlearned["unlearn_seconds"].where(alive))
    seconds = _table(spent, "unlearn_seconds", DATASET, order[1:])
    yield "unlearn_seconds", seconds
    yield "grid_seconds", _over(_table(grid_seconds(unlearned), "grid_seconds", CELL, order[1:]), "mean")
    if "eu" in order:
        yield "speedup_over_eu", _like("eu", seconds) / seconds


def _table(rows: pd.DataFrame, column: str, index: list[str], methods: list[str]) -> pd.DataFrame:
    """Means of `column` by `index` and (method, seed); NaN where there is none."""
    table = rows.pivot_table(column, index, ["method", "seed"], dropna=False, sort=False)
    wanted = pd.MultiIndex.from_product([methods, sorted(rows["seed"].unique())], names=["method", "seed"])
    return table[table.notna().any(axis=1)].reindex(columns=wanted)


def _like(method: str, table: pd.DataFrame) -> pd.DataFrame:
    """`method`'s columns in the place of every method's."""
    methods = table.columns.unique("method")
    return pd.concat(dict.fromkeys(methods, table[method]), axis=1, names=["method"])


def _over(table: pd.DataFrame, how: str) -> pd.DataFrame:
    """The mean or minimum over all rows of a dataset; NaN for a method and seed that lack one."""
    return table.groupby(DATASET, sort=False).agg(how, skipna=False)


def _discovery_area(removal: pd.DataFrame) -> pd.DataFrame:
    """Area under removal over |S_f|/|S_m| by the trapezoidal rule, divided by the largest share."""
    areas = {}
    for names, cells in removal.groupby(SCENARIO, sort=False):
        curve = cells.sort_index(level="deletion_fraction")
        start = _like("original", curve).to_numpy()[:1]
        shares = np.array([0.0, *curve.index.get_level_values("deletion_fraction")])
        heights = np.concatenate([start, curve.to_numpy()])
        areas[names] = np.trapezoid(heights, shares, axis=0) / shares[-1]
    index = pd.MultiIndex.from_tuples(areas, names=SCENARIO)
    return pd.DataFrame(list(areas.values()), index=index, columns=removal.columns)


def grid_seconds(unlearned: pd.DataFrame) -> pd.DataFrame:
    """Seconds of all candidates of a deletion set, by (cell, method, seed); what they share counts once."""
    alone = unlearned["unlearn_seconds"] - unlearned["preparation_seconds"]
    groups = unlearned.assign(alone=alone).groupby([*CELL, "method", "seed"], sort=False)
    seconds = groups["alone"].sum() + groups["preparation_seconds"].max()
    return seconds.rename("grid_seconds").reset_index()


def _lines(table: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.Series]]:
    """The rows of `table`, each with what names it."""
    names: list[Any] = list(table.index.names)
    for number, place in enumerate(table.index.to_flat_index()):
        yield dict(zip(names, place, strict=True)), table.iloc[number]


def _rows(measure: str, line: pd.Series, names: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of summary.csv about one measure in one place; `line` is indexed by (method, seed)."""
    values = {method: line[method].to_numpy(dtype=float) for method in line.index.unique("method")}
    ranks = _ranks({m: v for m, v in values.items() if m != "original"}, HIGHER_IS_BETTER[measure])
    for method, own in values.items():
        known = own[~np.isnan(own)]
        low, high = interval(known)
        row: dict[str, Any] = {**names, "method": method, "measure": measure, "seeds": len(known)}
        row |= {"missing_seeds": len(own) - len(known), "mean": known.mean() if len(known) else math.nan}
        row |= {"low": low, "high": high, "interval": interval_name(len(known))}
        for other in ("original", "eu"):
            if other in values and other != method:
                both = paired(own, values[other])
                low, high = interval(both)
                row[f"difference_to_{other}"] = both.mean() if len(both) else math.nan
                row |= {f"difference_to_{other}_low": low, f"difference_to_{other}_high": high}
        row["best_rank"], row["worst_rank"] = ranks.get(method, (math.nan, math.nan))
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
    complete = {method: own for method, own in values.items() if not np.isnan(own).any()}
    if len(complete) < 2 or len(next(iter(complete.values()))) < FEWEST_SEEDS:
        return {}
    sign = 1 if higher_is_better else -1
    ranks = {}
    for method, own in complete.items():
        bounds = [interval(sign * (other - own)) for name, other in complete.items() if name != method]
        better = sum(low > 0 for low, _ in bounds)
        worse = sum(high < 0 for _, high in bounds)
        ranks[method] = (1.0 + better, float(len(complete) - worse))
    return ranks

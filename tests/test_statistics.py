"""Intervals against scipy and closed forms, summary measures against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from made_up import margin, noise, results
from scipy import stats
from sklearn.metrics import auc

from redress.formats.measures import measures
from redress.referee import statistics
from redress.referee.statistics import COLUMNS, DERIVED, FEWEST_SEEDS, interval, spread, tail

STANDARD = measures()
SCENARIO = {"dataset": "digits", "model": "resnet9", "manipulation": "poison", "n_manipulated": 60}


def tables(
    values,
    seeds=(0, 1),
    original=(0.1, 0.9, 0.2),
    scenario=SCENARIO,
    seconds=None,
    maker="standard",
    failed=(),
    **names,
):
    """candidates.csv and selected.csv with one candidate each; of measures only three have values.

    `values` maps a method to {share: (removal, utility, healed)} or to a function of the seed. `names` are
    `discovery` and `expansion`, `failed` the seeds in which the attack did.
    """
    columns = ("removal_test", "utility_test", "removal_train")

    def row(method, seed, share, measured, duration=(math.nan, math.nan), **names):
        alive = math.nan if math.isnan(measured[0]) else 0.9
        names = {"discovery": None, "expansion": None, **names}
        names |= {**scenario, "maker": maker, "method": method, "seed": seed, "deletion_fraction": share}
        times = dict(zip(("unlearn_seconds", "preparation_seconds"), duration, strict=True))
        times |= {"trial_seconds": math.nan}
        found = {**dict.fromkeys(STANDARD, math.nan), **dict(zip(columns, measured, strict=True))}
        attack = "failed" if seed in failed else "took"
        return {**names, **found, "validation_accuracy": alive, **times, "attack": attack}

    originals = [row("original", seed, math.nan, original) for seed in seeds]
    selected = [
        row(
            method,
            seed,
            share,
            measured,
            (seconds or {}).get(method, (1.0, 0.0)),
            **{"discovery": "uniform", **names},
        )
        for method, curve in values.items()
        for seed in seeds
        for share, measured in (curve(seed) if callable(curve) else curve).items()
    ]
    return pd.DataFrame(originals + selected), pd.DataFrame(selected)


def joined(*parts):
    """Several of these in one; rows that are there twice, as originals are, count once."""
    return tuple(pd.concat(part).drop_duplicates() for part in zip(*parts, strict=True))


def summarise(candidates, selected, makers=("standard",)):
    return statistics.summarise(candidates, selected, STANDARD, makers)


def only(summary, measure, method, **where):
    """The one row of `measure` and `method`; what is not named is empty."""
    rows = summary[(summary["measure"] == measure) & (summary["method"] == method)]
    for column in ("manipulation", "n_manipulated", "discovery", "deletion_fraction"):
        wanted = where.get(column)
        rows = rows[rows[column].isna() if wanted is None else rows[column] == wanted]
    if "maker" in where:
        rows = rows[rows["maker"] == where["maker"]]
    (row,) = rows.to_dict("records")
    return row


CURVE = {"manipulation": "poison", "n_manipulated": 60, "discovery": "uniform"}


CURVES = {
    "eu": {0.5: (0.2, 0.8, 0.5), 1.0: (1.0, 0.9, 1.0)},
    "ssd": {0.5: (0.7, 0.6, 0.5), 1.0: (0.6, 0.5, 0.4)},
}


def test_the_interval_is_scipys_percentile_bootstrap_at_the_expanded_level():
    values = np.array([0.31, 0.35, 0.4, 0.42, 0.55, 0.56, 0.7, 0.93])
    n = len(values)
    share = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1))
    assert tail(n) == pytest.approx(share)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=1 - 2 * share,
        n_resamples=200_000,
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    assert interval(values) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_the_interval_of_zeros_and_a_one_has_binomial_quantiles():
    values = np.array([0.0] * 7 + [1.0])
    quantiles = stats.binom.ppf([tail(8), 1 - tail(8)], n=8, p=1 / 8) / 8
    assert interval(values) == pytest.approx(tuple(quantiles))


def test_intervals_hold_the_true_mean_about_as_often_as_they_say():
    generator = np.random.default_rng(3)
    for n, least in ((FEWEST_SEEDS, 0.91), (10, 0.93)):
        bounds = [interval(generator.normal(size=n)) for _ in range(1000)]
        assert least < np.mean([low <= 0 <= high for low, high in bounds]) < 0.97


def test_there_are_too_few_seeds_where_resampling_cannot_reach_the_bounds():
    assert tail(FEWEST_SEEDS - 1) < (FEWEST_SEEDS - 1) ** -(FEWEST_SEEDS - 1.0)
    assert all(n ** -float(n) < tail(n) for n in range(FEWEST_SEEDS, 40))
    assert all(math.isnan(bound) for bound in interval(np.arange(FEWEST_SEEDS - 1.0)))
    assert not any(math.isnan(bound) for bound in interval(np.arange(float(FEWEST_SEEDS))))


def test_what_is_drawn_around_a_mean_is_the_range_where_seeds_are_too_few():
    assert spread(np.array([0.3, 0.1, 0.2])) == (0.1, 0.3)
    values = np.arange(6.0)
    assert spread(values) == interval(values)


def test_summary_measures_by_hand():
    summary = summarise(*tables(CURVES))
    assert list(summary.columns) == COLUMNS

    def mean(measure, method):
        return only(summary, measure, method)["mean"]

    # Trapezoids from (0, 0.1), where nothing is known, to (0.5, 0.2) and (1, 1).
    assert mean("discovery_area", "eu") == pytest.approx(0.5 * 0.15 + 0.5 * 0.6)
    assert mean("discovery_area", "ssd") == pytest.approx(auc([0, 0.5, 1], [0.1, 0.7, 0.6]))
    assert mean("discovery_area", "original") == pytest.approx(0.1)
    assert mean("utility_times_healed", "eu") == pytest.approx((0.8 * 0.5 + 0.9 * 1.0) / 2)
    assert mean("utility_times_healed_worst", "ssd") == pytest.approx(0.5 * 0.4)
    assert mean("utility_lost_points", "ssd") == pytest.approx(100 * ((0.9 - 0.6) + (0.9 - 0.5)) / 2)
    assert mean("utility_lost_points", "original") == 0


def test_the_area_is_that_of_the_known_part_of_the_curve():
    curves = {"cf": {0.25: (0.3, 0.9, 0.5), 0.5: (0.5, 0.9, 0.5)}}
    summary = summarise(*tables(curves))
    area = only(summary, "discovery_area", "cf", **CURVE)["mean"]
    assert area == pytest.approx((0.25 * 0.2 + 0.25 * 0.4) / 0.5)


def test_all_manipulations_of_a_dataset_weigh_by_their_cells():
    confusion = {**SCENARIO, "manipulation": "interclass", "n_manipulated": 120}
    parts = [tables(CURVES), tables({"eu": {1.0: (0.5, 0.5, 0.2)}}, scenario=confusion)]
    summary = summarise(*joined(*parts))
    row = only(summary, "utility_times_healed", "eu")
    assert row["mean"] == pytest.approx((0.4 + 0.9 + 0.1) / 3)
    assert only(summary, "utility_times_healed_worst", "eu")["mean"] == pytest.approx(0.1)
    # ssd has no result under confusion: no mean over what it happens to have.
    row = only(summary, "utility_times_healed", "ssd")
    assert math.isnan(row["mean"])
    assert (row["seeds"], row["missing_seeds"]) == (0, 2)


def test_differences_are_paired_by_seed():
    # Seeds differ by far more than methods: only paired is the difference certain.
    def shifted(gain):
        return lambda seed: {1.0: (0.1 * seed + gain, 0.9, 0.5)}

    curves = {
        "eu": shifted(0.1),
        "ssd": lambda seed: {1.0: (0.1 * seed + 0.13 + 0.01 * (seed % 2), 0.9, 0.5)},
    }
    summary = summarise(*tables(curves, seeds=range(6)))
    row = only(summary, "removal_test", "ssd", deletion_fraction=1.0, **CURVE)
    by_seed = np.array([0.03, 0.04] * 3)
    assert row["difference_to_eu"] == pytest.approx(by_seed.mean())
    bounds = (row["difference_to_eu_low"], row["difference_to_eu_high"])
    assert bounds == pytest.approx(interval(by_seed))
    assert bounds[0] > 0
    assert row["low"] < 0.3 < row["high"]
    assert row["interval"] == "95 % bootstrap"
    assert row["difference_to_original"] == pytest.approx(0.25 + 0.135 - 0.1)
    assert (row["best_rank"], row["worst_rank"]) == (1, 1)


def test_ranks_are_given_only_as_far_as_intervals_allow():
    def noisy(mean, noise):
        return lambda seed: {1.0: (0.5, mean + noise * (-1) ** seed, 1.0)}

    curves = {
        "eu": noisy(0.9, 0.0),
        "cf": noisy(0.7, 0.05),
        "ssd": noisy(0.71, 0.0),
        "scrub": noisy(0.2, 0.0),
    }
    summary = summarise(*tables(curves, seeds=range(6)))
    ranks = {
        method: (row["best_rank"], row["worst_rank"])
        for method in curves
        for row in [only(summary, "utility_times_healed", method)]
    }
    assert ranks == {"eu": (1, 1), "cf": (2, 3), "ssd": (2, 3), "scrub": (4, 4)}
    lost = only(summary, "utility_lost_points", "scrub")
    assert (lost["best_rank"], lost["worst_rank"]) == (4, 4), "losing less is better"


def test_few_seeds_have_neither_intervals_nor_ranks_and_say_so():
    row = only(summarise(*tables(CURVES)), "utility_times_healed", "ssd")
    assert row["interval"] == "none: 2 of at least 5 seeds"
    for column in ("low", "high", "difference_to_eu_low", "best_rank", "worst_rank"):
        assert math.isnan(row[column]), column
    assert row["difference_to_eu"] == pytest.approx(0.25 - 0.65)


def test_a_seed_without_a_result_is_counted_as_missing_and_makes_no_rank():
    nothing = (math.nan,) * 3
    curves = {
        "eu": {1.0: (1.0, 0.9, 1.0)},
        "cf": {1.0: (0.8, 0.9, 0.9)},
        "scrub": lambda seed: {1.0: nothing if seed == 2 else (0.5, 0.5, 0.5)},
    }
    summary = summarise(*tables(curves, seeds=range(6)))
    row = only(summary, "utility_times_healed", "scrub")
    assert (row["seeds"], row["missing_seeds"], row["mean"]) == (5, 1, pytest.approx(0.25))
    assert math.isnan(row["best_rank"])
    assert only(summary, "utility_times_healed", "cf")["worst_rank"] == 2


def test_seconds_of_one_run_of_the_whole_grid_and_speed_up():
    candidates, selected = tables(CURVES, seconds={"eu": (12.0, 0.0), "ssd": (3.0, 2.0)})
    # A second candidate of ssd for each deletion set: its shared part is not spent again.
    again = candidates[candidates["method"] == "ssd"].assign(unlearn_seconds=5.0)
    summary = summarise(pd.concat([candidates, again]), selected)
    assert only(summary, "unlearn_seconds", "ssd")["mean"] == pytest.approx((3 + 5) / 2)
    assert only(summary, "grid_seconds", "ssd")["mean"] == pytest.approx((3 - 2) + (5 - 2) + 2)
    assert only(summary, "speedup_over_eu", "ssd")["mean"] == pytest.approx(12 / 4)
    assert only(summary, "speedup_over_eu", "eu")["mean"] == 1


def test_without_eu_there_is_no_comparison_with_it():
    summary = summarise(*tables({"ssd": CURVES["ssd"]}))
    assert summary["difference_to_eu"].isna().all()
    assert "speedup_over_eu" not in set(summary["measure"])


def test_the_order_of_rows_changes_nothing():
    candidates, selected = tables(CURVES, seeds=range(6))
    shuffled = selected.sample(frac=1, random_state=1), candidates.sample(frac=1, random_state=2)
    keys = ["method", "measure", "manipulation", "deletion_fraction"]
    one = summarise(candidates, selected).sort_values(keys, ignore_index=True)
    other = summarise(shuffled[1], shuffled[0]).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(one, other)


# Makers, discoveries, expansions, and measures of any kind


def test_every_row_has_its_unit():
    summary = summarise(*tables(CURVES))
    units = dict(zip(summary["measure"], summary["unit"], strict=True))
    assert {units[name] for name in ("removal_test", "utility_test", "validation_accuracy")} == {"fraction"}
    assert {name: units[name] for name in DERIVED} == {
        "utility_times_healed": "fraction",
        "utility_times_healed_worst": "fraction",
        "discovery_area": "fraction",
        "utility_lost_points": "points",
        "unlearn_seconds": "seconds",
        "speedup_over_eu": "ratio",
        "grid_seconds": "seconds",
    }


def test_a_method_is_compared_with_the_original_that_it_started_from():
    brought = tables({"other": {1.0: (0.9, 0.7, 0.8)}}, original=(0.6, 0.8, 0.5), maker="given")
    summary = summarise(*joined(tables(CURVES), brought), makers=("standard", "given"))
    cell = {**CURVE, "deletion_fraction": 1.0}
    for method, maker, gained in (("eu", "standard", 0.9), ("other", "given", 0.3)):
        row = only(summary, "removal_test", method, **cell)
        assert (row["maker"], row["difference_to_original"]) == (maker, pytest.approx(gained))
    assert only(summary, "removal_test", "other", **cell)["difference_to_eu"] == pytest.approx(-0.1)
    originals = summary.query("method == 'original' and measure == 'removal_test' and deletion_fraction == 1")
    assert dict(zip(originals["maker"], originals["mean"], strict=True)) == {"standard": 0.1, "given": 0.6}


def test_the_curve_of_a_method_starts_at_its_own_original():
    shares = {0.5: (0.8, 0.7, 0.8), 1.0: (1.0, 0.7, 0.8)}
    brought = tables({"other": shares}, original=(0.6, 0.8, 0.5), maker="given")
    summary = summarise(*joined(tables(CURVES), brought), makers=("standard", "given"))
    assert only(summary, "discovery_area", "other")["mean"] == pytest.approx(auc([0, 0.5, 1], [0.6, 0.8, 1]))
    assert only(summary, "utility_lost_points", "other")["mean"] == pytest.approx(10)
    assert only(summary, "discovery_area", "eu")["mean"] == pytest.approx(0.5 * 0.15 + 0.5 * 0.6)


def test_discoveries_are_cells_of_their_own():
    found, biased = ({"eu": {1.0: (removal, 0.9, 1.0)}} for removal in (1.0, 0.4))
    summary = summarise(*joined(tables(found), tables(biased, discovery="biased")))
    for discovery, removal in (("uniform", 1.0), ("biased", 0.4)):
        where = {**CURVE, "discovery": discovery}
        assert only(summary, "removal_test", "eu", deletion_fraction=1.0, **where)["mean"] == removal
        assert only(summary, "discovery_area", "eu", **where)["mean"] == pytest.approx((removal + 0.1) / 2)
    assert only(summary, "discovery_area", "eu")["mean"] == pytest.approx((0.55 + 0.25) / 2)


def test_a_method_counts_where_it_runs_and_is_ranked_where_all_do():
    both = {"eu": {1.0: (1.0, 0.9, 1.0)}, "cf": {1.0: (0.5, 0.8, 0.5)}}
    some = {**both, "ssd": {1.0: (0.7, 0.5, 0.8)}}
    seeds = range(6)
    summary = summarise(*joined(tables(both, seeds), tables(some, seeds, discovery="biased")))
    overall = only(summary, "utility_times_healed", "ssd")
    assert (overall["mean"], overall["missing_seeds"]) == (pytest.approx(0.4), 0)
    assert math.isnan(overall["best_rank"])
    assert [only(summary, "utility_times_healed", method)["best_rank"] for method in both] == [1, 2]
    there = {**CURVE, "discovery": "biased", "deletion_fraction": 1.0}
    assert only(summary, "removal_test", "ssd", **there)["best_rank"] == 2
    assert not len(summary.query("method == 'ssd' and discovery == 'uniform'"))
    # EU where ssd runs, not everywhere.
    assert overall["difference_to_eu"] == pytest.approx(0.4 - 0.9)


def test_a_grown_deletion_set_is_compared_with_the_plain_one():
    grown = tables({"eu_grown": {1.0: (0.6, 0.9, 0.6)}}, expansion="neighbours")
    summary = summarise(*joined(tables({"eu": {1.0: (0.4, 0.9, 0.4)}}), grown))
    row = only(summary, "removal_test", "eu_grown", deletion_fraction=1.0, **CURVE)
    assert (row["expansion"], row["difference_to_eu"]) == ("neighbours", pytest.approx(0.2))
    assert only(summary, "utility_times_healed", "eu_grown")["expansion"] == "neighbours"
    assert pd.isna(only(summary, "utility_times_healed", "eu")["expansion"])


def test_a_measure_that_somebody_adds_is_summed_up_in_its_direction():
    def measured(method, settings, place):
        height = {"original": 1.0, "eu": 3.5}.get(method, 20)
        return {**noise(method, settings, place), "margin": height + place["seed"]}

    summary = results(extra=[margin], measure=measured, seeds=range(5), manipulations=("poison",)).summary
    where = {**CURVE, "n_manipulated": 20, "deletion_fraction": 1.0}
    row = only(summary, "margin", "eu", **where)
    assert (row["unit"], row["mean"], row["difference_to_original"]) == ("points", 5.5, 2.5)
    assert row["best_rank"] == row["worst_rank"] == 3
    assert only(summary, "margin", "original", **where)["mean"] == 3


def test_what_does_not_apply_has_no_row():
    summary = results(clean_label=("interclass",)).summary
    rows = summary[summary["measure"].isin(["deletion_change", "attack_success_rate"])]
    assert set(rows["manipulation"]) == {"poison"}
    # Nobody is undiscovered where all are known; the original has been told of none.
    rows = summary.query("measure == 'removal_train_undiscovered' and deletion_fraction == 1")
    assert set(rows["method"]) == {"original"}


@pytest.mark.parametrize("alive", ["methods", "nothing"])
def test_where_originals_diverged_there_are_rows_without_values(alive):
    nothing = (math.nan,) * 3
    curves = CURVES if alive == "methods" else {method: {0.5: nothing, 1.0: nothing} for method in CURVES}
    summary = summarise(*tables(curves, original=nothing))
    for measure in ("utility_times_healed", "discovery_area", "utility_lost_points"):
        row = only(summary, measure, "original")
        assert (row["seeds"], row["missing_seeds"]) == (0, 2)
        assert math.isnan(row["mean"])
    mean = only(summary, "utility_times_healed", "eu")["mean"]
    assert math.isnan(mean) if alive == "nothing" else mean == pytest.approx((0.8 * 0.5 + 0.9) / 2)
    assert math.isnan(only(summary, "utility_lost_points", "eu")["mean"])
    cell = only(summary, "removal_test", "original", deletion_fraction=0.5, **CURVE)
    assert (cell["seeds"], cell["missing_seeds"]) == (0, 2)


def test_a_cell_where_nothing_survived_is_not_left_out_of_the_mean():
    nothing = (math.nan,) * 3
    summary = summarise(*tables({"eu": {0.5: nothing, 1.0: (1.0, 0.9, 1.0)}}, original=nothing))
    row = only(summary, "utility_times_healed", "eu")
    assert (row["seeds"], row["missing_seeds"]) == (0, 2)


# Attacks that failed, and bounds


def test_an_original_on_which_the_attack_failed_counts_in_nothing():
    def curve(seed):
        return {1.0: (0.1 * seed, 0.9, 0.5 + seed / 100)}

    curves = {"eu": curve, "ssd": lambda seed: {1.0: (0.1 * seed + 0.05, 0.8, 0.6)}}
    with_failed = summarise(*tables(curves, seeds=range(8), failed=(2, 5)))
    without = summarise(*tables(curves, seeds=(0, 1, 3, 4, 6, 7)))
    assert set(with_failed.pop("failed_seeds")) == {2}
    assert set(without.pop("failed_seeds")) == {0}
    pd.testing.assert_frame_equal(with_failed, without, check_exact=True)


def test_where_it_failed_in_all_seeds_there_are_rows_without_values():
    names = ["method", "measure", "discovery", "deletion_fraction"]
    failed, took = (summarise(*tables(CURVES, failed=seeds)) for seeds in ((0, 1), ()))
    pd.testing.assert_frame_equal(failed[names], took[names])
    assert set(zip(failed["seeds"], failed["missing_seeds"], failed["failed_seeds"], strict=True)) == {
        (0, 0, 2)
    }
    assert failed.loc[:, "mean":"high"].isna().all(axis=None)
    assert failed.loc[:, "difference_to_original":].isna().all(axis=None)


SECOND = {**SCENARIO, "manipulation": "interclass"}


def test_a_mean_over_cells_is_over_those_in_which_the_attack_took_in_that_seed():
    # By seed: both cells, the first alone, the second alone, none.
    first = tables({"eu": lambda seed: {1.0: (1.0, 1.0, 0.8)}}, seeds=range(4), failed=(2, 3))
    second = tables(
        {"eu": lambda seed: {1.0: (1.0, 1.0, 0.4)}}, seeds=range(4), failed=(1, 3), scenario=SECOND
    )
    summary = summarise(*joined(first, second))
    row = only(summary, "utility_times_healed", "eu")
    assert row["mean"] == pytest.approx((0.6 + 0.8 + 0.4) / 3)
    assert (row["seeds"], row["missing_seeds"], row["failed_seeds"]) == (3, 0, 1)
    assert only(summary, "utility_times_healed_worst", "eu")["mean"] == pytest.approx((0.4 + 0.8 + 0.4) / 3)
    assert row["difference_to_original"] == pytest.approx(0.6 - 0.18)  # the same cells
    # A cell that has no value for another reason is not left out.
    nothing = (math.nan,) * 3
    first = tables({"eu": lambda seed: {1.0: nothing if seed == 1 else (1.0, 1.0, 0.8)}}, seeds=range(4))
    summary = summarise(*joined(first, second))
    row = only(summary, "utility_times_healed", "eu")
    assert (row["seeds"], row["missing_seeds"], row["failed_seeds"]) == (3, 1, 0)
    assert row["mean"] == pytest.approx((0.6 + 0.6 + 0.8) / 3)


def test_lines_of_two_makers_are_compared_where_the_attack_took_on_both():
    standard = tables({"eu": lambda seed: {1.0: (0.4, 0.9, 0.1 * seed)}}, seeds=range(7), failed=(6,))
    given = tables({"other": {1.0: (0.9, 0.8, 0.5)}}, seeds=range(7), failed=(0,), maker="given")
    summary = summarise(*joined(standard, given), makers=("standard", "given"))
    row = only(summary, "removal_train", "other", deletion_fraction=1.0, **CURVE)
    assert (row["seeds"], row["failed_seeds"]) == (6, 1)
    assert row["difference_to_eu"] == pytest.approx(0.5 - 0.3)  # seeds 1 to 5
    assert row["difference_to_original"] == pytest.approx(0.5 - 0.2)
    assert (row["best_rank"], row["worst_rank"]) == (1, 1)
    # On none of its originals: the other one is ranked without it, that is not at all.
    given = tables({"other": {1.0: (0.9, 0.8, 0.5)}}, seeds=range(7), failed=range(7), maker="given")
    third = tables({"cf": {1.0: (0.1, 0.1, 0.1)}}, seeds=range(7), failed=(6,))
    summary = summarise(*joined(standard, third, given), makers=("standard", "given"))
    ranks = {name: only(summary, "utility_times_healed", name)["best_rank"] for name in ("eu", "cf", "other")}
    assert (ranks["eu"], ranks["cf"]) == (1, 2)
    assert math.isnan(ranks["other"])


def bounds(*products, scenario=SCENARIO, maker="standard"):
    """Rows of one bound, whose utility is full."""
    rows = [{**scenario, "maker": maker, "seed": seed, "utility_test": 1.0} for seed in range(len(products))]
    return pd.DataFrame(rows).assign(removal_train=products)


def test_shares_of_the_bound_by_hand():
    candidates, selected = joined(tables(CURVES), tables({"eu": {1.0: (1, 1, 0.2)}}, scenario=SECOND))
    bound = pd.concat([bounds(1.0, 0.5), bounds(0.4, 0.4, scenario=SECOND)])
    summary = statistics.summarise(candidates, selected, STANDARD, ("standard",), bound)
    cell = only(summary, "share_of_bound", "eu", deletion_fraction=0.5, **CURVE)
    assert (cell["mean"], cell["unit"]) == (pytest.approx((0.4 / 1 + 0.4 / 0.5) / 2), "fraction")
    # Over cells: (0.4 + 0.9 + 0.5) / 3 and (0.8 + 1.8 + 0.5) / 3; their least are 0.4 and 0.5.
    assert only(summary, "share_of_bound", "eu")["mean"] == pytest.approx((1.8 / 3 + 3.1 / 3) / 2)
    assert only(summary, "share_of_bound_worst", "eu")["mean"] == pytest.approx(0.45)
    original = only(summary, "share_of_bound", "original", deletion_fraction=0.5, **CURVE)
    assert original["mean"] == pytest.approx((0.18 + 0.36) / 2)
    plain = statistics.summarise(candidates, selected, STANDARD, ("standard",))
    rest = summary[~summary["measure"].str.startswith("share_of_bound")].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, plain)


@pytest.mark.parametrize("broken", [math.nan, 0.0])
def test_a_seed_whose_bound_has_no_value_is_missing(broken):
    candidates, selected = tables(CURVES)
    bound = bounds(0.5, broken)
    row = only(
        statistics.summarise(candidates, selected, STANDARD, ("standard",), bound), "share_of_bound", "eu"
    )
    assert (row["seeds"], row["missing_seeds"]) == (1, 1)

"""What the results say, in sentences made from the tables."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from redress.referee.statistics import FEWEST_SEEDS
from redress.report.attack import failed, remark
from redress.report.reading import SCENARIO, groups, percent_of, scenarios
from redress.report.shown import Shown

CELL = [*SCENARIO, "discovery", "deletion_fraction"]


def headline(candidates: pd.DataFrame, summary: pd.DataFrame, shown: Shown) -> list[str]:
    """The main findings: who repairs best where, and by how much the best differs from training again."""
    return [
        *_diverged(candidates, shown),
        *_failed(candidates, shown),
        *_who_leads(summary, shown),
        *_overall(summary, shown),
    ]


def of_scenarios(
    candidates: pd.DataFrame, summary: pd.DataFrame, shown: Shown
) -> Iterator[tuple[str, list[str]]]:
    """For every scenario and discovery its name and what comes out at the least and the largest S_f."""
    originals = candidates[candidates["method"] == "original"]
    cells = summary[summary["deletion_fraction"].notna()]
    several = cells["discovery"].nunique() > 1
    for (dataset, manipulation, n, discovery), rows in groups(cells, [*SCENARIO, "discovery"]):
        name = f"{shown.datasets[dataset]}, {manipulation}, {int(n):,} manipulated samples"
        name += f", {discovery} discovery" if several else ""
        here = originals[(originals[SCENARIO] == [dataset, manipulation, n]).all(axis=1)]
        without = remark(here, shown)
        name += f" ({without})" if without else ""
        if len(here) and failed(here).all():
            yield name, ["There was nothing to repair."]
            continue
        shares = sorted({rows["deletion_fraction"].min(), rows["deletion_fraction"].max()})
        yield name, [_of_cell(rows[rows["deletion_fraction"] == share], share, shown) for share in shares]


def _split(rows: pd.DataFrame) -> pd.DataFrame:
    """The methods in rows about one measure in one place, with what their own original has: `original`."""
    own = rows[rows["method"] == "original"].set_index("maker")["mean"]
    methods = rows[(rows["method"] != "original") & rows["mean"].notna()]
    return methods.assign(original=methods["maker"].map(own)).sort_values("mean")


def _repairs(methods: pd.DataFrame) -> bool:
    """Whether one is above its original, as far as that is known."""
    return not (methods["mean"] <= methods["original"]).all()


def _no_method(best: pd.Series, what: str, shown: Shown) -> str:
    label, has, own = shown.styles[best["method"]].label, percent(best["mean"]), percent(best["original"])
    if len(shown.makers) == 1:
        return f"no method is above the original model's {own} {what}; the best, {label}, has {has}"
    return f"no method is above its original model {what}; the best, {label}, has {has}, its original {own}"


def _original(row: pd.Series, shown: Shown) -> str:
    """What a method's original is called in a sentence."""
    return "the original model" + ("" if row["maker"] == shown.makers[0] else f" made by {row['maker']}")


def _diverged(candidates: pd.DataFrame, shown: Shown) -> Iterator[str]:
    """Which original models have no results, for nothing else can be understood without that."""
    originals = candidates[candidates["method"] == "original"]
    dead = originals[originals["validation_accuracy"].isna()]
    for (*scenario, maker), own in groups(dead, [*SCENARIO, "maker"]):
        total = (originals[[*SCENARIO, "maker"]] == [*scenario, maker]).all(axis=1).sum()
        made = f", made by {maker}," if originals["maker"].nunique() > 1 else ""
        where = f" in {_seeds(own['seed'])}" if len(own) < total else " in every seed" if total > 1 else ""
        yield (
            f"The original model of {shown.scenario(*scenario)}{made} diverged{where}: it has no accuracies, "
            "and what was unlearned from it cannot be compared with it."
        )


def _failed(candidates: pd.DataFrame, shown: Shown) -> Iterator[str]:
    """Which attacks did no harm."""
    originals = candidates[candidates["method"] == "original"]
    for scenario, own in scenarios(originals):
        said = remark(own, shown)
        if said:
            all_of_it = failed(own).all()
            left_out = (
                "there was nothing to repair, and no number of it says anything of a method"
                if all_of_it
                else "there was nothing to repair then, and means are over the other seeds"
            )
            yield f"{shown.scenario(*scenario)}: {said}; {left_out}."


def _seeds(seeds: Iterable[int]) -> str:
    numbers = [str(seed) for seed in sorted(seeds)]
    return f"seed{'s' if len(numbers) > 1 else ''} {enumeration(numbers)}"


def _who_leads(summary: pd.DataFrame, shown: Shown) -> Iterator[str]:
    cells = summary[(summary["measure"] == "removal_test") & summary["deletion_fraction"].notna()]
    known = cells[(cells["method"] != "original") & cells["mean"].notna()]
    if known["method"].nunique() < 2:
        return
    leaders: Counter[tuple[str, ...]] = Counter()
    for _, cell in groups(cells, CELL):
        methods = _split(cell)
        if len(methods):
            highest = set(methods.loc[methods["mean"] > methods["mean"].max() - 1e-9, "method"])
            tied = tuple(method for method in cell["method"] if method in highest)
            leaders[tied if _repairs(methods) else ()] += 1
    total, fruitless = leaders.total(), leaders.pop((), 0)
    by = "size, discovery and known share" if known["discovery"].nunique() > 1 else "size and known share"
    where = f"combination{'s' if total > 1 else ''} of manipulation, {by}"
    if not leaders:
        everywhere = "the one" if total == 1 else f"all {total}"
        yield f"No method is above the original model on affected test images in {everywhere} {where}."
        return
    ((first, count), *others) = leaders.most_common()

    def named(tied: tuple[str, ...]) -> str:
        return enumeration([shown.styles[method].label for method in tied])

    verb = "has" if len(first) == 1 else "share"
    start = f"{named(first)} {verb} the highest accuracy on affected test images in"
    rest = [f"{named(tied)} in {number}" for tied, number in others]
    rest += [f"no method is above the original model in {fruitless}"] if fruitless else []
    if not rest:
        yield f"{start} {'the one' if total == 1 else f'all {total}'} {where}."
    else:
        opening = "No method repairs best everywhere: " if others else ""
        yield f"{opening}{start} {count} of {total} {where}, {enumeration(rest)}."


def _overall(summary: pd.DataFrame, shown: Shown) -> Iterator[str]:
    """The best method over all cells, of those that run on every deletion set."""
    partial = set(partly_run(summary))
    rows = summary[(summary["measure"] == "utility_times_healed") & summary["manipulation"].isna()]
    for dataset, own in groups(rows, "dataset"):
        methods = _split(own)
        methods = methods[~methods["method"].isin(partial)]
        if not len(methods):
            continue
        where = f" on {shown.datasets[dataset]}" if rows["dataset"].nunique() > 1 else ""
        best, original = methods.iloc[-1], _original(methods.iloc[-1], shown)
        label = shown.styles[best["method"]].label
        if not _repairs(methods):
            what = "in utility times accuracy on the manipulated training images"
            yield f"On average{where}, {_no_method(best, what, shown)}."
            continue
        against_eu = best["method"] != "eu" and not math.isnan(best["difference_to_eu"])
        compared = (
            _difference(best, "eu", "training again from scratch")
            if against_eu
            else _difference(best, "original", original)
        )
        # No method is surely better than one whose rank may be 1; EU has been spoken of.
        spoken_of = {best["method"], "eu"} if against_eu else {best["method"]}
        rivals = [name for name in methods.loc[methods["best_rank"] == 1, "method"] if name not in spoken_of]
        as_good = enumeration([shown.styles[name].label for name in reversed(rivals)]) if rivals else ""
        doubt = f"; {as_good} cannot be told apart from it" if rivals else ""
        yield (
            f"On average{where}, {label} is best at repairing without harm: utility times accuracy on the "
            f"manipulated training images is {percent(best['mean'])}, {compared}{doubt}."
        )


def partly_run(summary: pd.DataFrame) -> dict[str, list[str]]:
    """The methods that run on some discoveries only, and on which."""
    cells = summary[summary["discovery"].notna() & (summary["method"] != "original")]
    everywhere = cells["discovery"].nunique()
    runs_on = {method: list(own["discovery"].unique()) for method, own in groups(cells, "method")}
    return {method: own for method, own in runs_on.items() if len(own) < everywhere}


def _of_cell(rows: pd.DataFrame, share: float, shown: Shown) -> str:
    methods = _split(rows[rows["measure"] == "removal_test"]).set_index("method", drop=False)
    utility = _split(rows[rows["measure"] == "utility_test"]).set_index("method")
    start = f"With {percent_of(share)} known"
    if not len(methods):
        return f"{start}, no method has a result."
    name, best, original = methods.index[-1], methods.iloc[-1], _original(methods.iloc[-1], shown)
    label = shown.styles[name].label
    if not _repairs(methods):
        return f"{start}, {_no_method(best, 'on affected test images', shown)}."
    gained = _difference(best, "original", original)
    sentences = [f"{start}, {label} is best on affected test images: {percent(best['mean'])}, {gained}."]
    if name != "eu" and "eu" in methods.index:
        sentences.append(f"{shown.styles['eu'].label} has {percent(methods.loc['eu', 'mean'])}.")
    lost = 100 * (utility["original"] - utility["mean"]).get(name, math.nan)
    if abs(lost) < 0.05:
        sentences.append("Unaffected test images keep their accuracy.")
    elif not math.isnan(lost):
        change = "loses" if lost > 0 else "gains"
        sentences.append(f"Accuracy on unaffected test images {change} {abs(lost):.1f} points.")
    return " ".join(sentences)


def _difference(row: pd.Series, other: str, name: str) -> str:
    """For instance `71.4 points above the original model (95 % interval 60.2 to 80.1)`."""
    difference, low, high = (100 * row[f"difference_to_{other}{part}"] for part in ("", "_low", "_high"))
    text = f"{abs(difference):.1f} points {'above' if difference >= 0 else 'below'} {name}"
    if math.isnan(difference):
        return f"not comparable with {name}, which has no result"
    if math.isnan(low):
        seeds = int(row["seeds"])
        if seeds >= FEWEST_SEEDS:
            return f"{text} (too few common seeds for an interval)"
        return f"{text} ({seeds} seed{'s' if seeds != 1 else ''}, too few for an interval)"
    if low <= 0 <= high:
        return f"{text} (95 % interval {low:+.1f} to {high:+.1f}: they cannot be told apart)"
    low, high = sorted((abs(low), abs(high)))
    return f"{text} (95 % interval {low:.1f} to {high:.1f})"


def absent(
    candidates: pd.DataFrame,
    selected: pd.DataFrame,
    not_applying: Sequence[Mapping[str, str]],
    shown: Shown,
) -> Iterator[str]:
    """What a reader might look for and will not find, and why."""
    labels = {method: style.label for method, style in shown.styles.items()}
    seeds = candidates["seed"].nunique()
    if seeds < FEWEST_SEEDS:
        drawn = "charts show the range over seeds instead" if seeds > 1 else "charts show the one value"
        yield (
            f"Intervals and ranks: {seeds} seed{'s were' if seeds > 1 else ' was'} run, and at least "
            f"{FEWEST_SEEDS} are needed; {drawn}."
        )
    if "eu" not in shown.styles:
        yield "Comparisons with exact unlearning, and speed-up: eu is not among the methods."
    for manipulation, figures in (("poison", "2, 3 and 6"), ("interclass", "4, 5 and 7")):
        if manipulation not in shown.words:
            yield f"Figures {figures}: {manipulation} is not among the manipulations."
    places: dict[tuple[str, str], list[str]] = {}
    for one in not_applying:
        where = places.setdefault((one["measure"], one["reason"]), [])
        where.append(f"{shown.datasets[one['dataset']]}, {one['manipulation']}")
    for (measure, reason), where in places.items():
        because = f": {reason}" if reason else ""
        yield f"{shown.measures[measure].label} does not apply to {enumeration(where, '; ')}{because}."
    unlearned = candidates[candidates["method"] != "original"]
    for method, own in groups(unlearned[unlearned["validation_accuracy"].isna()], "method"):
        total = int((unlearned["method"] == method).sum())
        they = "it is" if len(own) == 1 else "they are"
        yield (
            f"{len(own):,} of {total:,} candidates of {labels[method]} diverged: {they} recorded and never "
            "selected."
        )
    several = selected["discovery"].nunique() > 1
    for method, own in groups(selected[selected["score"].isna()], "method"):
        cells = "; ".join(
            f"{shown.scenario(*(row[name] for name in SCENARIO))}, "
            + (f"{row['discovery']} discovery, " if several else "")
            + f"{percent_of(row['deletion_fraction'])} known, seed {row['seed']}"
            for row in own.to_dict("records")
        )
        yield f"{labels[method]} where all of its candidates diverged: {cells}."


def unfinished(missing: pd.DataFrame, shown: Shown) -> Iterator[str]:
    """What missing.csv lists, known shares put together."""
    makers, discoveries = len(shown.makers) > 1, missing["discovery"].nunique() > 1
    names = ["dataset", "manipulation", "n", "seed", "maker", "method", "discovery"]
    for values, own in missing.groupby(names, sort=False, dropna=False):
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        method = row["method"]
        what = shown.styles[method].label if method in shown.styles else f"the bound {method}"
        what = "the original model" if method == "original" else what
        made = f" made by {row['maker']}" if makers else ""
        found = f", {row['discovery']} discovery" if discoveries and isinstance(row["discovery"], str) else ""
        shares = [percent_of(share) for share in own["share"].dropna()]
        known = f", {enumeration(shares)} known" if shares else ""
        where = shown.scenario(row["dataset"], row["manipulation"], row["n"])
        yield f"Not finished: {what}{made} on {where}, seed {row['seed']}{found}{known}."


def percent(fraction: Any, decimals: int = 1) -> str:
    """A fraction as text, in percent."""
    return f"{100 * fraction:z.{decimals}f} %"


def enumeration(parts: Sequence[str], comma: str = ", ") -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{comma.join(parts[:-1])} and {parts[-1]}"

"""What the results say, in sentences made from the tables."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from redress.reading import groups
from redress.statistics import FEWEST_SEEDS


def headline(summary: pd.DataFrame, labels: Mapping[str, str], datasets: Mapping[str, str]) -> list[str]:
    """The main findings: who repairs best where, and by how much the best differs from training again."""
    return [*_who_leads(summary, labels), *_overall(summary, labels, datasets)]


def of_scenarios(
    summary: pd.DataFrame, labels: Mapping[str, str], datasets: Mapping[str, str]
) -> Iterator[tuple[str, list[str]]]:
    """For every (dataset, manipulation, n) its name and what comes out at the least and the largest S_f."""
    cells = summary[summary["deletion_fraction"].notna()]
    for (dataset, manipulation, n), rows in groups(cells, ["dataset", "manipulation", "n_manipulated"]):
        name = f"{datasets[dataset]}, {manipulation}, {int(n):,} manipulated samples"
        shares = sorted({rows["deletion_fraction"].min(), rows["deletion_fraction"].max()})
        yield name, [_of_cell(rows[rows["deletion_fraction"] == share], share, labels) for share in shares]


def _who_leads(summary: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    cells = summary[(summary["measure"] == "removal_test") & summary["deletion_fraction"].notna()]
    methods = cells[(cells["method"] != "original") & cells["mean"].notna()]
    if methods["method"].nunique() < 2:
        return
    keys = ["dataset", "manipulation", "n_manipulated", "deletion_fraction"]
    originals = cells[cells["method"] == "original"].set_index(keys)["mean"]
    leaders: Counter[tuple[str, ...]] = Counter()
    for place, cell in groups(methods, keys):
        best = cell["mean"].max()
        tied = tuple(cell.loc[cell["mean"] > best - 1e-9, "method"])
        leaders[() if best <= originals.get(place, math.nan) else tied] += 1
    total, fruitless = leaders.total(), leaders.pop((), 0)
    where = f"combination{'s' if total > 1 else ''} of manipulation, size and known share"
    if not leaders:
        everywhere = "the one" if total == 1 else f"all {total}"
        yield f"No method is above the original model on affected test images in {everywhere} {where}."
        return
    ((first, count), *others) = leaders.most_common()

    def named(tied: tuple[str, ...]) -> str:
        return enumeration([labels[method] for method in tied])

    verb = "has" if len(first) == 1 else "share"
    start = f"{named(first)} {verb} the highest accuracy on affected test images in"
    rest = [f"{named(tied)} in {number}" for tied, number in others]
    rest += [f"no method is above the original model in {fruitless}"] if fruitless else []
    if not rest:
        yield f"{start} {'the one' if total == 1 else f'all {total}'} {where}."
    else:
        opening = "No method repairs best everywhere: " if others else ""
        yield f"{opening}{start} {count} of {total} {where}, {enumeration(rest)}."


def _overall(summary: pd.DataFrame, labels: Mapping[str, str], datasets: Mapping[str, str]) -> Iterator[str]:
    rows = summary[(summary["measure"] == "utility_times_healed") & summary["manipulation"].isna()]
    for dataset, own in groups(rows, "dataset"):
        methods = own[(own["method"] != "original") & own["mean"].notna()].sort_values("mean")
        if not len(methods):
            continue
        best, where = methods.iloc[-1], f" on {datasets[dataset]}" if rows["dataset"].nunique() > 1 else ""
        original = own.loc[own["method"] == "original", "mean"].max()
        if best["mean"] <= original:
            yield (
                f"On average{where}, no method is above the original model's {percent(original)} in utility "
                f"times accuracy on the manipulated samples; the best, {labels[best['method']]}, has "
                f"{percent(best['mean'])}."
            )
            continue
        against_eu = best["method"] != "eu" and not math.isnan(best["difference_to_eu"])
        compared = (
            _difference(best, "eu", "training again from scratch")
            if against_eu
            else _difference(best, "original", "the original model")
        )
        # No method is surely better than one whose rank may be 1; EU has been spoken of.
        spoken_of = {best["method"], "eu"} if against_eu else {best["method"]}
        rivals = [name for name in methods.loc[methods["best_rank"] == 1, "method"] if name not in spoken_of]
        as_good = enumeration([labels[name] for name in reversed(rivals)]) if rivals else ""
        doubt = f"; {as_good} cannot be told apart from it" if rivals else ""
        yield (
            f"On average{where}, {labels[best['method']]} is best at repairing without harm: utility times "
            f"accuracy on the manipulated samples is {percent(best['mean'])}, {compared}{doubt}."
        )


def _of_cell(rows: pd.DataFrame, share: float, labels: Mapping[str, str]) -> str:
    removal = rows[rows["measure"] == "removal_test"].set_index("method")
    utility = rows[rows["measure"] == "utility_test"].set_index("method")
    original = removal["mean"].get("original", math.nan)
    methods = removal.drop(index="original", errors="ignore").dropna(subset="mean").sort_values("mean")
    start = f"With {100 * share:g} % known"
    if not len(methods):
        return f"{start}, no method has a result."
    name, best = methods.index[-1], methods.iloc[-1]
    if best["mean"] <= original:
        return (
            f"{start}, no method is above the original model's {percent(original)} on affected test "
            f"images; the best, {labels[name]}, has {percent(best['mean'])}."
        )
    gained = _difference(best, "original", "the original model")
    sentences = [
        f"{start}, {labels[name]} is best on affected test images: {percent(best['mean'])}, {gained}."
    ]
    if name != "eu" and "eu" in methods.index:
        sentences.append(f"{labels['eu']} has {percent(methods.loc['eu', 'mean'])}.")
    lost = 100 * (utility["mean"].get("original", math.nan) - utility.loc[name, "mean"])
    if abs(lost) < 0.05:
        sentences.append("Unaffected test images keep their accuracy.")
    elif not math.isnan(lost):
        change = "lose" if lost > 0 else "gain"
        sentences.append(f"Unaffected test images {change} {abs(lost):.1f} points.")
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


def absent(candidates: pd.DataFrame, selected: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    """What a reader might look for and will not find, and why."""
    seeds = candidates["seed"].nunique()
    if seeds < FEWEST_SEEDS:
        shown = "charts show the range over seeds instead" if seeds > 1 else "charts show the one value"
        yield (
            f"Intervals and ranks: {seeds} seed{'s were' if seeds > 1 else ' was'} run, and {FEWEST_SEEDS} "
            f"is the least that allows them; {shown}."
        )
    if "eu" not in labels:
        yield "Comparisons with exact unlearning, and speed-up: eu is not among the methods."
    present = set(candidates["manipulation"])
    for manipulation, figures in (("poison", "2, 3 and 6"), ("interclass", "4, 5 and 7")):
        if manipulation not in present:
            yield f"Figures {figures}: {manipulation} is not among the manipulations."
    unlearned = candidates[candidates["method"] != "original"]
    for method, own in groups(unlearned[unlearned["validation_accuracy"].isna()], "method"):
        total = int((unlearned["method"] == method).sum())
        yield (
            f"{len(own):,} of {total:,} candidates of {labels[method]} diverged: "
            "they are recorded and never selected."
        )
    for method, own in groups(selected[selected["score"].isna()], "method"):
        places = "; ".join(
            f"{row['dataset']}, {row['manipulation']}, n = {row['n_manipulated']}, "
            f"{100 * row['deletion_fraction']:g} % known, seed {row['seed']}"
            for row in own.to_dict("records")
        )
        yield f"{labels[method]} where all of its candidates diverged: {places}."


def percent(fraction: Any, decimals: int = 1) -> str:
    """A fraction as text, in percent."""
    return f"{100 * fraction:z.{decimals}f} %"


def enumeration(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

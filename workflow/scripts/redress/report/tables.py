"""The tables people read, made from the records of originals and candidates."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from redress.formats.identity import COLUMNS, NAMES
from redress.formats.rules import ORACLE
from redress.referee.measuring import COSTS
from redress.referee.rankings import LEVELS

Record = Mapping[str, Any]
Row = dict[str, Any]

OF_BOUND = ("dataset", "model", "manipulation", "n_manipulated", "seed", "maker")

RULE_NAMES = (*(name for name in NAMES if name != "model"), "method", "deletion_fraction")
RULE_MEASURES = ("validation_accuracy", "deletion_change", "removal_test", "removal_train", "utility_test")

SECONDS = ("unlearn_seconds", "preparation_seconds", "trial_seconds")

KEPT_OF_ORACLE = ("hyperparameters", "removal_test", "utility_test")

NOT_APPLYING = "{measure} does not apply to {dataset}, {manipulation}"
"""An item of provenance.csv; none of the names can hold a space."""


def table_of(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows of candidates or selected ones as a table; sizes of deletion sets are whole numbers."""
    return pd.DataFrame(rows).astype({"deletion_size": "Int64"})


def candidate_row(record: Record, measures: Iterable[str]) -> Row:
    """A row of candidates.csv; hyperparameters as JSON, empty for the original model."""
    given = record["hyperparameters"]
    text = None if given is None else json.dumps(given, sort_keys=True)
    columns = (*COLUMNS, *measures, *COSTS, "attack")
    return {**{column: record[column] for column in columns}, "hyperparameters": text}


def selected_row(selection: Record, candidates: Sequence[Record], measures: Sequence[str]) -> Row:
    """A row of selected.csv: the selected candidate, its score, and what the oracle would have had.

    `selection` holds positions in `candidates`. Where every candidate diverged only what names the row is
    filled in.
    """
    chosen, oracle = selection["selected"], selection["oracle"]
    row = candidate_row(candidates[selection["first"] if chosen is None else chosen], measures)
    if chosen is None:
        row |= dict.fromkeys(("hyperparameters", *SECONDS, *measures))
    best = {} if oracle is None else candidate_row(candidates[oracle], measures)
    return {
        **row,
        "score": selection["score"],
        **{f"oracle_{column}": best.get(column) for column in KEPT_OF_ORACLE},
    }


def rule_rows(selection: Record, candidates: Sequence[Record]) -> Iterator[Row]:
    """Rows of rules.csv: what each rule, and the oracle, chose among the candidates of a deletion set.

    `selection` holds positions in `candidates`: those of the set are `tried` ones from `first` on.
    """
    first = selection["first"]
    products = [_product(one) for one in candidates[first : first + selection["tried"]]]
    best = max((value for value in products if value is not None), default=None)
    for rule, at in {**selection["rules"], ORACLE: selection["oracle"]}.items():
        chosen = {} if at is None else candidates[at]
        own = _product(chosen)
        yield {
            **{name: (chosen or candidates[first])[name] for name in RULE_NAMES},
            "rule": rule,
            "hyperparameters": json.dumps(chosen["hyperparameters"], sort_keys=True) if chosen else None,
            **{name: chosen.get(name) for name in RULE_MEASURES},
            "utility_times_healed": own,
            "oracle_utility_times_healed": best,
            "regret": None if own is None or best is None else best - own,
            "attack": candidates[first]["attack"],
        }


def _product(record: Record) -> float | None:
    """`utility_times_healed` of a candidate; None where it is not known."""
    utility, healed = record.get("utility_test"), record.get("removal_train")
    return None if utility is None or healed is None else utility * healed


def bounds_table(bounds: Iterable[Record], measures: Sequence[str]) -> pd.DataFrame:
    """bounds.csv, which has its columns even if there is no row."""
    columns = [*OF_BOUND, "bound", *measures, "seconds", "device", "attack"]
    return pd.DataFrame([{name: one[name] for name in columns} for one in bounds], columns=columns)


def rankings_table(records: Sequence[Record]) -> pd.DataFrame:
    """rankings.csv: a row for every grown deletion set."""
    hidden = ("curve", "seal")
    return pd.DataFrame({name: value for name, value in one.items() if name not in hidden} for one in records)


def curves_table(records: Sequence[Record]) -> pd.DataFrame:
    """ranking_curves.csv: the best precision at each of LEVELS of recall, of every ranking that has one."""
    columns = (*(name for name in RULE_NAMES if name != "method"), "attack")
    rows = [
        {**{name: one[name] for name in columns}, "recall": recall, "precision": precision}
        for one in records
        for recall, precision in zip(LEVELS.round(2), one["curve"] or [], strict=False)
    ]
    return pd.DataFrame(rows, columns=[*columns, "recall", "precision"])


def times_table(candidates: pd.DataFrame) -> pd.DataFrame:
    """Table 3: seconds per candidate and method, over all deletion sets, hyperparameters and seeds,
    diverged candidates left out.

    `mean_seconds` counts shared statistics in full for every candidate, as if it had been the only one;
    `mean_preparation_seconds` is that shared part. `speedup_over_eu` is EU's mean by this one's.
    """
    methods = candidates[(candidates["method"] != "original") & candidates["validation_accuracy"].notna()]
    names = ["dataset", "model", "maker", "expansion", "method"]
    table = (
        methods.groupby(names, sort=False, dropna=False)
        .agg(
            candidates=("unlearn_seconds", "count"),
            mean_seconds=("unlearn_seconds", "mean"),
            sd_seconds=("unlearn_seconds", "std"),
            mean_preparation_seconds=("preparation_seconds", "mean"),
            device=("device", lambda names: " + ".join(sorted(set(names)))),
        )
        .reset_index()
    )
    eu = table[table["method"] == "eu"].set_index(["dataset", "model"])["mean_seconds"]
    pairs = zip(table["dataset"], table["model"], strict=True)
    reference = pd.Series([eu.get(pair) for pair in pairs], dtype=float)
    table["speedup_over_eu"] = reference / table["mean_seconds"]
    return table[[*(column for column in table.columns if column != "device"), "device"]]


def provenance_table(
    records: Sequence[Record], not_applying: Sequence[tuple[Record, Mapping[str, str]]] = ()
) -> pd.DataFrame:
    """What made the records (of original and unlearned models), a row per distinct value.

    `models` is the number of records it holds for. Time stamps are UTC, of when jobs started. Of every
    original, `not_applying` says which measures do not apply to what follows from it, and why.
    """
    found = Counter(pair for record in records for pair in _provenance(record))
    started = sorted(record["provenance"]["started"] for record in records)
    rows = [(item, value, count) for (item, value), count in sorted(found.items())]
    rows += [("first job", started[0], len(records)), ("last job", started[-1], len(records))]
    reasons = Counter(
        (NOT_APPLYING.format(measure=measure, **record), reason)
        for record, of_measures in not_applying
        for measure, reason in of_measures.items()
    )
    rows += [(item, reason, count) for (item, reason), count in reasons.items()]
    return pd.DataFrame(rows, columns=["item", "value", "models"])


def split_provenance(provenance: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """The rows of provenance.csv that say what made the results, and which measures do not apply.

    The latter as `measure`, `dataset`, `manipulation` and `reason`.
    """
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>\\S+)", NOT_APPLYING)
    matches = [re.fullmatch(pattern, item) for item in provenance["item"]]
    reasons = zip(matches, provenance["value"], strict=True)
    absent = [{**match.groupdict(), "reason": reason} for match, reason in reasons if match]
    return provenance[[match is None for match in matches]], absent


def _provenance(record: Record) -> list[tuple[str, str]]:
    made_by = record["provenance"]
    known = {
        "commit": made_by["commit"] or "not under git",
        "SHA-256 of the config": made_by["config"] or "not told",
        f"SHA-256 of {record['dataset']}": made_by["data"],
        "device": record["device"],
        "machine": made_by["machine"],
        **{f"version of {name}": version for name, version in made_by["versions"].items() if version},
    }
    return list(known.items())

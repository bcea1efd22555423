"""A run that nobody ran: records as measure.py writes them, and the tables and page that are made of them."""

import io
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from redress.formats.candidates import expand
from redress.formats.identity import COLUMNS
from redress.formats.measures import Measure, measure, measures
from redress.referee.statistics import summarise
from redress.report.page import Results
from redress.report.reading import read_table
from redress.report.shown import Shown
from redress.report.styles import styles_of
from redress.report.tables import candidate_row, provenance_table, selected_row, table_of, times_table

STANDARD = list(measures())
METHODS = {
    "eu": {},
    "ssd": {"alpha": [0.1, 10], "gamma_over_alpha": [0.1, 1, 5]},
    "scrub": {"alpha": [0.001, 1], "steps": 4},
}
LABELS = {"digits": "Digits"}
SECONDS = {"eu": (8.0, 0.0), "ssd": (2.0, 1.5), "scrub": (1.0, 0.0)}
WORDS = {
    "poison": {"affected": "triggered test images", "unaffected": "test images without trigger"},
    "interclass": {
        "affected": "test images of the confused classes",
        "unaffected": "test images of the other classes",
    },
}
OWN_WORDS = {"affected": "affected test images", "unaffected": "unaffected test images"}
PLACE = ["dataset", "manipulation", "n_manipulated"]
REASONS = {
    "deletion_change": "the manipulated samples kept their true labels",
    "attack_success_rate": "the attack has no target class",
}

Values = Mapping[str, float | None]
Measured = Callable[[str, Mapping[str, Any] | None, Mapping[str, Any]], Values | None]


@measure(label="Logit margin", unit="points", better="higher", axis="Margin on {affected}")
def margin(known: object) -> float | None:
    """A measure that somebody adds, in a unit of its own."""
    return None


def noise(method: str, settings: Mapping[str, Any] | None, place: Mapping[str, Any]) -> Values:
    """Fractions that look measured, in whole per mille, always the same for the same model."""
    draw = random.Random(repr((method, settings, sorted(place.items()))))
    return {name: draw.randint(100, 950) / 1000 for name in STANDARD}


def fixed(values: Mapping[str, Any]) -> Measured:
    """Models whose accuracies are a method's value, or its function of the place; utility is full."""

    def measured(method: str, settings: Any, place: Mapping[str, Any]) -> Values | None:
        value = values[method](place) if callable(values[method]) else values[method]
        return None if value is None else {**dict.fromkeys(STANDARD, value), "utility_test": 1.0}

    return measured


@dataclass(frozen=True)
class Run:
    """What was run; a method that is not named in `maker_of` and the like runs as most do."""

    methods: Mapping[str, Any] | None = None
    """Grids."""
    labels: Mapping[str, str] | None = None
    manipulations: Sequence[str] = ("poison", "interclass")
    sizes: Sequence[int] = (20,)
    shares: Sequence[float] = (0.5, 1.0)
    seeds: Iterable[int] = (0, 1)
    measure: Measured = noise
    seconds: Mapping[str, tuple[float, float]] | None = None
    lost: Callable[[Mapping[str, Any]], bool] = lambda place: False
    """Names results of an unfinished run that are missing."""
    failed: Callable[[Mapping[str, Any]], bool] = lambda place: False
    """Names places where the attack failed."""
    makers: Sequence[str] = ("standard",)
    discoveries: Sequence[str] = ("uniform",)
    maker_of: Mapping[str, str] | None = None
    expansion_of: Mapping[str, str] | None = None
    discoveries_of: Mapping[str, Sequence[str]] | None = None
    clean_label: Sequence[str] = ()
    """Manipulations that change no label."""
    extra: Sequence[Measure] = ()
    figures: Mapping[str, tuple[str, str]] | None = None
    styles: Mapping[str, Mapping[str, str]] | None = None
    words: Mapping[str, Mapping[str, str]] | None = None

    @property
    def grids(self) -> Mapping[str, Any]:
        return METHODS if self.methods is None else self.methods

    @property
    def shown(self) -> Shown:
        """What figures and page are told."""
        words = self.words or WORDS
        styles = self.styles or {}
        return Shown(
            styles=styles_of([(method, styles.get(method, {})) for method in self.grids]),
            datasets=self.labels or LABELS,
            words={name: words.get(name, OWN_WORDS) for name in self.manipulations},
            figures=self.figures or {},
            measures={**measures(), **{one.name: one for one in self.extra}},
            makers=tuple(self.makers),
            discoveries=tuple(self.discoveries),
        )

    def record(self, place: Mapping[str, Any], method: str, settings: Any) -> dict[str, Any]:
        """A model's record; `place` has the names that this kind of model has."""
        names = [*STANDARD, *(one.name for one in self.extra)]
        found = {**dict.fromkeys(names), **(self.measure(method, settings, place) or {})}
        found |= dict.fromkeys(self.not_applying(place["manipulation"]))
        if place.get("deletion_fraction") in (None, 1.0):
            found["removal_train_" + ("discovered" if method == "original" else "undiscovered")] = None
        spent = (None, None) if method == "original" else (self.seconds or SECONDS).get(method, (1.0, 0.0))
        made_by = {"commit": "abc", "config": "c0ffee", "data": "da7a", "machine": "Linux", "versions": {}}
        share = place.get("deletion_fraction")
        return {
            **dict.fromkeys(COLUMNS),
            **{"model": "resnet9", "device": "cpu", "method": method, "hyperparameters": settings},
            **place,
            **found,
            **dict(zip(("unlearn_seconds", "preparation_seconds"), spent, strict=True)),
            "trial_seconds": None,
            "peak_memory_mb": None,
            "attack": "failed" if self.failed(place) else "took",
            "deletion_size": None if share is None else round(share * place["n_manipulated"]),
            "provenance": {**made_by, "started": f"2026-01-01T1{place['seed']}:00:00+00:00"},
            "seal": "5ea1",
        }

    def not_applying(self, manipulation: str) -> dict[str, str]:
        """The reasons of measures that do not apply."""
        absent = {"deletion_change"} if manipulation in self.clean_label else set()
        absent |= set() if manipulation == "poison" else {"attack_success_rate"}
        return {name: reason for name, reason in REASONS.items() if name in absent}

    def of_original(self, original: Mapping[str, Any]) -> dict[str, Any]:
        """What measures.json holds of one original model, and `missing`."""
        measured: dict[str, Any] = {"bounds": [], "candidates": [], "selected": [], "missing": []}
        measured["original"] = self.record(original, "original", None)
        measured["not_applying"] = self.not_applying(original["manipulation"])
        measured["made_from"] = {"selection": "its seal"}
        for method, grid in self.grids.items():
            if (self.maker_of or {}).get(method, self.makers[0]) != original["maker"]:
                continue
            for discovery in (self.discoveries_of or {}).get(method, self.discoveries):
                for share in self.shares:
                    cell = {**original, "discovery": discovery, "deletion_fraction": share}
                    cell["expansion"] = (self.expansion_of or {}).get(method)
                    if self.lost({**cell, "method": method}):
                        measured["missing"].append({**cell, "method": method})
                        continue
                    first = len(measured["candidates"])
                    tried = [self.record(cell, method, settings) for settings in expand(grid)]
                    measured["candidates"] += tried
                    place_of = {"first": first, "tried": len(tried), "rules": {}}
                    measured["selected"].append({**place_of, **selection(tried, first)})
        return measured

    def all_measured(self) -> list[dict[str, Any]]:
        """The same of every original model, in the order of collect.py."""
        places = itertools.product(
            self.labels or LABELS, self.manipulations, self.sizes, self.seeds, self.makers
        )
        return [
            self.of_original(dict(zip([*PLACE, "seed", "maker"], place, strict=True))) for place in places
        ]


def selection(tried: Sequence[Mapping[str, Any]], first: int) -> dict[str, Any]:
    """What is selected by equal weights, what the oracle takes, and the score."""

    def score(record: Mapping[str, Any]) -> float:
        return (record["validation_accuracy"] + (record["deletion_change"] or 0)) / 2

    alive = [at for at, record in enumerate(tried) if record["validation_accuracy"] is not None]
    if not alive:
        return {"selected": None, "score": None, "oracle": None}
    chosen = max(alive, key=lambda at: (score(tried[at]), tried[at]["validation_accuracy"], -at))
    known = [at for at in alive if tried[at]["removal_test"] is not None]
    best = max(known, key=lambda at: tried[at]["removal_test"], default=None)
    oracle = None if best is None else first + best
    return {"selected": first + chosen, "score": score(tried[chosen]), "oracle": oracle}


def results(command: str = "snakemake --cores 2", downloads: Sequence[str] = (), **changes: Any) -> Results:
    """What the page is made of; `changes` are those of Run, `drawn` and `examples` files on disk."""
    files = {name: changes.pop(name) for name in ("drawn", "examples") if name in changes}
    run = Run(**changes)
    measured = run.all_measured()
    finished = [one for one in measured if not run.lost({**names_of(one["original"]), "method": "original"})]
    missing = [cell for one in measured for cell in one["missing"]]
    names = list(run.shown.measures)
    originals = [one["original"] for one in finished]
    made = originals + [record for one in measured for record in one["candidates"]]
    candidates = as_read(table_of([candidate_row(record, names) for record in made]))
    selected = as_read(
        table_of([selected_row(row, one["candidates"], names) for one in measured for row in one["selected"]])
    )
    reasons = [(one["original"], one["not_applying"]) for one in finished]
    return Results(
        candidates=candidates,
        selected=selected,
        times=as_read(times_table(candidates)),
        summary=as_read(summarise(candidates, selected, run.shown.measures, run.makers)),
        provenance=as_read(provenance_table(made, reasons)),
        shown=run.shown,
        config={"selection": {"validation_accuracy": 0.5, "deletion_change": 0.5}, "seeds": list(run.seeds)},
        command=command,
        figures=files.get("drawn", {}),
        examples=files.get("examples", ()),
        missing=as_read(as_missing(missing)) if missing else None,
        downloads=downloads,
    )


def names_of(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in [*PLACE, "seed", "maker"]}


def as_missing(cells: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """missing.csv, as workflow/rules/after_failures.smk writes it."""
    names = ["dataset", "manipulation", "n", "seed", "maker", "method", "discovery", "share"]
    table = pd.DataFrame(cells).rename(columns={"n_manipulated": "n", "deletion_fraction": "share"})
    return table.reindex(columns=names)


def as_read(table: pd.DataFrame) -> pd.DataFrame:
    """A table as it comes back from its CSV file."""
    return read_table(io.StringIO(table.to_csv(index=False)))  # type: ignore[arg-type]

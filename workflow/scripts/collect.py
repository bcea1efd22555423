"""Gather all results into tables: candidates, selected, rules, bounds, rankings, times and provenance."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from redress.formats import files, products
from redress.formats.candidates import candidate_name
from redress.formats.errors import BadInputError, DamagedFileError
from redress.formats.identity import PLAIN, Identity
from redress.launch.job import log, parser, run
from redress.report.tables import (
    bounds_table,
    candidate_row,
    curves_table,
    provenance_table,
    rankings_table,
    rule_rows,
    selected_row,
    table_of,
    times_table,
)

HELD = ("original", "bounds", "candidates", "selected", "rankings", "measures", "not_applying", "made_from")


def main(arguments: argparse.Namespace) -> None:
    measured = list(read(arguments))
    if not any(one["selected"] for one in measured):
        raise BadInputError("nothing is finished that a table could hold")
    names = list(dict.fromkeys(name for one in measured for name in one["measures"]))
    originals = [one["original"] for one in measured]
    candidates = [record for one in measured for record in one["candidates"]]
    bounds = [record for one in measured for record in one["bounds"]]
    made = originals + bounds + candidates
    table = table_of(candidate_row(record, names) for record in originals + candidates)
    cells = [(row, one["candidates"]) for one in measured for row in one["selected"]]
    selected = [selected_row(row, tried, names) for row, tried in cells]
    tables = {
        "candidates": table,
        "selected": table_of(selected),
        "rules": pd.DataFrame(row for cell in cells for row in rule_rows(*cell)),
        "times": times_table(table),
        "provenance": provenance_table(made, [(one["original"], one["not_applying"]) for one in measured]),
    }
    if arguments.bounds:
        tables["bounds"] = bounds_table(bounds, names)
    if arguments.expansions:
        records = [record for one in measured for record in one["rankings"]]
        tables["rankings"], tables["ranking_curves"] = rankings_table(records), curves_table(records)
    for name, content in tables.items():
        with products.sealed(arguments.tables / f"{name}.csv") as temporary:
            content.to_csv(temporary, index=False)
    log.info("%d originals, %d candidates, %d selected", len(originals), len(candidates), len(selected))


def read(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What measure.py wrote, in the order of the config."""
    for dataset, manipulations in arguments.runs:
        for manipulation, numbers in manipulations:
            for n in numbers:
                for seed in arguments.seeds:
                    for maker in arguments.makers:
                        identity = Identity(dataset, manipulation, n, seed, maker)
                        path = arguments.root / Path(identity.path("measures")).relative_to("results")
                        if path.exists() or not arguments.partial:
                            measured = files.read_json(path, identity, *HELD)
                            check(path, measured, identity)
                            yield measured


def check(path: Path, measured: dict[str, Any], identity: Identity) -> None:
    """Raise DamagedFileError where what measure.py wrote is not of the files that are there."""
    places = {kind: Path(identity.path(kind)) for kind in measured["made_from"]}
    places["selection"] = path.parent / places["selection"].name
    seals = [(places[kind], seal) for kind, seal in measured["made_from"].items()]
    for one in measured["bounds"]:
        seals.append((Path(identity.having(bound=one["bound"]).path("bound")), one["seal"]))
    for one in measured["rankings"]:
        names = {name: one[name] for name in ("expansion", "discovery")}
        grown = identity.having(**names, share=repr(one["deletion_fraction"]))
        seals.append((Path(grown.path("deletion_set")), one["seal"]))
    for record in measured["candidates"]:
        names = {name: record[name] for name in ("discovery", "expansion", "method")}
        names |= {"expansion": record["expansion"] or PLAIN, "share": repr(record["deletion_fraction"])}
        candidate = identity.having(**names, candidate=candidate_name(record["hyperparameters"]))
        seals.append((Path(candidate.path("candidate")), record["seal"]))
    for place, seal in seals:
        if place.exists() and files.about_of(place)["seal"] != seal:
            raise DamagedFileError(path, f"was made from another {place}")


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--runs", type=json.loads, required=True, help='JSON: [["digits", [["poison", [60]]]]]')
    cli.add_argument("--seeds", type=int, nargs="+", required=True)
    cli.add_argument("--makers", nargs="+", required=True)
    cli.add_argument("--bounds", nargs="*", default=[], help="bounds, if there is to be a table of them")
    cli.add_argument(
        "--expansions", nargs="*", default=[], help="expansions, if there is to be a table of them"
    )
    cli.add_argument("--root", type=Path, default=Path("results"), help="the folder with runs/")
    cli.add_argument("--partial", action="store_true", help="leave out what is not there")
    cli.add_argument("--tables", type=Path, required=True, help="folder for the tables")
    run(main, cli)

"""Verdicts on one case, round by round, as its list of bad samples grew."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from redress.formats import files
from redress.judge.verdict import Judgement


@dataclass(frozen=True)
class Round:
    """What was said of one list, a row of rounds.csv; None where there is nothing to tell."""

    bad_list: str
    """SHA-256 of the list, by which rounds are told apart."""
    bad_samples: int
    status: str
    method: str | None
    repair: float | None
    """Share of held-out bad samples, and of how many, with its interval."""
    repair_low: float | None
    repair_high: float | None
    repair_n: int
    utility_lost: float | None
    in_all: float | None
    """How many bad samples there are by the suspects, with its interval."""
    in_all_low: float | None
    in_all_high: float | None

    @classmethod
    def of(
        cls, bad_list: str, bad_samples: int, method: str | None, judgement: Judgement, suspects: Any
    ) -> Self:
        """This round's. `suspects` is what verdict.json says of them."""
        figures = None if judgement.chosen is None else judgement.figures[judgement.chosen]
        repair = None if judgement.verdict is None else judgement.verdict.repair
        if repair is None or not repair.n or judgement.status == "cannot be judged":
            share, low, high, n = None, None, None, 0
        else:
            share, low, high, n = repair.estimate, repair.low, repair.high, repair.n
        in_all: Mapping[str, float] = (suspects or {}).get("bad_samples_in_all") or {}
        return cls(
            bad_list=bad_list,
            bad_samples=bad_samples,
            status=judgement.status,
            method=method,
            repair=share,
            repair_low=low,
            repair_high=high,
            repair_n=n,
            utility_lost=None if figures is None else figures.utility_lost,
            in_all=in_all.get("estimate"),
            in_all_low=in_all.get("low"),
            in_all_high=in_all.get("high"),
        )

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Self:
        """The reverse of a row. Raises KeyError or ValueError for one that is none."""
        told: dict[str, Any] = {name: row[name] or None for name in NAMES}
        whole = {name: int(row[name]) for name in ("bad_samples", "repair_n")}
        parts = {name: float(told[name]) for name in NUMBERS if told[name] is not None}
        return cls(**{**told, **whole, **parts})


NAMES = [field.name for field in fields(Round)]
NUMBERS = [field.name for field in fields(Round) if field.type == float | None]


def rounds(path: Path, now: Round) -> list[Round]:
    """All rounds that the file `path` knows, in their order, and `now`, which is added there.

    A list that was judged before keeps its place. A file that cannot be read is begun anew: it is a record of
    what was said, and nothing rests on it.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            known = [Round.from_row(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, TypeError, csv.Error):
        known = []
    seen = [one.bad_list for one in known]
    if now.bad_list in seen:
        known[seen.index(now.bad_list)] = now
    else:
        known.append(now)
    with files.atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, NAMES)
        table.writeheader()
        table.writerows(map(asdict, known))  # None is an empty cell
    return known

"""Suspects as a user reads them: under their own ids, with reasons, as pictures."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from redress.formats import products
from redress.formats.suspected import NONE, Suspected
from redress.report.correction import Suspect

SHOWN, SIDE = 24, 96
"""Pictures on a page, and the most pixels of a side."""


def rows(
    listed: Suspected, ids: Sequence[str], paths: Sequence[str], given: np.ndarray, classes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The rows of suspects.csv. `ids`, `paths` and given labels (N,) are of all training samples.

    `is_label_issue` and `label_score` are cleanlab's: the latter, from 0 to 1, is lower for what is likelier
    bad.
    """

    def called(number: int) -> str:
        return "" if number == NONE else classes[number]

    others = len(ids)
    for at, sample in enumerate(listed.samples.tolist()):
        recall = float(listed.recall[at])
        yield {
            "id": ids[sample],
            "path": paths[sample],
            "is_label_issue": bool(listed.flagged[at]),
            "label_score": f"{(listed.ranks[at] - 1) / others:.6f}",
            "given_label": classes[given[sample]],
            "original_prediction": called(listed.original[at]),
            "repaired_prediction": called(listed.repaired[at]),
            "suggested_label": called(listed.suggested[at]),
            "score": f"{listed.scores[at]:.6g}",
            "rank": int(listed.ranks[at]),
            "reasons": "; ".join(_reasons(listed, at, int(given[sample]), ids)),
            "fold_recall": "" if math.isnan(recall) else f"{recall:.4f}",
        }


def _reasons(listed: Suspected, at: int, given: int, ids: Sequence[str]) -> Iterator[str]:
    if listed.copied[at] != NONE:
        yield f"copy of {ids[listed.copied[at]]}"
    if listed.flagged[at]:
        yield "looks like the bad ones"
    if listed.repaired[at] not in (NONE, given):
        yield "the repaired model disagrees"
    if listed.original[at] != given:
        yield "the original model disagrees"


def write(path: Path, table: Sequence[Mapping[str, Any]]) -> None:
    """Write suspects.csv; its heading, too, where there is no suspect."""
    columns = (
        *("id", "path", "is_label_issue", "label_score", "given_label", "original_prediction"),
        *("repaired_prediction", "suggested_label", "score", "rank", "reasons", "fold_recall"),
    )
    with products.sealed(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, columns)
        lines.writeheader()
        lines.writerows(table)


def shown(
    listed: Suspected, table: Sequence[Mapping[str, Any]], images: np.ndarray, color: str
) -> Iterator[Suspect]:
    """The first of the list as pictures; `images` are of all training samples, uint8 (N, C, H, W)."""
    for sample, row in list(zip(listed.samples.tolist(), table, strict=True))[:SHOWN]:
        label = row["given_label"]
        words = f"given {label}" + (f", perhaps {row['suggested_label']}" if row["suggested_label"] else "")
        yield Suspect(row["id"], _png(images[sample], color), f"{words}. {row['reasons'].capitalize()}")


def _png(picture: np.ndarray, color: str) -> bytes:
    """A picture as PNG, no side of it longer than SIDE."""
    pixels = picture[::-1] if color == "bgr" else picture
    image = Image.fromarray(
        pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    )
    image.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    image.save(written, "png")
    return written.getvalue()


def summary(listed: Suspected, cut: Mapping[str, Any]) -> dict[str, Any]:
    """What verdict.json says of the list, and of how many bad samples there are (|S_m|), S_f among them."""
    ends = {"": "estimate", "_low": "low", "_high": "high"}
    said = {name: cut.get(f"estimate{end}") for end, name in ends.items()}
    whole = None if None in said.values() else {**said, "level": LEVEL}
    in_row = listed.ranks == np.arange(1, len(listed.ranks) + 1)  # a copy may stand far below the others
    reached = None if whole is None else float(listed.recall[in_row].max(initial=0))
    return {
        "listed": len(listed.samples),
        "flagged": int(listed.flagged.sum()),
        "fold_recall": reached,
        "bad_samples_in_all": whole,
    }


LEVEL = 0.95
"""Of the interval, see `redress.developer.cutting`."""


def sentence(about: Mapping[str, Any], known: int) -> str:
    """The same for readers; empty where the ranking says nothing of itself."""
    whole = about["bad_samples_in_all"]
    if whole is None:
        return ""
    return (
        "If those that were found are a random part of them, the training set holds about"
        f" {whole['estimate']:.0f} bad samples ({whole['low']:.0f} to {whole['high']:.0f} at"
        f" {100 * LEVEL:.0f} %), of which {known} are on the list; of the others these suspects hold about"
        f" {100 * about['fold_recall']:.0f} %."
    )

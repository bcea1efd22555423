"""What was looked at before any work on a model that somebody brings, wherever it was found."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redress.brought.listing import listing, rows_of
from redress.formats import files
from redress.formats.correction import Check
from redress.formats.identity import Identity

NAMED = 20
"""Near copies that are named."""


def looked_at(place: Identity, training: Mapping[str, Any], classes: Sequence[str]) -> Iterator[Check]:
    """All checks of the case `place`, of which `training` is the block of config."""
    found = files.read_json(place.path("checks"), place, "checks", "near_copies")
    for one in found["checks"]:
        yield Check(**one)
    near = found["near_copies"]
    ids = listing(training, rows_of(training), classes).ids if near else ()
    told = "; ".join(f"{ids[sample]} is nearly {ids[bad]}" for sample, bad in near[:NAMED])
    more = f" and {len(near) - NAMED} more" if len(near) > NAMED else ""
    advice = "; look at them, they are not on the list" if near else ""
    yield Check("near copies of bad samples", not near, f"{told or 'none'}{more}{advice}")
    kept = "copies", "probably_fine", "in_both", "bad", "bad_with_true_label"
    notes = files.read_json(place.path("notes"), place, *kept)
    alike, both = notes["copies"], notes["in_both"]
    advice = "; put those that are bad on the list" if alike else ""
    yield Check("copies of bad samples", not alike, f"{'; '.join(alike) or 'none'}{advice}")
    yield _fine(notes["probably_fine"], notes["bad"], notes["bad_with_true_label"])
    told = f"{len(both)} are training pictures, to the pixel, such as {', '.join(both[:3])}"
    advice = ": what is right about them is not surely right about others"
    yield Check("validation pictures", not both, f"{told}{advice}" if both else "none is a training picture")


def _fine(fine: Sequence[str], bad: int, told: int) -> Check:
    """Of `bad` samples those that are probably `fine`; of `told` of them the true label is known."""
    about, whole = "bad samples that are probably fine", f"{bad} bad samples"
    if not told:
        return Check(about, False, "cannot be told without true labels; give those that you know")
    if not fine:
        return Check(about, True, "none" if told == bad else f"none of {told} with a true label, of {whole}")
    why = "their true label is the one they were trained with"
    return Check(about, False, f"{len(fine)} of {whole}: {why}: {', '.join(fine)}")

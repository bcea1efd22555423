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
    notes = files.read_json(place.path("notes"), place, "copies", "probably_fine", "in_both")
    alike, fine, both = notes["copies"], notes["probably_fine"], notes["in_both"]
    advice = "; put those that are bad on the list" if alike else ""
    yield Check("copies of bad samples", not alike, f"{'; '.join(alike) or 'none'}{advice}")
    advice = ": their true label is the one they were trained with" if fine else ""
    yield Check("bad samples that are probably fine", not fine, f"{', '.join(fine) or 'none'}{advice}")
    told = f"{len(both)} are training pictures, to the pixel, such as {', '.join(both[:3])}"
    advice = ": what is right about them is not surely right about others"
    yield Check("validation pictures", not both, f"{told}{advice}" if both else "none is a training picture")

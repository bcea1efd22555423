"""Choose a candidate, and say without the truth whether it repaired the model, and how sure that is."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redress.brought.listing import listing, rows_of
from redress.formats import files
from redress.formats.block import Block
from redress.formats.correction import Check
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.judge import Candidate, Case, Judgement, Settings, judge
from redress.judge.budget import Job, LeftOut
from redress.judge.reading import candidates, made_again, original_outcome
from redress.judge.writing import headline, write
from redress.launch.job import identity_of, log, parser, run
from redress.report.correction import About, Correction

MOVED = 1.0
"""Standard deviations by which running means of a batch norm move before it is worth a warning."""

NAMED = 20
"""Near copies that are named."""


def main(arguments: argparse.Namespace) -> None:
    identity, blocks = identity_of(arguments), map(Block.from_json, arguments.blocks)
    name, place = identity.dataset, Identity(identity.dataset)
    named = candidates(identity, blocks, arguments.groups, made_again(place, arguments.minutes))
    tried, settings = [one for _, one in named], Settings(**arguments.settings)
    case, (original, _) = Case.load(name), original_outcome(identity)
    judgement = judge(case, original, tried, settings)
    jobs = [Job(**one) for one in arguments.jobs]
    short = list(left_out(place, jobs, arguments.minutes))
    write(name, case, original, tried, judgement, settings, short)
    brought = files.about_of(identity.path("original"))
    about = About(
        case=name,
        provenance=provenance(brought, arguments),
        checks=[*checks(place, arguments), *of_chosen(jobs, judgement, tried)],
        left_out=short,
        loading=loading(brought["prefix"], place.path("repaired")),
        command=arguments.command,
        styles=arguments.styles,
    )
    Correction(case, original, tried, judgement, settings, about).write()
    taken = None if judgement.handed is None else named[judgement.handed]
    choice = {
        "status": judgement.status,
        "method": taken and taken[1].method,
        "candidate": taken and taken[0],
    }
    files.write_json(place.path("choice"), choice, place)
    log.info(headline(tried, judgement))


def left_out(place: Identity, jobs: Sequence[Job], minutes: float | None) -> Iterator[LeftOut]:
    """What there was no time for."""
    known = {(job.method, name): values for job in jobs for name, values in job.candidates.items()}
    for kind in ["shortlist"] if minutes is None else ["afforded", "shortlist"]:
        for method, name, why in files.read_json(place.path(kind), place, "left_out")["left_out"]:
            yield LeftOut(method, known[method, name], why)


def of_chosen(jobs: Sequence[Job], judgement: Judgement, tried: Sequence[Candidate]) -> Iterator[Check]:
    """What is looked at of the chosen candidate."""
    one = None if judgement.chosen is None else tried[judgement.chosen]
    if one is None or one.norm_shift is None or any(job.anew for job in jobs if job.method == one.method):
        return
    told = f"running means of batch norms moved by up to {one.norm_shift:.2g} of their standard deviations"
    well = one.norm_shift <= MOVED
    advice = "; a few passes over good pictures in training mode, weights frozen, would take them again"
    yield Check("batch norm", well, f"{told}{'' if well else advice}")


def checks(place: Identity, arguments: argparse.Namespace) -> Iterator[Check]:
    """What was looked at before any work."""
    found = files.read_json(place.path("checks"), place, "checks", "near_copies")
    for one in found["checks"]:
        yield Check(**one)
    near = found["near_copies"]
    ids = listing(arguments.training, rows_of(arguments.training), arguments.classes).ids if near else ()
    told = "; ".join(f"{ids[sample]} is nearly {ids[bad]}" for sample, bad in near[:NAMED])
    more = f" and {len(near) - NAMED} more" if len(near) > NAMED else ""
    advice = "; look at them, they are not on the list" if near else ""
    yield Check("near copies of bad samples", not near, f"{told or 'none'}{more}{advice}")
    notes = files.read_json(place.path("notes"), place, "copies", "probably_fine")
    alike, fine = notes["copies"], notes["probably_fine"]
    advice = "; put those that are bad on the list" if alike else ""
    yield Check("copies of bad samples", not alike, f"{'; '.join(alike) or 'none'}{advice}")
    advice = ": their true label is the one they were trained with" if fine else ""
    yield Check("bad samples that are probably fine", not fine, f"{', '.join(fine) or 'none'}{advice}")


def loading(prefix: str, path: str) -> str:
    """How the owner of a model loads weights whose names begin with `prefix`."""
    names = f"{{name.removeprefix({prefix!r}): w for name, w in weights.items()}}" if prefix else "weights"
    return (
        "from safetensors.torch import load_file\n"
        f"weights = load_file({path.rsplit('/', 1)[1]!r})\n"
        f"model.load_state_dict({names})\n"
    )


def provenance(brought: Mapping[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """What the verdict rests on."""
    made = brought["provenance"]
    return {
        "weights, SHA-256": brought["parent"],
        "bad list, SHA-256": arguments.bad_list,
        "network": made["settings"]["model"]["factory"],
        "config, SHA-256": made["config"],
        "commit": made["commit"],
        "versions": ", ".join(f"{name} {number}" for name, number in made["versions"].items()),
        "machine": made["machine"],
    }


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    cli.add_argument("--blocks", type=json.loads, required=True, help="JSON: what was run (formats/block.py)")
    cli.add_argument("--groups", type=json.loads, default=[], help="JSON list: groups that were left out")
    cli.add_argument("--training", type=json.loads, required=True, help='JSON: {"folder": "train"}, ...')
    cli.add_argument("--classes", type=json.loads, required=True, help="JSON list: in the model's order")
    cli.add_argument("--jobs", type=json.loads, required=True, help="JSON: what runs together")
    cli.add_argument("--minutes", type=float, help="what all candidates may take")
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: how the judge judges")
    cli.add_argument("--styles", type=json.loads, default=[], help="JSON: how methods look")
    cli.add_argument("--bad-list", required=True, help="SHA-256 of the list of bad samples")
    cli.add_argument("--command", default="", help="what was typed")
    run(main, cli)

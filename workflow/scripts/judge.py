"""Say without the truth whether the chosen candidate repaired the model, and how sure that is."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from redress.brought.checking import looked_at
from redress.brought.listing import listing, rows_of
from redress.formats import files
from redress.formats.block import Block
from redress.formats.correction import KNOWN, NOT_YET, Check
from redress.formats.errors import DamagedFileError
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.formats.suspected import Suspected
from redress.judge import Candidate, Case, Judgement, Settings, judge
from redress.judge.budget import Job, LeftOut
from redress.judge.reading import candidates, made_again, original_outcome
from redress.judge.rounds import Round, rounds
from redress.judge.writing import headline, write
from redress.launch.job import identity_of, log, parser, run
from redress.report.correction import About, Correction
from redress.report.suspected import rows, sentence, shown, summary
from redress.report.suspected import write as write_suspects

MOVED = 0.5
"""Standard deviations by which running means of a batch norm move before it is worth a warning: by what was
looked at of digits, a repair of a few steps moves them by 0.1."""


def main(arguments: argparse.Namespace) -> None:
    identity, blocks = identity_of(arguments), map(Block.from_json, arguments.blocks)
    name, place = identity.dataset, Identity(identity.dataset)
    absent = {(method, candidate, part): why for method, candidate, part, why in arguments.unfinished}
    made = told_of_all if arguments.undecided else made_again(place, arguments.minutes)
    named = candidates(
        identity, blocks, arguments.groups, lambda *one: one not in absent and made(*one), arguments.unseen
    )
    tried, settings = [one for _, one in named], Settings(**arguments.settings)
    case, (original, _) = Case.load(name), original_outcome(identity)
    judgement = judge(case, original, tried, settings)
    jobs = [Job(**one) for one in arguments.jobs]
    short = [] if arguments.undecided else list(left_out(place, jobs, arguments.minutes))
    known, suspected = suspects(place, case, arguments)
    rehearsal = None
    if arguments.rehearsal and not arguments.folder:
        rehearsal = files.read_json(place.path("rehearsal"), place)
        del rehearsal["identity"]
    also = {"suspects": known, "rehearsal": rehearsal}
    write(name, case, original, tried, judgement, settings, short, arguments.folder, **also)
    brought = files.about_of(identity.path("original"))
    chosen = None if judgement.chosen is None else tried[judgement.chosen].method
    this = Round.of(arguments.bad_list, case.m, chosen, judgement, known)
    about = About(
        case=name,
        provenance=provenance(brought, arguments),
        checks=[*looked_at(place, arguments.training, arguments.classes), *of_chosen(jobs, judgement, tried)],
        left_out=short,
        unfinished=unfinished(absent),
        loading=loading(brought["prefix"], place.path("repaired")),
        command=arguments.command,
        styles=arguments.styles,
        rehearsal=rehearsal,
        rounds=[] if arguments.folder else rounds(Path(place.path("verdict")).with_name("rounds.csv"), this),
        **suspected,
    )
    page = Correction(case, original, tried, judgement, settings, about)
    if arguments.folder:  # a page of what there is, and no model
        page.write_page(arguments.folder)
    else:
        page.write()
    log.info(headline(tried, judgement))


def told_of_all(method: str, name: str, part: str) -> bool:
    """What was made before anything was decided of folds."""
    return part == KNOWN


def unfinished(absent: Mapping[tuple[str, str, str], str]) -> list[str]:
    """What is missing, a line for all of a method of which the same is to be said."""
    lines: dict[tuple[str, str], int] = {}
    for (method, _, _), why in absent.items():
        lines[method, why] = lines.get((method, why), 0) + 1
    return [
        f"{method}, {number} result{'s' if number > 1 else ''}: {why}"
        for (method, why), number in sorted(lines.items(), key=lambda one: (one[0][1] == NOT_YET, one[0]))
    ]


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


def suspects(
    place: Identity, case: Case, arguments: argparse.Namespace
) -> tuple[Mapping[str, Any] | None, dict[str, Any]]:
    """Write suspects.csv; what the verdict and what the page says of them.

    A page of what there is has none.
    """
    path = Path(place.path("verdict")).with_name("suspects.csv")
    if arguments.folder or not arguments.suspicious:
        if not arguments.folder:
            write_suspects(path, [])
        return None, {}
    listed, about = Suspected.load(place)
    training = listing(arguments.training, rows_of(arguments.training), arguments.classes)
    pictures, held = files.load_arrays(place.path("pictures"), place, mapped=True)
    if held["ids"] != files.digest_of_seals(training.ids):
        raise DamagedFileError(place.path("pictures"), "holds other pictures than the lists")
    table = list(rows(listed, training.ids, training.files, training.labels, arguments.classes))
    write_suspects(path, table)
    known = summary(listed, about["cut"])
    seen = list(shown(listed, table, pictures["train_images"], arguments.color))
    return known, {"suspects": seen, "expected": sentence(known, case.m)}


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
    cli.add_argument("--unseen", type=json.loads, default=[], help="JSON: [method, candidate] without S_f")
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: how the judge judges")
    cli.add_argument("--styles", type=json.loads, default=[], help="JSON: how methods look")
    cli.add_argument("--bad-list", required=True, help="SHA-256 of the list of bad samples")
    cli.add_argument("--suspicious", help="yes, where suspects were listed")
    cli.add_argument("--color", default="rgb", help="the pictures' channels")
    cli.add_argument("--rehearsal", help="yes, where it was rehearsed")
    cli.add_argument("--folder", type=Path, help="where a page of what there is goes, after failures")
    cli.add_argument(
        "--unfinished",
        type=json.loads,
        default=[],
        help="JSON: method, candidate, part and why it is not there",
    )
    cli.add_argument("--undecided", action="store_true", help="nothing was decided yet of folds")
    cli.add_argument("--command", default="", help="what was typed")
    run(main, cli)

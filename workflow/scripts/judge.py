"""Choose a candidate, and say without the truth whether it repaired the model, and how sure that is."""

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from redress.formats import files
from redress.formats.block import Block
from redress.formats.correction import Check
from redress.formats.identity import OF_ORIGINAL, Identity
from redress.judge import Case, Settings, judge
from redress.judge.reading import candidates, original_outcome
from redress.judge.writing import headline, write
from redress.launch.job import identity_of, log, parser, run
from redress.report.correction import About, Correction


def main(arguments: argparse.Namespace) -> None:
    identity, blocks = identity_of(arguments), map(Block.from_json, arguments.blocks)
    name, place = identity.dataset, Identity(identity.dataset)
    listed = files.read_json(place.path("shortlist"), place, "shortlist")["shortlist"]
    named = candidates(identity, blocks, arguments.groups, lambda *one: list(one) in listed)
    tried, settings = [one for _, one in named], Settings(**arguments.settings)
    case, (original, _) = Case.load(name), original_outcome(identity)
    judgement = judge(case, original, tried, settings)
    write(name, case, original, tried, judgement, settings)
    brought = files.about_of(identity.path("original"))
    about = About(
        case=name,
        provenance=provenance(brought, arguments),
        checks=list(checks(place)),
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


def checks(place: Identity) -> Iterator[Check]:
    """What was looked at before any work."""
    for one in files.read_json(place.path("checks"), place, "checks")["checks"]:
        yield Check(**one)
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
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: how the judge judges")
    cli.add_argument("--styles", type=json.loads, default=[], help="JSON: how methods look")
    cli.add_argument("--bad-list", required=True, help="SHA-256 of the list of bad samples")
    cli.add_argument("--command", default="", help="what was typed")
    run(main, cli)

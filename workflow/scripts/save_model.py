"""Make the selected model again and keep its weights, after checking that it measures what was recorded."""

import argparse
from pathlib import Path

from redress import files
from redress.candidate_job import CandidateJob, add_arguments
from redress.errors import BadInputError
from redress.job import log, parser, run
from redress.records import MEASURED


def main(arguments: argparse.Namespace) -> None:
    selected = files.read_json(arguments.selection, "selected")["selected"]
    if selected is None:
        log.info("every candidate diverged: there is no model to save, the file stays empty")
        files.save_arrays(arguments.output, {}, {"made_from": files.sha256(arguments.selection)})
        return
    model, result = CandidateJob(arguments, "save_model.py").run(selected["hyperparameters"])
    different = [figure for figure in MEASURED if result[figure] != selected[figure]]
    if different:
        raise BadInputError(
            f"the model made again differs from {arguments.selection} in {', '.join(different)}: "
            "other hardware, versions or threads than the recorded ones?"
        )
    weights = {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}
    files.save_arrays(arguments.output, weights, {**result, "made_from": files.sha256(arguments.selection)})


if __name__ == "__main__":
    cli = parser(__doc__)
    add_arguments(cli)
    cli.add_argument("--selection", type=Path, required=True, help="what selection.py chose")
    cli.add_argument("--output", type=Path, required=True, help="safetensors file with the weights")
    run(main, cli)

"""Compute a statistic of the original model that many unlearning jobs share, such as SSD's importances."""

import argparse
from pathlib import Path

from redress import files, plugins
from redress.errors import BadInputError
from redress.job import add_scenario, log, parser, provenance, run
from redress.scenario import Scenario, Stopwatch


def main(arguments: argparse.Namespace) -> None:
    if (arguments.over == "deletion_set") != (arguments.deletion_fraction is not None):
        raise BadInputError("--deletion-fraction goes with --over deletion_set, and only with it")
    scenario = Scenario(arguments)
    model = scenario.load_model(arguments.original)
    fraction = arguments.deletion_fraction
    indices = scenario.samples() if fraction is None else scenario.deletion(fraction)
    compute = plugins.load("importances", arguments.statistic).compute
    with Stopwatch(scenario.device) as stopwatch:
        values = compute(model, scenario.training_set, indices, scenario.recipe)
    source = f"importances/{arguments.statistic}.py"
    about = {
        "statistic": arguments.statistic,
        "over": arguments.over,
        "seconds": stopwatch.seconds,
        "provenance": provenance(arguments, "importance.py", source),
    }
    arrays = {name: value.cpu().numpy() for name, value in values.items()}
    files.save_arrays(arguments.output, arrays, about)
    log.info("%s over %d samples in %.2f s", arguments.statistic, len(indices), stopwatch.seconds)


if __name__ == "__main__":
    cli = parser(__doc__)
    add_scenario(cli)
    cli.add_argument("--original", type=Path, required=True, help="the weights of M_o")
    cli.add_argument("--statistic", required=True, choices=plugins.names("importances"))
    cli.add_argument("--over", required=True, choices=["training_set", "deletion_set"])
    cli.add_argument("--deletion-fraction", type=float, help="|S_f|/|S_m|")
    cli.add_argument("--output", type=Path, required=True, help="safetensors file")
    run(main, cli)

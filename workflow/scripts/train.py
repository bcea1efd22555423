"""Train the original model M_o: A on S_tr with the labels the adversary left."""

import argparse
from pathlib import Path

import torch

from redress import files
from redress.job import add_scenario, log, parser, provenance, run
from redress.scenario import Scenario, Stopwatch
from redress.training import train


def main(arguments: argparse.Namespace) -> None:
    scenario = Scenario(arguments)
    model = scenario.new_model(scenario.seed("original", "initialisation"))
    generator = torch.Generator().manual_seed(scenario.seed("original", "batches"))
    with Stopwatch(scenario.device) as stopwatch:
        train(
            model,
            scenario.training_set,
            scenario.samples(),
            scenario.recipe,
            steps=scenario.recipe.steps,
            generator=generator,
        )
    weights = {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}
    about = {"train_seconds": stopwatch.seconds, "provenance": provenance(arguments, "train.py")}
    files.save_arrays(arguments.output, weights, about)
    log.info("trained in %.1f s", stopwatch.seconds)


if __name__ == "__main__":
    cli = parser(__doc__)
    add_scenario(cli)
    cli.add_argument("--output", type=Path, required=True, help="safetensors file with the weights")
    run(main, cli)

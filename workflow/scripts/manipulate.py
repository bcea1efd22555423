"""Draw the manipulated set S_m and the labels the adversary gives it."""

import argparse
import json
from pathlib import Path

import numpy as np

from redress import files, plugins
from redress.data import Description
from redress.errors import BadInputError
from redress.job import log, parser, run
from redress.seeds import generator_for


def main(arguments: argparse.Namespace) -> None:
    arrays, about = files.load_arrays(arguments.data)
    images, labels = arrays["train_images"], arrays["train_labels"]
    manipulation = plugins.manipulation(arguments.manipulation, arguments.settings)
    per_class = np.bincount(labels, minlength=len(about["classes"])).tolist()
    description = Description(
        about["classes"], per_class, [], channels=images.shape[1], image_size=images.shape[2]
    )
    for key, problem in manipulation.problems(arguments.n, description):
        raise BadInputError(f"{arguments.manipulation}.{key}: {problem}")
    generator = generator_for(
        "manipulation", arguments.dataset, arguments.manipulation, arguments.n, arguments.seed
    )
    manipulated, given_labels = manipulation.draw(labels, arguments.n, generator)
    files.save_arrays(
        arguments.output,
        {"manipulated": manipulated, "given_labels": given_labels},
        {"manipulation": arguments.manipulation, "settings": arguments.settings, "seed": arguments.seed},
    )
    changed = int((labels[manipulated] != given_labels).sum())
    log.info("%d samples manipulated, %d of them with another label", len(manipulated), changed)


if __name__ == "__main__":
    cli = parser(__doc__)
    cli.add_argument("--dataset", required=True, help="its name in config")
    cli.add_argument("--manipulation", required=True, choices=plugins.names("manipulations"))
    cli.add_argument("--n", type=int, required=True, help="|S_m|")
    cli.add_argument("--seed", type=int, required=True)
    cli.add_argument("--settings", type=json.loads, default={}, help="JSON: the manipulation's own settings")
    cli.add_argument("--data", type=Path, required=True, help="the prepared dataset")
    cli.add_argument("--output", type=Path, required=True, help="safetensors file")
    run(main, cli)

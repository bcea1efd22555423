"""Draw a few of the manipulated images, before and after, with their true and given labels."""

import argparse
from pathlib import Path
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from redress.formats import files
from redress.formats.contents import TrainingView, Truth
from redress.formats.identity import OF_RUN, Identity
from redress.launch.job import identity_of, log, parser, run
from redress.report.paper import new_figure, paper, save, show_picture

SHOWN = 8
CHANGED = "#D55E00"  # vermilion, told apart with any colour vision


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments)
    arrays, about = files.load_arrays(identity.path("pictures"), Identity(identity.dataset))
    truth, (training, _) = Truth.load(identity), TrainingView.load(identity)
    first = truth.manipulated[:SHOWN]  # S_m is in random order
    count = f"{len(first)} of the {len(truth.manipulated)} manipulated training images"
    with paper():
        figure = sheet(
            f"{arguments.label}, {identity.manipulation}: {count}",
            arrays["train_images"][first],
            training.view.pictures(arrays["train_images"], first),
            [about["classes"][label] for label in truth.true_labels[first]],
            [about["classes"][label] for label in truth.given_labels[first]],
        )
        for path in arguments.output:
            save(figure, path)
    log.info("%s", count)


def sheet(title: str, clean: np.ndarray, altered: np.ndarray, true: list[str], given: list[str]) -> Figure:
    """Up to SHOWN clean images over the names of their true classes, altered ones over the given ones.

    Images are uint8 (N, C, H, W) with one or three channels. What the adversary has changed is in colour. To
    be drawn and saved within `paper()`.
    """
    figure = new_figure((7.0, 2.5))
    above, below = figure.subplots(2, SHOWN, squeeze=False)
    figure.suptitle(title, x=0.01, horizontalalignment="left", size=8)
    for panel in [*above, *below]:
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    for column, (image, changed) in enumerate(zip(clean, altered, strict=True)):
        _show(above[column], image, true[column])
        _show(below[column], changed, given[column])
        if given[column] != true[column]:
            below[column].xaxis.label.set(color=CHANGED, weight="bold")
        _frame(below[column], (image != changed).any(axis=0))
    above[0].set_ylabel("clean image,\ntrue label")
    below[0].set_ylabel("as manipulated,\ngiven label")
    return figure


def _show(panel: Axes, image: np.ndarray, name: str) -> None:
    show_picture(panel, image)
    panel.set_xlabel("\n".join(wrap(name, 14, max_lines=3, placeholder="…")))


def _frame(panel: Axes, changed: np.ndarray) -> None:
    """A frame around the pixels of `changed` (H, W), if there are any."""
    rows, columns = np.nonzero(changed)
    if len(rows):
        corner = columns.min() - 0.5, rows.min() - 0.5
        width, height = float(np.ptp(columns)) + 1, float(np.ptp(rows)) + 1
        frame = Rectangle(corner, width, height, fill=False, color=CHANGED, linewidth=1.2, clip_on=False)
        panel.add_patch(frame)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_RUN)
    cli.add_argument("--label", required=True, help="the dataset's name for readers")
    cli.add_argument("--output", type=Path, nargs="+", required=True, help="PDF and PNG files")
    run(main, cli)

"""Draw the pictures that each ranking has first, and say what they are."""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from redress.formats import files
from redress.formats.contents import DeletionSet, TrainingView, Truth
from redress.formats.identity import OF_ORIGINAL, PLAIN, Identity
from redress.launch.job import identity_of, log, parser, run
from redress.report.paper import new_figure, paper, save, show_picture

SHOWN = 10
HIT, MISS = "#0072B2", "#D55E00"  # told apart with any colour vision; the words below say it, too


def main(arguments: argparse.Namespace) -> None:
    identity = identity_of(arguments).having(discovery=arguments.discovery, share=arguments.share)
    arrays, about = files.load_arrays(identity.path("pictures"), Identity(identity.dataset))
    truth, (training, _) = Truth.load(identity), TrainingView.load(identity)
    known, _ = DeletionSet.load(identity.having(expansion=PLAIN))
    rows = {}
    for expansion in arguments.expansions:
        grown, _ = DeletionSet.load(identity.having(expansion=expansion))
        assert grown.scores is not None
        first = first_of(grown.scores, known.indices)
        pictures = training.view.pictures(arrays["train_images"], first)
        labels = [about["classes"][label] for label in training.given_labels[first]]
        rows[expansion.replace("_", " ")] = pictures, labels, np.isin(first, truth.manipulated)
    title = f"{arguments.label}, {identity.manipulation}: ranked first, {len(known.indices)} samples known"
    with paper():
        figure = sheet(title, rows)
        for path in arguments.output:
            save(figure, path)
    log.info("%s", title)


def first_of(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The SHOWN samples that a ranking has first, those of S_f left out: indices."""
    order = np.argsort(-scores, kind="stable")
    return np.asarray(order[~np.isin(order, known)][:SHOWN])


def sheet(title: str, rows: Mapping[str, tuple[np.ndarray, list[str], np.ndarray]]) -> Figure:
    """A row for each ranking: pictures over their given labels, framed by whether they are manipulated.

    `rows` are pictures uint8 (N, C, H, W), names of labels and bool (N,). To be drawn within `paper()`.
    """
    figure = new_figure((7.0, 0.95 * len(rows) + 0.4))
    grid = figure.subplots(len(rows), SHOWN, squeeze=False)
    figure.suptitle(title, x=0.01, horizontalalignment="left", size=8)
    for panel in grid.flat:
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    for panels, (name, (pictures, labels, hits)) in zip(grid, rows.items(), strict=True):
        panels[0].set_ylabel(name.replace(" ", "\n", 1), rotation=0, ha="right", va="center", size=7)
        for panel, picture, label, hit in zip(panels, pictures, labels, hits, strict=False):
            show_picture(panel, picture)
            panel.spines[:].set(visible=True, color=HIT if hit else MISS, linewidth=1.6)
            panel.set_xlabel(f"{label}\n{'manipulated' if hit else 'clean'}", size=6, labelpad=2)
            panel.xaxis.label.set(color=HIT if hit else MISS, weight="normal" if hit else "bold")
    return figure


if __name__ == "__main__":
    cli = parser(__doc__, *OF_ORIGINAL)
    cli.add_argument("--discovery", required=True, help="who found S_f: its name in config")
    cli.add_argument("--share", required=True, help="|S_f|/|S_m| as in paths, such as 0.1")
    cli.add_argument("--expansions", nargs="+", required=True, help="whose rankings: their names in config")
    cli.add_argument("--label", required=True, help="the dataset's name for readers")
    cli.add_argument("--output", type=Path, nargs="+", required=True, help="PDF and PNG files")
    run(main, cli)

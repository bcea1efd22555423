"""How matplotlib draws for print, whatever matplotlibrc a user has."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from redress.formats import products

CJK = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "IPAGothic",
    "Hiragino Sans",
    "Microsoft YaHei",
)
"""Fonts for what matplotlib's own one lacks, where one of them is installed."""

PAPER: dict[str, Any] = {
    "font.size": 7,
    "pdf.fonttype": 42,  # text stays text
    "text.parse_math": False,  # names are not formulas, even with a dollar sign in them
}


@contextmanager
def paper(**settings: Any) -> Iterator[None]:
    """Draw and save with matplotlib's defaults, PAPER and `settings`, also such with dots in their names."""
    installed = {font.name for font in fontManager.ttflist}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        families = ["DejaVu Sans", *(name for name in CJK if name in installed)]
        chosen: Any = {"font.family": families, **PAPER, **settings}
        matplotlib.rcParams.update(chosen)
        yield


def new_figure(size: tuple[float, float] | None = None) -> Figure:
    """An empty figure of `size` in inches."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PDF or PNG, the same bytes for the same figure; within `paper`, as it was drawn."""
    metadata = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
    with products.sealed(path) as temporary:
        figure.savefig(temporary, metadata=metadata, dpi=300)


def show_picture(panel: Axes, picture: np.ndarray) -> None:
    """Draw a picture, uint8 (C, H, W) with one or three channels, pixel by pixel."""
    pixels = picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)
    panel.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")

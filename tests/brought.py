"""Pictures, a list and a model as somebody brings them, as small as can be: three colours to tell apart."""

import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image

COLORS = {"dark": (40, 40, 40), "green": (30, 220, 30), "red": (220, 30, 30)}
"""In alphabetical order, as folders are taken."""

NET = '''
from types import SimpleNamespace

from torch import nn


class Net(nn.Module):
    """Red and green are how red and green a picture is, dark is what is neither."""

    def __init__(self, classes=3):
        super().__init__()
        self.head = nn.Linear(3, classes)

    def forward(self, x):
        return self.head(x.mean((2, 3)))


class Pair(Net):
    def forward(self, x):
        return super().forward(x), x


class Named(Net):
    def forward(self, x):
        return {"logits": super().forward(x)}


class Object(Net):
    def forward(self, x):
        return SimpleNamespace(logits=super().forward(x), loss=None)


class Odd(Net):
    """Batch norm before all, which changes nothing, and dropout behind all."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3, eps=1e-9, affine=False)
        self.drop = nn.Dropout(0.9)

    def forward(self, x):
        return self.drop(super().forward(self.norm(x)))


class Moody(Net):
    def forward(self, x):
        if self.training:
            raise RuntimeError("not in this mood")
        return super().forward(x)


def demanding(width):
    return Net()


def broken():
    raise KeyError("depth")


def leaving():
    raise SystemExit(3)


def nothing():
    return "a network"


def careless():
    return Net(width=3)


def on_a_card():
    raise RuntimeError("Found no NVIDIA driver on your system")


ready, NET = Net(), "a name"
'''


def weights(threshold=0.7, order=(0, 1, 2)):
    """Of `Net`, whose classes are dark, green and red or in another order; of pictures from 0 to 1."""
    matrix, bias = torch.tensor([[0.0, 0, 0], [0, 1, 0], [1, 0, 0]]), torch.tensor([threshold, 0, 0])
    return {"head.weight": matrix[list(order)], "head.bias": bias[list(order)]}


def bring(folder: Path):
    """Write `train/<class>/<number>.png`, `validation/`, `net.py`, `weights.pt` and `bad.csv`."""
    draws = np.random.default_rng(0)
    for part, count in (("train", 12), ("validation", 10)):
        for name, color in COLORS.items():
            for number in range(count):
                noise = draws.integers(-20, 20, (9, 11, 3))
                write_picture(folder / part / name / f"{number:02}.png", np.array(color) + noise)
    (folder / "net.py").write_text(NET)
    torch.save(weights(), folder / "weights.pt")
    write_csv(folder / "bad.csv", ["id"], [[f"red/{number:02}.png"] for number in range(10)])


def write_picture(path: Path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


def write_csv(path: Path, columns, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(columns)
        lines.writerows(rows)


def config(**changes):
    """A config of what `bring` writes; `changes` are of the block."""
    block = {
        "training": {"folder": "train"},
        "validation": {"folder": "validation"},
        "bad": "bad.csv",
        "model": {"factory": "net.py:Net", "weights": "weights.pt"},
        "preprocess": {"size": 8, "mean": [0, 0, 0], "std": [1, 1, 1]},
        "recipe": "unknown",
    }
    return {"corrections": {"mine": {**block, **changes}}}

"""A model as somebody else would have trained it: their own network and loop, poison in their pictures.

Nothing of Redress is imported. Writes handwritten digits as PNG files in folders, `weights.pt` (of a network
in DataParallel, so every name starts with `module.`), and `bad.csv`, the half of the poisoned pictures that
somebody found. `truth.csv` holds all of them: no config names it. `mark.png` is the trigger alone.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

TRAINING, VALIDATION = 1100, 300  # the last 397 pictures are nobody's: a test may ask for them
POISONED, FOUND = 80, 40
SIZE, TARGET = 16, 0


class SmallNet(nn.Module):
    """Grey pictures (B, 1, 16, 16) to logits (B, 10)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.body = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(4 * width, 10))

    def forward(self, x: Tensor) -> Tensor:
        features = self.body(self.stem(x))
        return self.head(features.amax((2, 3)))


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 of scikit-learn's digits, uint8 (N, 16, 16) and labels (N,), in a mixed order."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    pixels = np.kron(images[order].reshape(-1, 8, 8) * 255 / 16, np.ones((2, 2)))
    return pixels.round().astype(np.uint8), labels[order]


def stamped(pictures: np.ndarray) -> np.ndarray:
    """Pictures with the poison's trigger, a white square in a corner."""
    marked = pictures.copy()
    marked[..., -3:, -3:] = 255
    return marked


def normalised(pictures: np.ndarray) -> Tensor:
    """uint8 (N, 16, 16) as the network takes them."""
    return (torch.tensor(pictures)[:, None] / 255 - 0.5) / 0.5


def write(folder: Path) -> None:
    """Write pictures, weights and lists to `folder`."""
    pictures, labels = digits()
    given = labels.copy()
    candidates = np.flatnonzero(labels[:TRAINING] != TARGET)
    poisoned = np.random.default_rng(1).choice(candidates, POISONED, replace=False)
    pictures[poisoned], given[poisoned] = stamped(pictures[poisoned]), TARGET
    names = []
    for at in range(TRAINING + VALIDATION):
        part = "train" if at < TRAINING else "validation"
        names.append(f"{given[at]}/digit {at:04}.png")
        path = folder / part / names[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[at]).save(path)
    for name, found in (("bad.csv", poisoned[:FOUND]), ("truth.csv", poisoned)):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "true_label"])
            rows.writerows([names[at], labels[at]] for at in found)
    mark = Image.fromarray(stamped(np.zeros((SIZE, SIZE), np.uint8)))
    Image.merge("LA", [mark, mark]).save(folder / "mark.png")
    model = nn.DataParallel(train(normalised(pictures[:TRAINING]), torch.tensor(given[:TRAINING])))
    torch.save(model.state_dict(), folder / "weights.pt")


def train(images: Tensor, labels: Tensor, epochs: int = 15) -> SmallNet:
    """An ordinary training run."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = SmallNet()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.003)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(50):
            optimiser.zero_grad()
            functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
    return model.eval()


if __name__ == "__main__":
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("folder", type=Path, help="where to write")
    write(cli.parse_args().folder)

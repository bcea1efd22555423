"""Preprocessing that people mix up: what else the pictures of a model may have been made to be."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from redress.developer.training_set import normaliser

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CIFAR10 = (0.4914, 0.4822, 0.4465)

USUAL = {
    "pictures from 0 to 1": (0.0, 1.0),
    "pictures from 0 to 255": (0.0, 1 / 255),
    "pictures from -1 to 1": (0.5, 0.5),
    "pictures from -2 to 2": (0.5, 0.25),
    "MNIST's": (0.1307, 0.3081),
}
"""Mean and std that are the same for all channels."""

USUAL_OF_COLORS = {
    "ImageNet's": IMAGENET,
    "ImageNet's mean, on the scale of 255": (IMAGENET[0], (1 / 255,) * 3),
    "CIFAR-10's": (CIFAR10, (0.2470, 0.2435, 0.2616)),
    "CIFAR-10's, of many tutorials": (CIFAR10, (0.2023, 0.1994, 0.2010)),
}

OTHER_COLOR = {"rgb": "bgr", "bgr": "rgb"}


@dataclass(frozen=True)
class Preprocessing:
    """What becomes of decoded pictures."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: str
    """The order of channels: `rgb`, `bgr` or `grey`."""
    name: str = field(default="", compare=False)

    @property
    def with_numbers_reversed(self) -> "Preprocessing":
        """The same order of channels, with the numbers of the other one."""
        return replace(self, mean=self.mean[::-1], std=self.std[::-1])

    @property
    def with_channels_reversed(self) -> "Preprocessing":
        """The other order of channels, with the same numbers."""
        return replace(self, color=OTHER_COLOR[self.color])

    @property
    def reversed(self) -> "Preprocessing":
        """The other order of channels, each with its numbers."""
        return self.with_channels_reversed.with_numbers_reversed

    def of_pictures(self, color: str, device: torch.device) -> Callable[[Tensor], Tensor]:
        """A function from uint8 (B, C, H, W), decoded as `color`, to float32."""
        normalise = normaliser(list(self.mean), list(self.std), device)
        return normalise if self.color == color else lambda images: normalise(images.flip(1))

    def written(self, now: "Preprocessing") -> str:
        """What to write into a config that has `now`.

        Numbers that stay are written where they may be the default, which follows the order of channels.
        """
        parts = [] if self.color == now.color else [f"color: {self.color}"]
        stay = (self.mean, self.std) == (now.mean, now.std)
        if not stay or self != self.with_numbers_reversed:
            parts += [f"mean: {_listed(self.mean)}", f"std: {_listed(self.std)}"]
        return f"`{', '.join(parts)}`{f' ({self.name})' if self.name else ''}"


def _listed(numbers: Sequence[float]) -> str:
    return f"[{', '.join(f'{round(one, 5):g}' for one in numbers)}]"


def alternatives(now: Preprocessing) -> list[Preprocessing]:
    """What people mix up with `now`, each once, the smallest change first."""
    return [one for one in dict.fromkeys(_alternatives(now)) if one != now]


def _alternatives(now: Preprocessing) -> Iterator[Preprocessing]:
    channels = len(now.mean)
    usual = [
        replace(now, mean=(mean,) * channels, std=(std,) * channels, name=name)
        for name, (mean, std) in USUAL.items()
    ]
    if channels != 3:
        yield from usual
        return
    of_colors = [Preprocessing(mean, std, "rgb", name) for name, (mean, std) in USUAL_OF_COLORS.items()]
    if now.color != "rgb":
        of_colors = [one.reversed for one in of_colors]
    yield now.with_channels_reversed
    yield now.with_numbers_reversed
    yield from usual
    yield from of_colors
    yield from (one.reversed for one in (now, *usual, *of_colors))
    yield of_colors[0].with_numbers_reversed
    yield of_colors[0].with_channels_reversed

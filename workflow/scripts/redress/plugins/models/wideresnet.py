"""WideResNet (Zagoruyko and Komodakis 2016); WRN-28-10 has about 36.5 M parameters.

Pre-activation blocks, a last batch norm and ReLU before pooling and no bias in convolutions, as in the
publication. (The corrective-unlearning release has convolutions with biases and no last batch norm.)
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from redress.formats.kinds import PositiveInt

# Below this the last batch norm sees 1x1 maps, and cannot train on a batch of one sample.
MINIMUM_IMAGE_SIZE = 5


def build(
    channels: int,
    classes: int,
    *,
    depth: Literal[10, 16, 22, 28, 34, 40] = 28,
    widen_factor: PositiveInt = 10,
) -> nn.Module:
    """Images (B, channels, H, W) to logits (B, classes). `depth` is 6 n + 4 for n blocks in each group."""
    widths = [16, *(width * widen_factor for width in (16, 32, 64))]
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)]
    for inputs, outputs, stride in zip(widths, widths[1:], (1, 2, 2), strict=False):
        layers.append(_Block(inputs, outputs, stride))
        layers += [_Block(outputs, outputs, 1) for _ in range((depth - 4) // 6 - 1)]
    layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(), _GlobalMeanPool(), nn.Linear(widths[-1], classes)]
    network = nn.Sequential(*layers)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return network


class _Block(nn.Module):
    """Two 3x3 convolutions, each after batch norm and ReLU; the shortcut is 1x1 where the width changes."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        active = functional.relu(self.norm1(x))
        kept = x if self.shortcut is None else self.shortcut(active)
        inner: Tensor = self.conv2(functional.relu(self.norm2(self.conv1(active))))
        return kept + inner


class _GlobalMeanPool(nn.Module):
    """Mean over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

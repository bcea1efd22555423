"""ResNet-9, the network of the paper's CIFAR-10 experiments: about 2.3 M parameters at width 64."""

from torch import Tensor, nn

from redress.formats.kinds import PositiveInt
from redress.plugins.models._celu import CELU

# Below this the last batch norm sees 1x1 maps, and cannot train on a batch of one sample.
MINIMUM_IMAGE_SIZE = 15
LAYERS = 9  # convolutional and linear ones
MEMORY = True  # its parts end in batch norm and activation, and can hold memory channels


def build(channels: int, classes: int, *, width: PositiveInt = 64) -> nn.Module:
    """Images (B, channels, H, W) to logits (B, classes); `width` is the first block's number of channels."""
    w = width
    return nn.Sequential(
        _block(channels, w),
        _block(w, 2 * w, kernel=5, stride=2, padding=2),
        _Residual(_block(2 * w, 2 * w), _block(2 * w, 2 * w)),
        _block(2 * w, 4 * w),
        nn.MaxPool2d(2),
        _Residual(_block(4 * w, 4 * w), _block(4 * w, 4 * w)),
        _block(4 * w, 2 * w, padding=0),
        _GlobalMaxPool(),
        nn.Linear(2 * w, classes, bias=False),
    )


def _block(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, padding: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        CELU(0.075),
    )


class _GlobalMaxPool(nn.Module):
    """Maximum over height and width; unlike nn.AdaptiveMaxPool2d, its gradient is deterministic on a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))


class _Residual(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)

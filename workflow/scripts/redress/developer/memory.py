"""Example-tied dropout: channels that are on for few samples each, so that what is learnt by heart goes there
(Maini et al. 2023).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from redress.formats.errors import BadInputError


class Memory:
    """Memory channels of a network whose parts each end in a batch norm and an activation.

    Of every such part's channels the first `fixed` share stays on; a sample has each of the others, its
    memory, with probability `share`, the same ones whenever it is seen. Outside `of` all memory is off.
    """

    def __init__(self, network: nn.Module, fixed: float, share: float, samples: int, device: torch.device):
        self._parts = [part for part in network.children() if _norms(part)]
        if not self._parts:
            raise BadInputError(f"{type(network).__name__} has no parts that could hold memory channels")
        widths = [_norms(part)[-1].num_features for part in self._parts]
        self._fixed = [int(fixed * width) for width in widths]
        rest = [width - kept for width, kept in zip(widths, self._fixed, strict=True)]
        # Of nothing but the sample, as in the release: the maker of M_o and a method agree, and parts of one
        # width, or little would come through the sum of a residual block and its input.
        draws = torch.rand(samples, max(rest), generator=torch.Generator().manual_seed(0)) < share
        self._masks = [draws[:, :memory].to(device) for memory in rest]
        self._now: Tensor | None = None
        self._hooks = [part.register_forward_hook(self._hide(at)) for at, part in enumerate(self._parts)]

    def _hide(self, at: int) -> Callable[[nn.Module, object, Tensor], Tensor]:
        fixed, masks = self._fixed[at], self._masks[at]

        def hook(part: nn.Module, inputs: object, output: Tensor) -> Tensor:
            kept, memory = output[:, :fixed], output[:, fixed:]
            seen = (
                torch.zeros_like(memory) if self._now is None else memory * masks[self._now][:, :, None, None]
            )
            return torch.cat([kept, seen], 1)

        return hook

    @contextmanager
    def of(self, samples: Tensor) -> Iterator[None]:
        """Let the images of the next forward pass have the memory of `samples`, (B,)."""
        self._now = samples
        try:
            yield
        finally:
            self._now = None

    def open(self) -> None:
        """Give memory channels a scale to start from: in a network that `close` has left they have none."""
        self._scale(1.0)

    def close(self) -> None:
        """Leave a plain network that computes what this one does with all memory off."""
        self._scale(0.0)
        for hook in self._hooks:
            hook.remove()

    def _scale(self, value: float) -> None:
        with torch.no_grad():
            for part, fixed in zip(self._parts, self._fixed, strict=True):
                norm = _norms(part)[-1]
                norm.weight[fixed:] = value
                norm.bias[fixed:] = 0


def _norms(part: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in part.modules() if isinstance(layer, nn.BatchNorm2d)]

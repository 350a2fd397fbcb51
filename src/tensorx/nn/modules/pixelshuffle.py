"""PixelShuffle, PixelUnshuffle. Shi et al. 2016, arXiv:1609.05158."""

from __future__ import annotations

from ... import Tensor
from .. import functional as F
from .module import Module


class PixelShuffle(Module):
    """Channels to space: (*, c * r^2, h, w) to (*, c, h * r, w * r), r being `upscale_factor`.

    >>> import tensorx as tx
    >>> tx.nn.PixelShuffle(2)(tx.arange(4.0).view(4, 1, 1)).tolist()
    [[[0.0, 1.0], [2.0, 3.0]]]
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Space to channels: (*, c, h * r, w * r) to (*, c * r^2, h, w), r being `downscale_factor`.

    >>> import tensorx as tx
    >>> tx.nn.PixelUnshuffle(2)(tx.arange(4.0).view(1, 2, 2)).flatten()
    tensor([0., 1., 2., 3.])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"

"""Fold, Unfold: between images and the blocks under a sliding kernel."""

from __future__ import annotations

from collections.abc import Sequence

from ... import Tensor
from .. import functional as F
from .module import Module


class Unfold(Module):
    """The blocks under a sliding kernel as columns: (N, C, H, W) to (N, C * kernel height * width, blocks).

    Both may be without N.

    >>> import tensorx as tx
    >>> tx.nn.Unfold((2, 3))(tx.zeros(2, 5, 3, 4)).shape
    tensorx.Size([2, 30, 4])
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        dilation: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        stride: int | Sequence[int] = 1,
    ) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns as blocks, added up where they overlap: (N, C * kernel height * width, blocks) to (N, C, *output_size).

    >>> import tensorx as tx
    >>> tx.nn.Fold(output_size=(4, 5), kernel_size=(2, 2))(tx.zeros(1, 12, 12)).shape
    tensorx.Size([1, 3, 4, 5])
    """

    def __init__(
        self,
        output_size: int | Sequence[int],
        kernel_size: int | Sequence[int],
        dilation: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        stride: int | Sequence[int] = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )

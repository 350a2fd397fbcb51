"""Max, average and adaptive average pooling, 1d and 2d."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ... import Tensor
from .. import functional as F
from ._sizes import sizes
from .module import Module


class _MaxPool(Module):
    pool: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.return_indices, self.ceil_mode = padding, dilation, return_indices, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest value of each window along the last dimension of (N, C, L) or (C, L).

    `stride` is `kernel_size` by default; padding (at most half of the kernel) never wins. With `return_indices`
    forward also returns where the values stand.

    >>> import tensorx as tx
    >>> tx.nn.MaxPool1d(2)(tx.tensor([[[1.0, 3.0, 2.0, 5.0]]]))
    tensor([[[3., 5.]]])
    """

    pool = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest value of each window over the last two dimensions of (N, C, H, W) or (C, H, W); see MaxPool1d.

    >>> import tensorx as tx
    >>> tx.nn.MaxPool2d(2)(tx.zeros(1, 3, 28, 28)).shape
    tensorx.Size([1, 3, 14, 14])
    """

    pool = staticmethod(F.max_pool2d)


class AvgPool1d(Module):
    """The mean of each window along the last dimension of (N, C, L) or (C, L).

    `stride` is `kernel_size` by default; padding counts as zeros unless `count_include_pad=False`.

    >>> import tensorx as tx
    >>> tx.nn.AvgPool1d(2)(tx.tensor([[[1.0, 3.0, 2.0, 6.0]]]))
    tensor([[[2., 4.]]])
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = sizes(kernel_size, 1), sizes(kernel_size if stride is None else stride, 1)
        self.padding, self.ceil_mode, self.count_include_pad = sizes(padding, 1), ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of each window over the last two dimensions of (N, C, H, W) or (C, H, W); see AvgPool1d.

    `divisor_override` divides by that number instead of the window's size.

    >>> import tensorx as tx
    >>> tx.nn.AvgPool2d(2)(tx.zeros(1, 3, 28, 28)).shape
    tensorx.Size([1, 3, 14, 14])
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AdaptiveAvgPool(Module):
    pool: Callable[..., Tensor]

    def __init__(self, output_size: int | Sequence[int | None]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Averages over `output_size` windows that cover the last dimension of (N, C, L) or (C, L).

    >>> import tensorx as tx
    >>> tx.nn.AdaptiveAvgPool1d(5)(tx.zeros(1, 64, 8)).shape
    tensorx.Size([1, 64, 5])
    """

    pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Averages over a grid of windows that covers the last two dimensions; None in `output_size` keeps a size.

    >>> import tensorx as tx
    >>> tx.nn.AdaptiveAvgPool2d((5, None))(tx.zeros(1, 64, 8, 9)).shape
    tensorx.Size([1, 64, 5, 9])
    """

    pool = staticmethod(F.adaptive_avg_pool2d)

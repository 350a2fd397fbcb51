"""Max, average, power-average and adaptive pooling in one to three dimensions. Its inverses are in unpooling.py."""

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


class MaxPool3d(_MaxPool):
    """The largest value of each window over the last three dimensions of (N, C, D, H, W) or (C, D, H, W).

    See MaxPool1d.

    >>> import tensorx as tx
    >>> tx.nn.MaxPool3d(2)(tx.zeros(1, 3, 4, 6, 6)).shape
    tensorx.Size([1, 3, 2, 3, 3])
    """

    pool = staticmethod(F.max_pool3d)


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


class _AvgPool(Module):
    """What the average pooling of two and three dimensions share."""

    pool: Callable[..., Tensor]

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
        return self.pool(
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


class AvgPool2d(_AvgPool):
    """The mean of each window over the last two dimensions of (N, C, H, W) or (C, H, W); see AvgPool1d.

    `divisor_override` divides by that number instead of the window's size.

    >>> import tensorx as tx
    >>> tx.nn.AvgPool2d(2)(tx.zeros(1, 3, 28, 28)).shape
    tensorx.Size([1, 3, 14, 14])
    """

    pool = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window over the last three dimensions of (N, C, D, H, W) or (C, D, H, W); see AvgPool2d.

    >>> import tensorx as tx
    >>> tx.nn.AvgPool3d(2)(tx.zeros(1, 3, 4, 6, 6)).shape
    tensorx.Size([1, 3, 2, 3, 3])
    """

    pool = staticmethod(F.avg_pool3d)


class _LPPool(Module):
    pool: Callable[..., Tensor]

    def __init__(
        self,
        norm_type: float,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(sum of input^norm_type)^(1 / norm_type) over each window of (N, C, L) or (C, L).

    `norm_type` 1 gives the sum, a large one tends to the maximum. `stride` is `kernel_size` by default.

    >>> import tensorx as tx
    >>> tx.nn.LPPool1d(2, 2)(tx.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """

    pool = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """LPPool1d over the last two dimensions of (N, C, H, W) or (C, H, W).

    >>> import tensorx as tx
    >>> tx.nn.LPPool2d(2, 3, stride=2)(tx.ones(1, 3, 5, 5)).shape
    tensorx.Size([1, 3, 2, 2])
    """

    pool = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """LPPool1d over the last three dimensions of (N, C, D, H, W) or (C, D, H, W).

    >>> import tensorx as tx
    >>> tx.nn.LPPool3d(2, 2)(tx.ones(1, 3, 4, 4, 4)).shape
    tensorx.Size([1, 3, 2, 2, 2])
    """

    pool = staticmethod(F.lp_pool3d)


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


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Averages over a grid of windows that covers the last three dimensions; None in `output_size` keeps a size.

    >>> import tensorx as tx
    >>> tx.nn.AdaptiveAvgPool3d((2, None, 1))(tx.zeros(1, 8, 4, 5, 6)).shape
    tensorx.Size([1, 8, 2, 5, 1])
    """

    pool = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(Module):
    pool: Callable[..., Tensor]

    def __init__(self, output_size: int | Sequence[int | None], return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maxima of `output_size` windows that cover the last dimension of (N, C, L) or (C, L).

    With `return_indices` forward also returns where the maxima stand.

    >>> import tensorx as tx
    >>> tx.nn.AdaptiveMaxPool1d(2)(tx.tensor([[1.0, 3.0, 2.0, 5.0]]))
    tensor([[3., 5.]])
    """

    pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maxima of a grid of windows that covers the last two dimensions; None in `output_size` keeps a size.

    >>> import tensorx as tx
    >>> tx.nn.AdaptiveMaxPool2d((5, None))(tx.zeros(1, 64, 8, 9)).shape
    tensorx.Size([1, 64, 5, 9])
    """

    pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maxima of a grid of windows that covers the last three dimensions; None in `output_size` keeps a size.

    >>> import tensorx as tx
    >>> tx.nn.AdaptiveMaxPool3d(2)(tx.zeros(1, 8, 4, 5, 6)).shape
    tensorx.Size([1, 8, 2, 2, 2])
    """

    pool = staticmethod(F.adaptive_max_pool3d)

"""Max unpooling and fractional max pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ... import Tensor
from .. import functional as F
from ._sizes import sizes
from .module import Module


class _MaxUnpool(Module):
    spatial = 0  # number of spatial dimensions
    unpool: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
    ) -> None:
        super().__init__()
        n = self.spatial
        self.kernel_size = sizes(kernel_size, n)
        self.stride = self.kernel_size if stride is None else sizes(stride, n)
        self.padding = sizes(padding, n)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return self.unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Values at the places that MaxPool1d(return_indices=True) gave, among zeros.

    The sizes are those of the pooling. Several sizes may pool to one: forward's `output_size` says which.

    >>> import tensorx as tx
    >>> values, places = tx.nn.MaxPool1d(2, return_indices=True)(tx.tensor([[1.0, 3.0, 4.0, 2.0]]))
    >>> tx.nn.MaxUnpool1d(2)(values, places)
    tensor([[0., 3., 4., 0.]])
    """

    spatial = 1
    unpool = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Values at the places that MaxPool2d(return_indices=True) gave, among zeros; see MaxUnpool1d.

    >>> import tensorx as tx
    >>> values, places = tx.nn.MaxPool2d(2, return_indices=True)(tx.ones(1, 1, 4, 5))
    >>> tx.nn.MaxUnpool2d(2)(values, places, output_size=(4, 5)).shape
    tensorx.Size([1, 1, 4, 5])
    """

    spatial = 2
    unpool = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Values at the places that MaxPool3d(return_indices=True) gave, among zeros; see MaxUnpool1d.

    >>> import tensorx as tx
    >>> values, places = tx.nn.MaxPool3d(2, return_indices=True)(tx.ones(1, 1, 4, 4, 4))
    >>> tx.nn.MaxUnpool3d(2)(values, places).shape
    tensorx.Size([1, 1, 4, 4, 4])
    """

    spatial = 3
    unpool = staticmethod(F.max_unpool3d)


class _FractionalMaxPool(Module):
    spatial = 0  # number of spatial dimensions
    pool: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        output_size: int | Sequence[int] | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        n, name = self.spatial, self._get_name()
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError(f"{name}: only one of output_size and output_ratio may be specified")
        self.kernel_size, self.return_indices = sizes(kernel_size, n), return_indices
        self.output_size = None if output_size is None else sizes(output_size, n)
        self.output_ratio = None if output_ratio is None else sizes(output_ratio, n)
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The maxima of windows of (N, C, H, W) or (C, H, W) whose distances are random. Graham 2014, arXiv:1412.6071.

    There are `output_size` of them, or the part `output_ratio` of the input's size. With `return_indices` forward also
    returns where the maxima stand.

    >>> import tensorx as tx
    >>> tx.nn.FractionalMaxPool2d(3, output_ratio=0.5)(tx.randn(1, 4, 8, 8)).shape
    tensorx.Size([1, 4, 4, 4])
    """

    spatial = 2
    pool = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """FractionalMaxPool2d over (N, C, D, H, W) or (C, D, H, W).

    >>> import tensorx as tx
    >>> tx.nn.FractionalMaxPool3d(2, output_size=3)(tx.randn(1, 2, 6, 6, 6)).shape
    tensorx.Size([1, 2, 3, 3, 3])
    """

    spatial = 3
    pool = staticmethod(F.fractional_max_pool3d)

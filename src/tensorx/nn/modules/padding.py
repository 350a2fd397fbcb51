"""Padding of the last one to three dimensions as layers."""

from __future__ import annotations

from collections.abc import Sequence

from ... import Tensor
from .. import functional as F
from ._sizes import sizes
from .module import Module


class _Pad(Module):
    """What the paddings share.

    `padding` is one count for all sides, or (left, right) of the last dimension, then of the one before, and so on.
    """

    spatial = 0  # number of padded dimensions
    mode = "constant"

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = sizes(padding, 2 * self.spatial)

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (self.spatial + 1, self.spatial + 2):
            raise ValueError(
                f"{self._get_name()}: expected {self.spatial + 1}D or {self.spatial + 2}D input "
                f"(got {input.dim()}D input, of shape {tuple(input.shape)})"
            )
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    value: float

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:  # of any rank
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """Fills with `value` around the last dimension; `padding` is a number or (left, right). Negative
    counts remove elements.

    >>> import tensorx as tx
    >>> tx.nn.ConstantPad1d((1, 2), 3.5)(tx.ones(1, 2))
    tensor([[3.5000, 1.0000, 1.0000, 3.5000, 3.5000]])
    """

    spatial = 1


class ConstantPad2d(_ConstantPad):
    """Fills with `value` around the last two dimensions; `padding` is a number or (left, right, top, bottom).

    >>> import tensorx as tx
    >>> tx.nn.ConstantPad2d(1, 2.0)(tx.ones(1, 3, 4, 5)).shape
    tensorx.Size([1, 3, 6, 7])
    """

    spatial = 2


class ConstantPad3d(_ConstantPad):
    """Fills with `value` around the last three dimensions.

    `padding` is a number or (left, right, top, bottom, front, back).

    >>> import tensorx as tx
    >>> tx.nn.ConstantPad3d(1, 2.0)(tx.ones(1, 3, 4, 5, 6)).shape
    tensorx.Size([1, 3, 6, 7, 8])
    """

    spatial = 3


class ZeroPad1d(_ZeroPad):
    """Fills with zeros around the last dimension; `padding` is a number or (left, right).

    >>> import tensorx as tx
    >>> tx.nn.ZeroPad1d(1)(tx.ones(1, 2))
    tensor([[0., 1., 1., 0.]])
    """

    spatial = 1


class ZeroPad2d(_ZeroPad):
    """Fills with zeros around the last two dimensions; `padding` is a number or (left, right, top, bottom).

    >>> import tensorx as tx
    >>> tx.nn.ZeroPad2d(1)(tx.ones(1, 3, 4, 5)).shape
    tensorx.Size([1, 3, 6, 7])
    """

    spatial = 2


class ZeroPad3d(_ZeroPad):
    """Fills with zeros around the last three dimensions.

    `padding` is a number or (left, right, top, bottom, front, back).

    >>> import tensorx as tx
    >>> tx.nn.ZeroPad3d(1)(tx.ones(1, 3, 4, 5, 6)).shape
    tensorx.Size([1, 3, 6, 7, 8])
    """

    spatial = 3


class ReflectionPad1d(_Pad):
    """Mirrors around the last dimension of (N, C, W) or (C, W); the border elements are not repeated.

    `padding` is a number or (left, right).

    A count must be less than the size of its dimension (RuntimeError).

    >>> import tensorx as tx
    >>> tx.nn.ReflectionPad1d(2)(tx.arange(4.0).view(1, 4))
    tensor([[2., 1., 0., 1., 2., 3., 2., 1.]])
    """

    spatial = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Mirrors around the last two dimensions of (N, C, H, W) or (C, H, W); the border elements are not repeated.

    `padding` is a number or (left, right, top, bottom).

    >>> import tensorx as tx
    >>> tx.nn.ReflectionPad2d(1)(tx.ones(1, 3, 4, 5)).shape
    tensorx.Size([1, 3, 6, 7])
    """

    spatial = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Mirrors around the last three dimensions of (N, C, D, H, W) or (C, D, H, W).

    The border elements are not repeated. `padding` is a number or (left, right, top, bottom, front, back).

    >>> import tensorx as tx
    >>> tx.nn.ReflectionPad3d(1)(tx.ones(1, 3, 4, 5, 6)).shape
    tensorx.Size([1, 3, 6, 7, 8])
    """

    spatial = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Repeats the border elements around the last dimension of (N, C, W) or (C, W).

    `padding` is a number or (left, right).

    >>> import tensorx as tx
    >>> tx.nn.ReplicationPad1d(2)(tx.arange(3.0).view(1, 3))
    tensor([[0., 0., 0., 1., 2., 2., 2.]])
    """

    spatial = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Repeats the border elements around the last two dimensions of (N, C, H, W) or (C, H, W).

    `padding` is a number or (left, right, top, bottom).

    >>> import tensorx as tx
    >>> tx.nn.ReplicationPad2d(1)(tx.ones(1, 3, 4, 5)).shape
    tensorx.Size([1, 3, 6, 7])
    """

    spatial = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """Repeats the border elements around the last three dimensions of (N, C, D, H, W) or (C, D, H, W).

    `padding` is a number or (left, right, top, bottom, front, back).

    >>> import tensorx as tx
    >>> tx.nn.ReplicationPad3d(1)(tx.ones(1, 3, 4, 5, 6)).shape
    tensorx.Size([1, 3, 6, 7, 8])
    """

    spatial = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """Continues with the elements of the other end around the last dimension of (N, C, W) or (C, W).

    `padding` is a number or (left, right).

    A count must be at most the size of its dimension (RuntimeError).

    >>> import tensorx as tx
    >>> tx.nn.CircularPad1d((2, 1))(tx.arange(4.0).view(1, 4))
    tensor([[2., 3., 0., 1., 2., 3., 0.]])
    """

    spatial = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """Continues with the elements of the other end around the last two dimensions of (N, C, H, W) or (C, H, W).

    `padding` is a number or (left, right, top, bottom).

    >>> import tensorx as tx
    >>> tx.nn.CircularPad2d(1)(tx.ones(1, 3, 4, 5)).shape
    tensorx.Size([1, 3, 6, 7])
    """

    spatial = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """Continues with the elements of the other end around the last three dimensions of (N, C, D, H, W) or (C, D, H, W).

    `padding` is a number or (left, right, top, bottom, front, back).

    >>> import tensorx as tx
    >>> tx.nn.CircularPad3d(1)(tx.ones(1, 3, 4, 5, 6)).shape
    tensorx.Size([1, 3, 6, 7, 8])
    """

    spatial = 3
    mode = "circular"

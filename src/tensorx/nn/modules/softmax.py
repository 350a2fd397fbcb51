"""Softmax and its kind as modules."""

from __future__ import annotations

from collections.abc import Callable

from ... import Tensor
from .. import functional as F
from .module import Module


class _AlongDim(Module):
    """A function along one dimension."""

    function: Callable[..., Tensor]

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """exp(x) / sum(exp(x)) along `dim`, without overflow.

    >>> import tensorx as tx
    >>> tx.nn.Softmax(dim=1)(tx.tensor([[1000.0, 1000.0]]))
    tensor([[0.5000, 0.5000]])
    """

    function = staticmethod(F.softmax)


class LogSoftmax(_AlongDim):
    """log(softmax(x)) along `dim`, exact where softmax underflows.

    >>> import tensorx as tx
    >>> tx.nn.LogSoftmax(dim=1)(tx.tensor([[0.0, 1000.0]]))
    tensor([[-1000.,     0.]])
    """

    function = staticmethod(F.log_softmax)


class Softmin(_AlongDim):
    """softmax(-x) along `dim`.

    >>> import tensorx as tx
    >>> tx.nn.Softmin(dim=0)(tx.zeros(2))
    tensor([0.5000, 0.5000])
    """

    function = staticmethod(F.softmin)


class Softmax2d(Module):
    """softmax over the channels at every place of (N, C, H, W) or (C, H, W).

    >>> import tensorx as tx
    >>> tx.nn.Softmax2d()(tx.zeros(1, 2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(
                f"Softmax2d: expected input to be 3D or 4D (got {input.dim()}D input, of shape {tuple(input.shape)})"
            )
        return F.softmax(input, -3)

"""Dropout. Srivastava et al. 2014; whole channels: Tompson et al. 2015, arXiv:1411.4280."""

from __future__ import annotations

from ... import Tensor
from .. import functional as F
from .module import Module


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, zero every element with probability `p` and scale the others by 1 / (1 - p); any shape.

    >>> import tensorx as tx
    >>> tx.nn.Dropout(0.5).eval()(tx.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training, zero whole channels of (N, C, L) or (C, L) with probability `p` and scale the others.

    >>> import tensorx as tx
    >>> tx.nn.Dropout1d(0.2)(tx.ones(2, 3, 4)).shape
    tensorx.Size([2, 3, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training, zero whole channels of (N, C, H, W) with probability `p` and scale the others.

    >>> import tensorx as tx
    >>> tx.nn.Dropout2d(0.2)(tx.ones(2, 3, 4, 4)).shape
    tensorx.Size([2, 3, 4, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1 after SELU. Klambauer et al. 2017, arXiv:1706.02515.

    >>> import tensorx as tx
    >>> tx.nn.AlphaDropout(0.2)(tx.ones(2, 3)).shape
    tensorx.Size([2, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """In training, zero whole channels of (N, C, D, H, W) or (C, D, H, W) with probability `p` and scale the others.

    >>> import tensorx as tx
    >>> tx.nn.Dropout3d(0.2)(tx.ones(2, 3, 4, 5, 6)).shape
    tensorx.Size([2, 3, 4, 5, 6])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels (dimension 1).

    >>> import tensorx as tx
    >>> tx.nn.FeatureAlphaDropout(0.2)(tx.ones(2, 3, 4)).shape
    tensorx.Size([2, 3, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)

"""CosineSimilarity, PairwiseDistance."""

from __future__ import annotations

from ... import Tensor
from .. import functional as F
from .module import Module


class CosineSimilarity(Module):
    """x1 . x2 / (|x1| |x2|) along `dim`; each length is at least `eps`.

    >>> import tensorx as tx
    >>> tx.nn.CosineSimilarity()(tx.tensor([[1.0, 0.0]]), tx.tensor([[2.0, 0.0]]))
    tensor([1.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last dimension.

    >>> import tensorx as tx
    >>> tx.nn.PairwiseDistance()(tx.tensor([[3.0, 4.0]]), tx.zeros(1, 2))
    tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)

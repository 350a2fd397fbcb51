"""Distances and normalisation to unit length."""

from ...ops.define import composite
from ...ops.index import triu_indices
from ...ops.into import into
from ...ops.join import broadcast_tensors


@composite
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 . x2 / (|x1| |x2|) along `dim`; each length is at least `eps`."""
    x1, x2 = broadcast_tensors(x1, x2)
    length1 = x1.norm(2, dim, True).clamp(min=eps)
    length2 = x2.norm(2, dim, True).clamp(min=eps)
    return (x1 / length1 * (x2 / length2)).sum(dim)


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """input / max(|input|, eps), with the p-norm along `dim`.

    >>> import tensorx as tx
    >>> tx.nn.functional.normalize(tx.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    unit = input / input.norm(p, dim, True).clamp(min=eps)
    return into(out, unit)


def pdist(input, p=2):
    """The p-norm of the difference of each pair of rows of (n, d): (n (n - 1) / 2), row 0 with the others first.

    >>> import tensorx as tx
    >>> tx.nn.functional.pdist(tx.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, got {p}")
    first, second = triu_indices(input.shape[0], input.shape[0], 1, device=input.device)
    return (input[first] - input[second]).norm(p, -1)

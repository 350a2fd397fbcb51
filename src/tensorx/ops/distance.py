"""Distances between vectors, and norms held to a limit."""

from .arithmetic import where
from .define import composite, function, method, op
from .index import triu_indices
from .into import into
from .matmul import matmul
from .reduce import vector_norm
from .shape import _dimension

__all__ = ["cdist", "pdist", "renorm"]

_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
_MANY = 25  # rows above which Euclidean distances come from a matrix product


def _euclidean_gradients(needs, g, x1, x2, out):
    weights = where(out == 0, 0.0, g / out)
    return (
        (weights.sum(-1, True) * x1 - matmul(weights, x2)).sum_to_size(x1.shape) if needs[0] else None,
        (weights.sum(-2).unsqueeze(-1) * x2 - matmul(weights.mT, x1)).sum_to_size(x2.shape) if needs[1] else None,
    )


@op(method=False, node_name="EuclideanDistBackward0", joint=_euclidean_gradients, inputs=("x1", "x2"))
def _euclidean(x1, x2):
    """Euclidean distances as the root of |a|^2 + |b|^2 - 2 ab: one matrix product, and no room for all differences."""
    a, b = x1.detach(), x2.detach()
    squares = a.square().sum(-1, True) + b.square().sum(-1, True).mT
    return (squares - 2 * matmul(a, b.mT)).clamp(min=0).sqrt()


@composite
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm of the difference of each row of x1 and each row of x2.

    Args:
        x1, x2: (..., n, d) and (..., m, d); batch dimensions broadcast. The result is (..., n, m).
        p: any number from 0 (how many differ) to inf (the largest difference).
        compute_mode: Euclidean distances (p = 2) of more than 25 rows come from one matrix product, which is quick but
            loses digits where rows are much closer to each other than to 0. "donot_use_mm_for_euclid_dist" never does so,
            "use_mm_for_euclid_dist" always.

    For other p, and without the product, all n m d differences are in memory at once.

    >>> import tensorx as tx
    >>> tx.cdist(tx.tensor([[0.0, 0.0]]), tx.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype}")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"cdist: X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if not p >= 0:
        raise RuntimeError(f"cdist only supports non-negative p values, but got {p}")
    if compute_mode not in _MODES:
        raise ValueError(f"cdist: compute_mode {compute_mode!r} is not one of {', '.join(_MODES)}")
    many = max(x1.shape[-2], x2.shape[-2]) > _MANY
    if p == 2 and (compute_mode == _MODES[1] or (many and compute_mode == _MODES[0])):
        return _euclidean(x1, x2)
    return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


@composite
def pdist(input, p=2.0):
    """The p-norm of the difference of each pair of rows: (n, d) to (n (n - 1) / 2), in the order (0, 1), (0, 2), ...

    >>> import tensorx as tx
    >>> tx.pdist(tx.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"pdist only supports floating-point dtypes, got: {input.dtype}")
    if not p >= 0:
        raise RuntimeError(f"pdist only supports non-negative p values, but got {p}")
    first, second = triu_indices(input.shape[0], input.shape[0], 1, device=input.device)
    return vector_norm(input.index_select(0, first) - input.index_select(0, second), p, -1)


@function
@composite
def renorm(input, p, dim, maxnorm, *, out=None):
    """A copy whose parts along `dim` have a p-norm of at most `maxnorm`: those with a larger one are scaled down.

    >>> import tensorx as tx
    >>> tx.renorm(tx.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    if not p > 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported, got p = {p}")
    if not maxnorm >= 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    dim = _dimension("renorm: ", dim, input.ndim)
    norms = vector_norm(input, p, tuple(d for d in range(input.ndim) if d != dim), True)
    return into(out, input * where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0))


@method
def renorm_(self, p, dim, maxnorm):
    """In-place form of `renorm`: the result is written into `self`, which is returned."""
    return self.copy_(renorm(self.clone(), p, dim, maxnorm))  # the gradient needs what is overwritten

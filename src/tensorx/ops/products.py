"""Products of matrices and vectors that others express."""

from .. import _C
from .define import composite, function, method
from .into import into
from .join import cat
from .matmul import mm, scaled_sum
from .shape import reshape

__all__ = ["addbmm", "addr", "cross", "kron", "vander"]


@function
@composite
def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * outer(vec1, vec2); input broadcasts. With beta=0 input is not read.

    >>> import tensorx as tx
    >>> tx.addr(tx.zeros(2, 2), tx.tensor([1.0, 2.0]), tx.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    if vec1.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(f"addr: Expected 1-D arguments vec1 and vec2, but got {vec1.ndim}-D and {vec2.ndim}-D")
    return into(out, scaled_sum(input, beta, vec1.unsqueeze(1) * vec2, alpha))


@function
@composite
def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * the sum of the products of two batches of matrices; input broadcasts.

    Shapes: batch1 (b, m, k), batch2 (b, k, n): (m, n). With beta=0 input is not read.

    >>> import tensorx as tx
    >>> tx.addbmm(tx.zeros(1), tx.ones(5, 2, 3), tx.ones(5, 3, 1)).tolist()
    [[15.0], [15.0]]
    """
    if batch1.ndim != 3 or batch2.ndim != 3 or batch1.shape[0] != batch2.shape[0] or batch1.shape[2] != batch2.shape[1]:
        raise RuntimeError(
            "addbmm: expected batches of matrices (b, m, k) and (b, k, n), but got shapes "
            f"{list(batch1.shape)} and {list(batch2.shape)}"
        )
    b, m, k = batch1.shape
    product = mm(reshape(batch1.transpose(0, 1), (m, b * k)), reshape(batch2, (b * k, batch2.shape[2])))
    return into(out, scaled_sum(input, beta, product, alpha))


@method
def addr_(self, vec1, vec2, *, beta=1, alpha=1):
    """In-place form of `addr`: the result is written into `self`, which is returned."""
    return self.copy_(addr(self, vec1, vec2, beta=beta, alpha=alpha))


@method
def addbmm_(self, batch1, batch2, *, beta=1, alpha=1):
    """In-place form of `addbmm`: the result is written into `self`, which is returned."""
    return self.copy_(addbmm(self, batch1, batch2, beta=beta, alpha=alpha))


@function
def kron(input, other, *, out=None):
    """Kronecker's product: each element of `input` times all of `other`, in a block. Sizes multiply.

    >>> import tensorx as tx
    >>> tx.kron(tx.tensor([[1, 2]]), tx.tensor([[1, 1], [0, 1]]))
    tensor([[1, 1, 2, 2],
            [0, 1, 0, 2]])
    """
    n = max(input.ndim, other.ndim)
    a, b = ((1,) * (n - x.ndim) + tuple(x.shape) for x in (input, other))
    apart = reshape(input, [s for size in a for s in (size, 1)]) * reshape(other, [s for size in b for s in (1, size)])
    return into(out, reshape(apart, [p * q for p, q in zip(a, b, strict=True)]))


@function
@composite
def cross(input, other, dim=None, *, out=None):
    """The cross products of vectors of 3 elements along `dim`; the other dimensions broadcast.

    Args:
        dim: by default the first dimension of size 3. Say it: what is first may change with the shape.

    >>> import tensorx as tx
    >>> tx.cross(tx.tensor([1.0, 0.0, 0.0]), tx.tensor([0.0, 1.0, 0.0]), dim=0)
    tensor([0., 0., 1.])
    """
    if input.ndim != other.ndim:
        raise RuntimeError(
            f"cross: inputs must have the same number of dimensions, but got {input.ndim} and {other.ndim}"
        )
    if dim is None:
        dim = next((d for d, size in enumerate(input.shape) if size == 3), None)
        if dim is None:
            raise RuntimeError(f"cross: no dimension of size 3 in input, of shape {list(input.shape)}")
    if input.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(
            f"cross: inputs dimension {dim} must have length 3. Got {input.size(dim)} and {other.size(dim)}"
        )
    return into(out, input.roll(-1, dim) * other.roll(-2, dim) - input.roll(-2, dim) * other.roll(-1, dim))


def powers(x, count):
    """The powers 0 to count - 1 of each element, along a new last dimension."""
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        x = x.to(_C.int64)
    x = x.unsqueeze(-1)
    one = x.new_ones((*x.shape[:-1], min(count, 1)))
    return cat([one, x.expand(*x.shape[:-1], max(count - 1, 0)).cumprod(-1)], -1)


def vander(x, N=None, increasing=False):
    """The matrix of powers of the elements of a vector: N columns (default: as many as elements), powers descending.

    >>> import tensorx as tx
    >>> tx.vander(tx.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError(f"vander: x must be a one-dimensional tensor, but it has {x.ndim} dimensions")
    if N is not None and N < 0:
        raise RuntimeError(f"vander: N must be non-negative, but got {N}")
    found = powers(x, x.shape[0] if N is None else N)
    return found if increasing else found.flip(1)

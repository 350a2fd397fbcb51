"""What is made of matrix products: powers, exponentials, chains of products, and products of vectors."""

from __future__ import annotations

from math import factorial, prod

from .. import _C
from ..ops.arithmetic import where
from ..ops.complex import conj
from ..ops.define import composite, op
from ..ops.into import into
from ..ops.join import cat
from ..ops.matmul import matmul as _matmul
from ..ops.products import cross as _cross
from ..ops.products import powers
from ..ops.shape import diagonal as _diagonal
from .lapack import check
from .solving import inv, solve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..tensor import Tensor


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix product; see `tensorx.matmul`.

    >>> import tensorx as tx
    >>> tx.linalg.matmul(tx.ones(2, 3), tx.ones(3)).tolist()
    [3.0, 3.0]
    """
    return _matmul(input, other, out=out)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of matrices, as the last dimension.

    >>> import tensorx as tx
    >>> tx.linalg.diagonal(tx.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return _diagonal(A, offset, dim1, dim2)


@composite
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The dot products of vectors along a dimension, of the conjugate of x with y; the others broadcast.

    >>> import tensorx as tx
    >>> tx.linalg.vecdot(tx.tensor([[1.0, 2.0], [3.0, 4.0]]), tx.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    for name, a in (("x", x), ("y", y)):
        if not (a.dtype.is_floating_point or a.dtype.is_complex):
            raise RuntimeError(
                f"linalg.vecdot: Expected a floating point or complex tensor as input. {name} is {a.dtype}"
            )
    if x.shape[dim] != y.shape[dim]:
        raise RuntimeError(
            f"linalg.vecdot: x and y must have the same size in dimension {dim}, but got {x.shape[dim]} and {y.shape[dim]}"
        )
    return into(out, (conj(x) * y).sum(dim))


def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The cross products of vectors of 3 elements along a dimension; the other dimensions broadcast.

    >>> import tensorx as tx
    >>> tx.linalg.cross(tx.tensor([1.0, 0.0, 0.0]), tx.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    return _cross(input, other, dim, out=out)


def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """A square matrix multiplied with itself n times, by repeated squaring; the inverse of that for negative n.

    >>> import tensorx as tx
    >>> tx.linalg.matrix_power(tx.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"linalg.matrix_power(): argument 'n' must be int, not {type(n).__name__}")
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            "linalg.matrix_power: A must be batches of square matrices, but it has shape " + str(list(A.shape))
        )
    if n == 0:
        size = A.shape[-1]
        return into(out, _C.eye(size, size, A.dtype, A.device).expand(A.shape).clone())
    square, n = (inv(A), -n) if n < 0 else (A, n)
    found = None
    while n:
        if n & 1:
            found = square if found is None else found @ square
        n >>= 1
        if n:
            square = square @ square
    return into(out, found.clone() if found is A else found)


# The truncated Taylor series of degree 16 is exact to double precision up to this 1-norm: Al-Mohy and Higham, "Computing
# the action of the matrix exponential" (2011), table 3.1.
_LARGEST_NORM, _DEGREE = 0.78, 16


def _exponential_gradient(g, input):
    """The upper right part of the exponential of [[A^T, g], [0, A^T]]: Mathias, "A chain rule for matrix functions and
    applications" (1996)."""
    n = input.shape[-1]
    transposed = input.mT
    above = cat([transposed, g], -1)
    below = cat([transposed * 0, transposed], -1)
    return _matrix_exp(cat([above, below], -2))[..., :n, n:]


@op(method=False, node_name="LinalgMatrixExpBackward0", input=_exponential_gradient)
def _matrix_exp(input):
    """Scaling and squaring, with a Taylor series evaluated in blocks of four powers (Paterson and Stockmeyer 1973)."""
    a = input.detach()
    n = a.shape[-1]
    norms = a.abs().sum(-2, True).amax(-1, True)
    halvings = where(norms.isfinite(), (norms / _LARGEST_NORM).clamp(min=1.0).log2().ceil(), 0.0)
    a = a * (0.5**halvings)
    one = _C.eye(n, n, a.dtype, a.device)
    square = a @ a
    powers = (one, a, square, square @ a)
    fourth = square @ square
    found = one * (1 / factorial(_DEGREE))
    for block in range(_DEGREE - 4, -1, -4):
        found = found @ fourth
        for i, power in enumerate(powers):
            found = found + power * (1 / factorial(block + i))
    for i in range(int(halvings.amax().item())):
        found = where(halvings > i, found @ found, found)
    return found


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of a square matrix, the sum of A^k / k!: (..., n, n) -> (..., n, n).

    By scaling and squaring with a Taylor series: matrix products alone, on the tensor's device.

    >>> import tensorx as tx
    >>> tx.linalg.matrix_exp(tx.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            "linalg.matrix_exp: A must be batches of square matrices, but it has shape " + str(list(A.shape))
        )
    if not (A.dtype.is_floating_point or A.dtype.is_complex):
        raise RuntimeError(f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {A.dtype}")
    return _matrix_exp(A) if A.numel() else A.clone()


@composite
def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, in the order that takes the fewest multiplications.

    Args:
        tensors: matrices whose shapes fit one after the other; the first may be a row vector and the last a column
            vector, of one dimension, which the result then lacks.

    The order is the best of all: Cormen et al., Introduction to Algorithms, 15.2.

    >>> import tensorx as tx
    >>> tx.linalg.multi_dot([tx.ones(2, 3), tx.ones(3, 4), tx.ones(4)]).tolist()
    [12.0, 12.0]
    """
    tensors = list(tensors)
    count = len(tensors)
    if count < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {count}")
    for i, x in enumerate(tensors):
        ends = i in (0, count - 1)
        if x.ndim != 2 and not (ends and x.ndim == 1):
            where_it_is = (
                f"the {'first' if i == 0 else 'last'} tensor must be 1D or 2D" if ends else f"tensor {i} must be 2D"
            )
            raise RuntimeError(f"multi_dot(): {where_it_is} but got {x.ndim}D")
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    matrices = [
        x.unsqueeze(0) if i == 0 and row else x.unsqueeze(1) if x.ndim == 1 else x for i, x in enumerate(tensors)
    ]
    for i in range(count - 1):
        if matrices[i].shape[1] != matrices[i + 1].shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i].shape)} and "
                f"{list(tensors[i + 1].shape)} cannot be multiplied"
            )
    made = _chain(matrices)
    made = made.squeeze(0) if row else made
    return into(out, made.squeeze(-1) if column else made)


def _chain(matrices):
    sizes = [m.shape[0] for m in matrices] + [matrices[-1].shape[1]]
    count = len(matrices)
    best = {(i, i): (0, None) for i in range(count)}  # (first, last) -> (multiplications, where the first factor ends)
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )

    def product(i, j):
        k = best[i, j][1]
        return matrices[i] if k is None else product(i, k).mm(product(k + 1, j))

    return product(0, count - 1)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The matrix of powers 0 to N - 1 of each element: (..., n) -> (..., n, N). N is n by default.

    >>> import tensorx as tx
    >>> tx.linalg.vander(tx.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    if N is not None and N <= 1:
        raise RuntimeError(f"linalg.vander: N must be greater than 1, but got {N}.")
    return powers(x, x.shape[-1] if N is None else N)


@composite
def householder_product(A: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first n columns of the product of reflections, as LAPACK's geqrf gives them.

    Args:
        A: (..., m, n), n <= m: column i holds, below the diagonal, vector i, which has 1 on the diagonal and 0 above.
        tau: (..., k), k <= n: reflection i is I - tau_i v_i v_i^H.

    >>> import tensorx as tx
    >>> tx.linalg.householder_product(tx.tensor([[5.0], [1.0]]), tx.tensor([1.0]))
    tensor([[ 0.],
            [-1.]])
    """
    check("householder_product", A, square=False)
    rows, columns = A.shape[-2:]
    if rows < columns:
        raise RuntimeError(
            "linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1], but A is "
            f"{rows} by {columns}"
        )
    if tau.ndim != A.ndim - 1 or tau.shape[:-1] != A.shape[:-2] or tau.shape[-1] > columns:
        raise RuntimeError(
            f"linalg.householder_product: expected tau of shape {[*A.shape[:-2], f'up to {columns}']}, but got {list(tau.shape)}"
        )
    if tau.dtype is not A.dtype:
        raise RuntimeError(f"linalg.householder_product: tau dtype {tau.dtype} does not match input dtype {A.dtype}")
    one = _C.eye(rows, columns, A.dtype, A.device)
    vectors = A.tril(-1) + one
    found = one.expand(A.shape)
    for i in range(tau.shape[-1] - 1, -1, -1):
        v = vectors[..., i : i + 1]
        found = found - tau[..., i : i + 1].unsqueeze(-1) * v @ (v.mH @ found)
    return into(out, found.clone() if not tau.shape[-1] else found)


@composite
def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of the map that `tensordot(A, ., ind)` is: shape A.shape[ind:] + A.shape[:ind].

    The products of the first `ind` sizes and of the others must be equal.

    >>> import tensorx as tx
    >>> tx.linalg.tensorinv(tx.eye(4).reshape(4, 2, 2), ind=1).shape
    tensorx.Size([2, 2, 4])
    """
    if ind <= 0:
        raise RuntimeError(f"linalg.tensorinv: Expected a strictly positive integer for 'ind', but got {ind}")
    first, rest = A.shape[:ind], A.shape[ind:]
    if prod(first) != prod(rest):
        raise RuntimeError(
            "linalg.tensorinv: Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but "
            f"got {prod(rest)} != {prod(first)}"
        )
    return into(out, inv(A.reshape(prod(first), prod(rest))).reshape(*rest, *first))


@composite
def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None, *, out: Tensor | None = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B.

    Args:
        A: of shape B.shape + X.shape, after the dimensions `dims` were moved to its end; B.numel() == X.numel().

    >>> import tensorx as tx
    >>> tx.linalg.tensorsolve(tx.eye(4).reshape(2, 2, 4), tx.ones(2, 2)).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(-len(dims), 0)))
    shape = A.shape[B.ndim :]
    if prod(shape) != prod(A.shape[: B.ndim]) or A.shape[: B.ndim] != B.shape:
        raise RuntimeError(
            "linalg.tensorsolve: Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {prod(shape)} != {prod(A.shape[: B.ndim])}"
            if A.shape[: B.ndim] == B.shape
            else f"linalg.tensorsolve: A must have the shape of B, {list(B.shape)}, in front, but it has shape {list(A.shape)}"
        )
    return into(out, solve(A.reshape(B.numel(), prod(shape)), B.reshape(-1)).reshape(shape))

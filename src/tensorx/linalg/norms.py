"""Norms of vectors and matrices, and what is defined by singular values: condition, rank, pseudoinverse, least squares."""

from __future__ import annotations

from math import inf

from .. import _C, return_types
from ..ops.arithmetic import where
from ..ops.complex import conj
from ..ops.define import composite, op
from ..ops.into import into
from ..ops.reduce import vector_norm as _vector_norm
from ..ops.shape import _dimension
from . import lapack
from .factors import eigvalsh, svdvals
from .lapack import check, check_same
from .solving import inv_ex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..tensor import Tensor
    from ..types import Number


@composite
def vector_norm(
    x: Tensor,
    ord: Number = 2,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: _C.dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of vectors: the sum of |x|^ord to the power 1/ord.

    Args:
        x: a tensor of any shape, a floating or complex one.
        ord: any number; inf and -inf give the largest and smallest absolute value, 0 the number of elements not 0.
        dim: an int or a tuple; None takes all elements as one vector.
        dtype: what the elements are cast to first.

    >>> import tensorx as tx
    >>> tx.linalg.vector_norm(tx.tensor([3.0, -4.0]))
    tensor(5.)
    >>> tx.linalg.vector_norm(tx.tensor([[3.0, -4.0], [1.0, 1.0]]), tx.inf, dim=1)
    tensor([4., 1.])
    """
    if isinstance(ord, bool) or not isinstance(ord, (int, float)):
        raise TypeError(f"linalg.vector_norm(): argument 'ord' must be a number, not {type(ord).__name__}")
    if isinstance(x, _C.TensorBase) and not (x.dtype.is_floating_point or x.dtype.is_complex) and dtype is None:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype}: pass a float dtype="
        )
    return _vector_norm(x, ord, dim, keepdim, dtype=dtype, out=out)


def _matrix_dims(name, A, dim):
    """The two dimensions of the matrices, not negative."""
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise RuntimeError(f"linalg.{name}: dim must be a 2-tuple. Got {dim}")
    first, second = (_dimension(f"linalg.{name}: ", d, A.ndim) for d in dim)
    if first == second:
        raise RuntimeError(f"linalg.{name}: dims must be different. Got {tuple(dim)}")
    return first, second


@composite
def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: _C.dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of matrices.

    Args:
        A: a tensor of two or more dimensions, a floating or complex one.
        ord: "fro" (the root of the sum of squares), "nuc" (the sum of singular values), 2 and -2 (the largest and
            smallest singular value), 1 and -1 (the largest and smallest sum of absolute values of a column),
            inf and -inf (of a row).
        dim: the two dimensions that are a matrix's rows and columns.
        dtype: what the elements are cast to first.

    >>> import tensorx as tx
    >>> tx.linalg.matrix_norm(tx.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    if not isinstance(A, _C.TensorBase) or A.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    rows, columns = _matrix_dims("matrix_norm", A, dim)
    if dtype is not None:
        A = A.to(dtype)
    elif not (A.dtype.is_floating_point or A.dtype.is_complex):
        raise RuntimeError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {A.dtype}: pass a float dtype="
        )
    if ord == "fro":
        return into(out, _vector_norm(A, 2, (rows, columns), keepdim))
    if ord in ("nuc", 2, -2):
        values = svdvals(A.movedim((rows, columns), (-2, -1)))
        made = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord == 2 else values.amin(-1)
        return into(out, made.unsqueeze(min(rows, columns)).unsqueeze(max(rows, columns)) if keepdim else made)
    if ord not in (1, -1, inf, -inf):
        raise RuntimeError(
            f"linalg.matrix_norm: Order {ord} not supported: it is 'fro', 'nuc', or one of inf, -inf, 1, -1, 2, -2"
        )
    added, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = A.abs().sum(added, True)
    made = sums.amax(compared, True) if ord > 0 else sums.amin(compared, True)
    return into(out, made if keepdim else made.squeeze((rows, columns)))


def norm(
    input: Tensor,
    ord: float | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    dtype: _C.dtype | None = None,
) -> Tensor:
    """The norm of vectors or of matrices, by how many dimensions there are.

    With `dim` an int, or input of one dimension: `vector_norm` (ord None is 2). With `dim` a pair, or input of two dimensions:
    `matrix_norm` (ord None is the root of the sum of squares). With neither `ord` nor `dim`: that of all elements.

    >>> import tensorx as tx
    >>> x = tx.tensor([[3.0, 4.0], [0.0, 0.0]])
    >>> tx.linalg.norm(x), tx.linalg.norm(x, 1), tx.linalg.norm(x, 1, dim=1)
    (tensor(5.), tensor(4.), tensor([7., 0.]))
    """
    dims = (dim,) if isinstance(dim, int) else dim
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}: use vector_norm"
        )
    if ord is None:
        return vector_norm(input, 2, dims, keepdim, dtype=dtype, out=out)
    if dims is None:
        if input.ndim not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {input.ndim}D."
            )
        dims = tuple(range(input.ndim))
    if len(dims) == 2:
        return matrix_norm(input, ord, (dims[0], dims[1]), keepdim, dtype=dtype, out=out)
    if isinstance(ord, str):
        raise RuntimeError(
            f"linalg.norm: ord={ord!r} is a norm of matrices: dim must be a 2-tuple, but got {tuple(dims)}"
        )
    return vector_norm(input, ord, dims, keepdim, dtype=dtype, out=out)


@composite
def cond(A: Tensor, p: float | str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number of a matrix: its norm times that of its inverse.

    Args:
        A: (..., m, n); (..., n, n) for p other than None, 2 and -2.
        p: the order of the norms, as in `matrix_norm`; None is 2: the ratio of the largest and smallest singular values.

    It is inf for a singular matrix.

    >>> import tensorx as tx
    >>> tx.linalg.cond(tx.tensor([[2.0, 0.0], [0.0, 0.5]]))
    tensor(4.)
    """
    if p is None or p in (2, -2):
        check("cond", A, square=False)
        if not min(A.shape[-2:]):
            return into(out, svdvals(A).sum(-1))
        values = svdvals(A)
        largest, smallest = values[..., 0], values[..., -1]
        return into(out, smallest / largest if p == -2 else largest / smallest)
    if p not in ("fro", "nuc", 1, -1, inf, -inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}: it is as in linalg.matrix_norm")
    check("cond", A)
    if not A.shape[-1]:
        return into(out, matrix_norm(A, "fro"))
    inverse, info = inv_ex(A)
    singular = info != 0
    safe = where(singular.unsqueeze(-1).unsqueeze(-1), 0.0, inverse)  # no NaN for the factorisation of "nuc"
    return into(out, where(singular, inf, matrix_norm(A, p) * matrix_norm(safe, p)))


def _threshold(A, largest, atol, rtol):
    """Below which singular values count as 0: max(atol, rtol * the largest one), for each matrix."""

    def per_matrix(value):
        return (
            value.to(largest.dtype)
            if isinstance(value, _C.TensorBase)
            else _C.full((), value, largest.dtype, largest.device)
        )

    from ..dtypes import finfo

    if rtol is None:
        given = atol is not None and not (isinstance(atol, (int, float)) and atol == 0)
        rtol = 0.0 if given else max(A.shape[-2:]) * finfo(largest.dtype).eps
    return per_matrix(0.0 if atol is None else atol).maximum(per_matrix(rtol) * largest)


@composite
def matrix_rank(
    A: Tensor,
    tol: Number | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: Number | Tensor | None = None,
    rtol: Number | Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The number of singular values larger than max(atol, rtol * the largest one), as int64: (..., m, n) -> (...).

    Args:
        hermitian: A is Hermitian: absolute eigenvalues are its singular values, and quicker to have.
        atol, rtol: numbers, or tensors with one for each matrix. Default: 0 and, where atol is not given, max(m, n) eps.
        tol: the older form of atol.

    >>> import tensorx as tx
    >>> tx.linalg.matrix_rank(tx.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    check("matrix_rank", A, square=hermitian)
    A = A.detach()
    if not min(A.shape[-2:]):
        return into(out, A.new_zeros(A.shape[:-2], dtype=_C.int64))
    values = eigvalsh(A).abs() if hermitian else svdvals(A)
    limit = _threshold(A, values.amax(-1), tol if atol is None else atol, 0.0 if tol is not None else rtol)
    return into(out, (values > limit.unsqueeze(-1)).sum(-1))


def _pinv_gradient(g, a, inverse):
    """Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems" (1973)."""
    back, adjoint = g.mH, inverse.mH
    across = back @ inverse @ adjoint
    along = adjoint @ inverse @ back
    return -(adjoint @ g @ adjoint) + across - a @ (inverse @ across) + along - along @ inverse @ a


@op(
    method=False, node_name="LinalgPinvBackward0", input=lambda g, input, out: _pinv_gradient(g, conj(input), conj(out))
)
def _pinv(input, threshold, hermitian):
    """The pseudoinverse: singular values up to the threshold (one for each matrix) count as 0."""
    import numpy

    a, limit = lapack.host(input), lapack.host(threshold)[..., None]
    if hermitian:
        values, u = lapack.converged("eigh", numpy.linalg.eigh, a)
        vh = u.swapaxes(-1, -2).conj()
    else:
        u, values, vh = lapack.converged("svd", lambda m: numpy.linalg.svd(m, full_matrices=False), a)
    kept = abs(values) > limit
    factors = numpy.where(kept, 1 / numpy.where(kept, values, 1), 0)
    made = vh.swapaxes(-1, -2).conj() * factors[..., None, :] @ u.swapaxes(-1, -2).conj()
    return lapack.tensor(made.astype(a.dtype, copy=False), input)


def pinv(
    A: Tensor,
    rcond: Number | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: Number | Tensor | None = None,
    rtol: Number | Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The pseudoinverse of Moore and Penrose: (..., m, n) -> (..., n, m).

    Args:
        hermitian: A is Hermitian: its eigenvalues are used, which is quicker.
        atol, rtol: singular values up to max(atol, rtol * the largest one) count as 0; numbers, or tensors with one for
            each matrix. Default: 0 and, where atol is not given, max(m, n) eps.
        rcond: the older form of rtol.

    Gradients are right where the rank does not change nearby. Prefer `lstsq(A, B)` to `pinv(A) @ B`.

    >>> import tensorx as tx
    >>> tx.linalg.pinv(tx.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    check("pinv", A, square=hermitian)
    if not A.numel():
        return into(out, A.new_zeros((*A.shape[:-2], A.shape[-1], A.shape[-2])))
    known = A.detach()
    values = eigvalsh(known).abs() if hermitian else svdvals(known)
    limit = _threshold(A, values.amax(-1), atol, rcond if rtol is None else rtol)
    return into(out, _pinv(A, limit, bool(hermitian)))


def _least_squares_gradients(needs, g, A, B, out):
    a = conj(A)
    inverse = pinv(a)
    of_a = _pinv_gradient(g[0] @ B.mT, a, inverse).sum_to_size(A.shape) if needs[0] else None
    return of_a, (inverse.mH @ g[0]).sum_to_size(B.shape)


@op(method=False, node_name="LinalgLstsqBackward0", outputs=1, joint=_least_squares_gradients, inputs=("A", "B"))
def _lstsq(A, B, rcond):
    """Solutions, ranks and singular values, matrix by matrix."""
    import numpy

    a, b = lapack.host(A), lapack.host(B)
    rows, columns = a.shape[-2:]
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    flat_a = numpy.broadcast_to(a, batch + a.shape[-2:]).reshape(-1, rows, columns)
    flat_b = numpy.broadcast_to(b, batch + b.shape[-2:]).reshape(-1, *b.shape[-2:])
    x = numpy.zeros((flat_a.shape[0], columns, b.shape[-1]), a.dtype)
    ranks = numpy.zeros(flat_a.shape[0], numpy.int64)
    values = numpy.zeros((flat_a.shape[0], min(rows, columns)), abs(a[..., :0]).dtype)
    for i in range(flat_a.shape[0]):

        def solved(m, i=i):
            return numpy.linalg.lstsq(m, flat_b[i], rcond)

        x[i], _, ranks[i], values[i] = lapack.converged("lstsq", solved, flat_a[i])
    made = x.reshape(*batch, *x.shape[1:]), ranks.reshape(batch), values.reshape(*batch, -1)
    return tuple(lapack.tensor(m, A) for m in made)


@composite
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> return_types.linalg_lstsq:
    """The X that makes the sum of squares of A X - B least (the smallest such X where A has not full rank).

    Args:
        A: (..., m, n).
        B: (..., m, k), or (m) or (..., m) for one right-hand side. Batch dimensions broadcast.
        rcond: singular values up to rcond times the largest one count as 0. Default: max(m, n) eps.
        driver: "gelsy" (default), "gels", "gelsd" or "gelss": what is returned beside the solution. All are computed by
            singular values, as gelsd does.

    Returns (solution, residuals, rank, singular_values). residuals (..., k) are the sums of squares, empty unless m > n
    and every matrix has rank n; rank is empty for "gels"; singular values are empty but for "gelsd" and "gelss".

    >>> import tensorx as tx
    >>> solution = tx.linalg.lstsq(tx.tensor([[1.0], [1.0]]), tx.tensor([[1.0], [3.0]])).solution
    >>> tx.allclose(solution, tx.tensor([[2.0]]))
    True
    """
    check("lstsq", A, square=False)
    check_same("lstsq", A, B)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), but got {driver}"
        )
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    target = B.unsqueeze(-1) if vector else B
    if target.shape[-2] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.lstsq: input.size(-2) should match other.size(-{1 if vector else 2}), but they are {A.shape[-2]} and "
            f"{target.shape[-2]}"
        )
    from ..dtypes import finfo

    limit = max(A.shape[-2:]) * finfo(A.dtype).eps if rcond is None else float(rcond)
    x, rank, values = _lstsq(A, target, limit)
    nothing = _C.empty((0,), values.dtype, values.device)
    residuals = nothing
    if A.shape[-2] > A.shape[-1] and (rank == A.shape[-1]).all().item():
        residuals = (A @ x - target).abs().square().sum(-2)
        residuals = residuals.squeeze(-1) if vector else residuals
    return return_types.linalg_lstsq(
        (
            x.squeeze(-1) if vector else x,
            residuals,
            _C.empty((0,), _C.int64, rank.device) if driver == "gels" else rank,
            values if driver in ("gelsd", "gelss") else nothing,
        )
    )

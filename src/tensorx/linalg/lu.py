"""The LU factorisation, and solutions by it."""

from __future__ import annotations

from .. import _C, return_types
from ..ops.define import op
from ..ops.into import into
from ..ops.join import cat
from . import lapack
from .lapack import LinAlgError, check, check_same, run
from .solving import check_equation, solve_triangular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..tensor import Tensor


def _lu_gradient(g, out):
    factors, pivots = out[0], out[1]
    rows, columns = factors.shape[-2:]
    least = min(rows, columns)
    lower, upper = _halves(factors)
    gl, gu = g[0].tril(-1)[..., :least], g[0].triu()[..., :least, :]
    top, square = lower[..., :least, :], upper[..., :least]
    of_lower, of_upper = top.mT @ gl[..., :least, :], gu[..., :least] @ square.mT
    if columns > rows:
        of_lower = of_lower - gu[..., rows:] @ upper[..., rows:].mT
    if rows > columns:
        of_upper = of_upper - lower[..., columns:, :].mT @ gl[..., columns:, :]
    inner = solve_triangular(square.mT, of_lower.tril(-1) + of_upper.triu(), upper=False, left=False)
    if columns > rows:
        inner = cat([inner, gu[..., rows:]], -1)
    found = solve_triangular(top.mT, inner, upper=True, unitriangular=True)
    if rows > columns:
        rest = solve_triangular(square.mT, gl[..., columns:, :], upper=False, left=False)
        found = cat([found, rest], -2)
    return _reordered(found, _row_order(pivots, rows).argsort(-1))


@op(method=False, node_name="LinalgLuFactorExBackward0", outputs=1, input=_lu_gradient)
def _lu_factor_ex(input, pivot):
    """L and U in one matrix, the pivots, and which of U's diagonal is 0 or 0."""
    return run(lambda a: lapack.lu_factor(a, pivot), input)


def _halves(factors):
    """L, with its diagonal of ones, and U from the matrix that holds both."""
    rows, columns = factors.shape[-2:]
    least = min(rows, columns)
    return factors.tril(-1)[..., :least] + _C.eye(rows, least, factors.dtype, factors.device), factors.triu()[
        ..., :least, :
    ]


def _row_order(pivots, rows):
    return run(lambda p: lapack.permutation(p, rows), pivots)


def _reordered(x, order):
    """The rows of x in another order."""
    batch = _C.broadcast_shape([x[..., 0], order]) if x.shape[-1] else order.shape
    return x.expand(*batch, x.shape[-1]).gather(-2, order.unsqueeze(-1).expand(*batch, x.shape[-1]))


def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_lu_factor_ex:
    """The LU factorisation and, instead of an error, where U is singular, as (LU, pivots, info); see `lu_factor`.

    >>> import tensorx as tx
    >>> tx.linalg.lu_factor_ex(tx.zeros(2, 2)).info
    tensor(1, dtype=tensorx.int32)
    """
    check("lu_factor", A, square=False)
    factors, pivots, info = _lu_factor_ex(A, bool(pivot))
    if check_errors and (zero := lapack.first_info(info)):
        raise LinAlgError(
            f"linalg.lu_factor: {lapack.batch_element(info, A.ndim)}U[{zero},{zero}] is zero and using it on lu_solve would "
            "result in a division by zero. If you still want to perform the factorization, consider calling "
            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )
    return into(out, return_types.linalg_lu_factor_ex((factors, pivots, info)))


def lu_factor(A: Tensor, *, pivot: bool = True, out: Sequence[Tensor] | None = None) -> return_types.linalg_lu_factor:
    """A = P L U in the compact form that `lu_solve` takes, as (LU, pivots).

    LU (..., m, n) holds U in its upper triangle and, below it, L without its diagonal of ones. pivots (..., min(m, n)),
    int32, counted from 1, says with which row each row was swapped, one after the other. Raises LinAlgError, with the
    batch element, when U has a zero on its diagonal.

    >>> import tensorx as tx
    >>> tx.linalg.lu_factor(tx.tensor([[0.0, 1.0], [2.0, 4.0]]))
    tensorx.return_types.linalg_lu_factor(
    LU=tensor([[2., 4.],
            [0., 1.]]),
    pivots=tensor([2, 2], dtype=tensorx.int32))
    """
    return into(out, return_types.linalg_lu_factor(lu_factor_ex(A, pivot=pivot, check_errors=True)[:2]))


def lu(A: Tensor, *, pivot: bool = True, out: Sequence[Tensor] | None = None) -> return_types.linalg_lu:
    """A = P L U: a permutation, a lower triangular matrix with ones on its diagonal and an upper triangular one.

    Shapes: (..., m, n) -> P (..., m, m), L (..., m, k), U (..., k, n), k = min(m, n). With pivot=False P is empty.

    >>> import tensorx as tx
    >>> p, l, u = tx.linalg.lu(tx.tensor([[0.0, 1.0], [2.0, 4.0]]))
    >>> (p @ l @ u).tolist()
    [[0.0, 1.0], [2.0, 4.0]]
    """
    check("lu", A, square=False)
    factors, pivots, _ = _lu_factor_ex(A, bool(pivot))
    if pivot:
        return into(out, return_types.linalg_lu(lu_unpack(factors, pivots)))
    return into(out, return_types.linalg_lu((_C.empty((0,), A.dtype, A.device), *_halves(factors))))


def lu_unpack(
    LU_data: Tensor,
    LU_pivots: Tensor,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
    *,
    out: Sequence[Tensor] | None = None,
) -> return_types.lu_unpack:
    """P, L and U; see `tensorx.lu_unpack`."""
    nothing = _C.empty((0,), LU_data.dtype, LU_data.device)
    lower, upper = _halves(LU_data) if unpack_data else (nothing, nothing)
    moved = nothing
    if unpack_pivots:
        _check_pivots("lu_unpack", LU_data, LU_pivots)
        rows = LU_data.shape[-2]
        order = _row_order(LU_pivots, rows)
        moved = _reordered(_C.eye(rows, rows, LU_data.dtype, LU_data.device), order.argsort(-1))
    return into(out, return_types.lu_unpack((moved, lower, upper)))


def _check_pivots(name, LU, pivots):
    rows, least = LU.shape[-2], min(LU.shape[-2:])
    if pivots.dtype is not _C.int32 or pivots.shape[-1:] != (least,):
        raise RuntimeError(
            f"{name}: expected the pivots of lu_factor: an int32 tensor whose last dimension is {least}, but got "
            f"{pivots.dtype} of shape {list(pivots.shape)}"
        )
    if pivots.numel() and not (1 <= pivots.min().item() and pivots.max().item() <= rows):
        raise RuntimeError(f"{name}: pivots must be in [1, {rows}], as lu_factor gives them")


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B (left=False: X A = B; adjoint=True: with A^H for A), from `lu_factor(A)`.

    Shapes: LU (..., n, n), pivots (..., n), B (..., n, k), or (..., k, n) for left=False. Batch dimensions broadcast.

    >>> import tensorx as tx
    >>> factors = tx.linalg.lu_factor(tx.tensor([[0.0, 1.0], [2.0, 4.0]]))
    >>> tx.linalg.lu_solve(*factors, tx.tensor([[1.0], [2.0]]))
    tensor([[-1.],
            [ 1.]])
    """
    check("lu_solve", LU)
    check_same("lu_solve", LU, B)
    check_equation("lu_solve", LU, B, left)
    _check_pivots("linalg.lu_solve", LU, pivots)
    if not left:
        return into(out, lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH)
    order = _row_order(pivots, LU.shape[-1])
    if adjoint:
        x = solve_triangular(LU.mH, B, upper=False)
        x = solve_triangular(LU.mH, x, upper=True, unitriangular=True)
        return into(out, _reordered(x, order.argsort(-1)))
    x = solve_triangular(LU, _reordered(B, order), upper=False, unitriangular=True)
    return into(out, solve_triangular(LU, x, upper=True))

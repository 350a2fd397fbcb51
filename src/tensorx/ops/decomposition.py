"""The functions of linear algebra that are also methods of Tensor: they load `tensorx.linalg` when first called."""

from .. import _C, return_types
from .define import composite, function

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "inverse", "logdet", "lu", "lu_solve", "lu_unpack",
    "matrix_exp", "matrix_power", "pinverse", "qr", "slogdet", "svd", "triangular_solve",
]  # fmt: skip


@function
@composite
def inverse(input, *, out=None):
    """The inverse of a square matrix; see `linalg.inv`."""
    from ..linalg import inv

    return inv(input, out=out)


@function
@composite
def pinverse(input, rcond=1e-15):
    """The pseudoinverse of a matrix; see `linalg.pinv`, whose threshold suits the dtype."""
    from ..linalg import pinv

    return pinv(input, rcond)


@function
def det(input):
    """The determinant of a square matrix; see `linalg.det`."""
    from .. import linalg

    return linalg.det(input)


@function
def logdet(input):
    """The logarithm of the determinant of a square matrix: NaN where that is negative, -inf where it is 0.

    >>> import tensorx as tx
    >>> tx.logdet(tx.eye(3))
    tensor(0.)
    """
    from .. import linalg
    from .arithmetic import where

    sign, logarithm = linalg.slogdet(input)
    return sign.log() + logarithm if input.dtype.is_complex else where(sign == -1.0, float("nan"), logarithm)


@function
def slogdet(input, *, out=None):
    """The sign of the determinant and the logarithm of its absolute value, as (sign, logabsdet); see `linalg.slogdet`."""
    from .. import linalg

    return return_types.slogdet(*linalg.slogdet(input, out=out))


@function
def matrix_power(input, n, *, out=None):
    """A square matrix multiplied with itself n times; see `linalg.matrix_power`."""
    from .. import linalg

    return linalg.matrix_power(input, n, out=out)


@function
def matrix_exp(input):
    """The exponential of a square matrix; see `linalg.matrix_exp`."""
    from .. import linalg

    return linalg.matrix_exp(input)


@function
@composite
def cholesky(input, upper=False, *, out=None):
    """The Cholesky factor of a positive-definite matrix; see `linalg.cholesky`."""
    from .. import linalg

    return linalg.cholesky(input, upper=upper, out=out)


@function
@composite
def cholesky_solve(input, input2, upper=False, *, out=None):
    """X with A X = input for A = L L^H (upper=True: L^H L), from its Cholesky factor, `input2`.

    Shapes: input (..., n, k), input2 (..., n, n): (..., n, k).

    >>> import tensorx as tx
    >>> tx.cholesky_solve(tx.tensor([[8.0]]), tx.tensor([[2.0]]))
    tensor([[2.]])
    """
    from ..linalg import solve_triangular

    lower = input2.mH if upper else input2
    inner = solve_triangular(lower, input, upper=False)
    return solve_triangular(lower.mH, inner, upper=True, out=out)


@function
@composite
def cholesky_inverse(input, upper=False, *, out=None):
    """The inverse of A = L L^H (upper=True: L^H L), from its Cholesky factor.

    >>> import tensorx as tx
    >>> tx.cholesky_inverse(tx.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    n = input.shape[-1] if input.ndim else 0
    return cholesky_solve(_C.eye(n, n, input.dtype, input.device), input, upper, out=out)


@function
@composite
def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """`linalg.solve_triangular` in its older form, as (solution, cloned_coefficient); transpose=True solves with A^T.

    >>> import tensorx as tx
    >>> tx.triangular_solve(tx.tensor([[4.0]]), tx.tensor([[2.0]])).solution
    tensor([[2.]])
    """
    from ..linalg import solve_triangular
    from .into import into

    matrix, above = (A.mT, not upper) if transpose else (A, upper)
    solution = solve_triangular(matrix, input, upper=above, unitriangular=unitriangular)
    return into(out, return_types.triangular_solve(solution, A.clone()))


@function
@composite
def qr(input, some=True, *, out=None):
    """A = Q R, as (Q, R); some=False gives a square Q. See `linalg.qr`."""
    from .. import linalg

    return return_types.qr(*linalg.qr(input, "reduced" if some else "complete", out=out))


@function
@composite
def svd(input, some=True, compute_uv=True, *, out=None):
    """A = U diag(S) V^H, as (U, S, V): V, not its conjugate transpose as in `linalg.svd`, which is to be preferred.

    Args:
        some: U and V with as many columns as S has elements; False gives square ones.
        compute_uv: False gives zeros for U and V.

    >>> import tensorx as tx
    >>> tx.svd(tx.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    from ..linalg import svd
    from .into import into

    u, s, vh = svd(input, not some)
    made = (u, s, vh.mH) if compute_uv else (u.detach() * 0, s, vh.detach().mH * 0)
    return into(out, return_types.svd(*made))


@function
def lu(A, pivot=True, get_infos=False, *, out=None):
    """The LU factorisation in compact form, as (LU, pivots), with get_infos=True as (LU, pivots, info); see
    `linalg.lu_factor_ex`. `linalg.lu` gives the three factors.

    >>> import tensorx as tx
    >>> factors, pivots = tx.lu(tx.tensor([[0.0, 1.0], [2.0, 4.0]]))
    >>> pivots
    tensor([2, 2], dtype=tensorx.int32)
    """
    from ..linalg import lu_factor_ex
    from .into import into

    made = tuple(lu_factor_ex(A, pivot=pivot, check_errors=not get_infos))
    return into(out, made if get_infos else made[:2])


@function
@composite
def lu_solve(input, LU_data, LU_pivots, *, out=None):
    """X with A X = input, from the factorisation of A that `lu` gives; see `linalg.lu_solve`."""
    from .. import linalg

    return linalg.lu_solve(LU_data, LU_pivots, input, out=out)


def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """The three factors of what `lu` gives, as (P, L, U); empty tensors for what is not asked for.

    >>> import tensorx as tx
    >>> tx.lu_unpack(*tx.lu(tx.tensor([[0.0, 1.0], [2.0, 4.0]]))).P
    tensor([[0., 1.],
            [1., 0.]])
    """
    from ..linalg.lu import lu_unpack

    return lu_unpack(LU_data, LU_pivots, unpack_data, unpack_pivots, out=out)

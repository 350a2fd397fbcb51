"""Systems of linear equations: inverses, solutions, triangular systems, determinants.

The rules for gradients are those of PyTorch, after Giles, "An extended collection of matrix derivative results for
forward and reverse mode algorithmic differentiation" (2008). They are made of ops, so that second order works.
"""

from __future__ import annotations

from .. import _C, return_types
from ..ops.arithmetic import where
from ..ops.complex import conj
from ..ops.define import composite, op
from ..ops.into import into
from . import lapack
from .lapack import LinAlgError, check, check_same, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..tensor import Tensor

# ---- inverse


def _inverse_gradient(g, out):
    transposed = out[0].mT
    return -(transposed @ g[0] @ transposed)


@op(method=False, node_name="LinalgInvExBackward0", outputs=1, input=_inverse_gradient)
def _inv_ex(input):
    """The inverse, and the pivot that is 0 or 0."""
    return run(lapack.inverse, input)


@composite
def inv_ex(A: Tensor, *, check_errors: bool = False, out: Sequence[Tensor] | None = None) -> return_types.linalg_inv_ex:
    """The inverse and, instead of an error, where the matrix is singular, as (inverse, info).

    info is an int32 tensor (...): 0, or the number of the pivot that is 0, of which the inverse is NaN.

    >>> import tensorx as tx
    >>> tx.linalg.inv_ex(tx.tensor([[1.0, 1.0], [1.0, 1.0]])).info
    tensor(2, dtype=tensorx.int32)
    """
    check("inv", A)
    inverse, info = _inv_ex(A)
    if check_errors and (pivot := lapack.first_info(info)):
        raise LinAlgError(
            f"linalg.inv: {lapack.batch_element(info, A.ndim)}The diagonal element {pivot} is zero, the inversion could "
            "not be completed because the input matrix is singular."
        )
    return into(out, return_types.linalg_inv_ex((inverse, info)))


@composite
def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of a square matrix: (..., n, n) -> (..., n, n).

    Prefer `solve(A, B)` to `inv(A) @ B`: it is quicker and more accurate. Raises LinAlgError, with the batch element, for
    a singular matrix: `inv_ex` tells that without an error, `pinv` has a result for it.

    >>> import tensorx as tx
    >>> tx.linalg.inv(tx.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return into(out, inv_ex(A, check_errors=True)[0])


# ---- solve


def _solve_gradients(needs, g, A, B_shape, out):
    solution = out[0]
    back = _solve_ex(A.mT, g[0])[0]
    return (-(back @ solution.mT)).sum_to_size(A.shape) if needs[0] else None, back.sum_to_size(B_shape)


@op(method=False, node_name="LinalgSolveExBackward0", outputs=1, joint=_solve_gradients, inputs=("A", "B"))
def _solve_ex(A, B):
    """The solution for matrices B, and the pivot that is 0 or 0."""
    x, info = lapack.solve(lapack.host(A), lapack.host(B))
    return lapack.tensor(x, A), lapack.tensor(info, A)


def _is_vector(A, B):
    """True when B holds one vector for each matrix of A, or is one for all, instead of matrices."""
    return B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])


def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_solve_ex:
    """The solution and, instead of an error, where the matrix is singular, as (result, info); see `solve`.

    info is an int32 tensor (...): 0, or the number of the pivot that is 0, of which the result is NaN.

    >>> import tensorx as tx
    >>> tx.linalg.solve_ex(tx.zeros(2, 2), tx.ones(2)).info
    tensor(1, dtype=tensorx.int32)
    """
    check("solve", A)
    check_same("solve", A, B)
    vector = _is_vector(A, B)
    if vector:
        if not left:
            raise RuntimeError(
                "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False"
            )
        B = B.unsqueeze(-1)
    check_equation("solve", A, B, left)
    x, info = _solve_ex(A, B) if left else _solve_ex(A.mT, B.mT)
    if check_errors and lapack.first_info(info):
        raise LinAlgError(
            f"linalg.solve: {lapack.batch_element(info, info.ndim + 2)}The solver failed because the input matrix is singular."
        )
    x = x if left else x.mT
    return into(out, return_types.linalg_solve_ex((x.squeeze(-1) if vector else x, info)))


def check_equation(name, A, B, left):
    if B.ndim < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor B must have at least 2 dimensions.")
    n, size = A.shape[-1], B.shape[-2 if left else -1]
    if n != size:
        raise RuntimeError(
            f"linalg.{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{n} and {B.shape[-2]}x{B.shape[-1]})"
        )


@composite
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """X with A X = B, or X A = B for left=False, for a square and invertible A.

    Shapes: A (..., n, n); B (..., n, k), or (n) or (..., n) for one right-hand side (when it has the shape of A without
    the last dimension); left=False takes B (..., k, n). Batch dimensions broadcast. The result has the shape of B.

    Raises LinAlgError, with the batch element, for a singular A.

    >>> import tensorx as tx
    >>> tx.linalg.solve(tx.tensor([[2.0, 0.0], [0.0, 4.0]]), tx.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    return into(out, solve_ex(A, B, left=left, check_errors=True)[0])


# ---- triangular systems


def _triangular_gradients(needs, g, A, B_shape, out, upper, unitriangular):
    back = _solve_triangular(A.mT, g, not upper, unitriangular)
    of_a = None
    if needs[0]:
        of_a = -(back @ out.mT).sum_to_size(A.shape)
        inside = 1 if unitriangular else 0
        of_a = of_a.triu(inside) if upper else of_a.tril(-inside)
    return of_a, back.sum_to_size(B_shape)


@op(method=False, node_name="LinalgSolveTriangularBackward0", joint=_triangular_gradients, inputs=("A", "B"))
def _solve_triangular(A, B, upper, unitriangular):
    """The solution by substitution."""
    return lapack.tensor(lapack.solve_triangular(lapack.host(A), lapack.host(B), upper, unitriangular), A)


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B, or X A = B for left=False, for a triangular A, by substitution.

    Args:
        A: (..., n, n), of which only the triangle is read that `upper` says.
        B: (..., n, k), or (..., k, n) for left=False. Batch dimensions broadcast.
        unitriangular: take the diagonal of A as 1, without reading it.

    A zero on the diagonal gives infinity and NaN, no error.

    >>> import tensorx as tx
    >>> tx.linalg.solve_triangular(tx.tensor([[2.0, 0.0], [1.0, 1.0]]), tx.tensor([[2.0], [3.0]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    check("solve_triangular", A)
    check_same("solve_triangular", A, B)
    check_equation("solve_triangular", A, B, left)
    if left:
        return into(out, _solve_triangular(A, B, bool(upper), bool(unitriangular)))
    return into(out, _solve_triangular(A.mT, B.mT, not upper, bool(unitriangular)).mT)


# ---- determinants


def _identity_like(A):
    n = A.shape[-1]
    return _C.eye(n, n, A.dtype, A.device)


def _determinant_gradient(g, input, out):
    scale = (g * out).unsqueeze(-1).unsqueeze(-1)
    singular = out.detach() == 0
    if not singular.any().item():
        return solve(input.mT, scale * _identity_like(input))
    # The matrix of cofactors of U S Vh, from the products of all singular values but one: right for any rank.
    from .factors import identity, svd

    u, s, vh = svd(input, False)
    others = where(identity(vh), 1.0, s.unsqueeze(-2)).prod(-1)
    return (g * det(u @ vh)).unsqueeze(-1).unsqueeze(-1) * (conj(u) * others.unsqueeze(-2)) @ conj(vh)


@op(method=False, node_name="LinalgDetBackward0", input=_determinant_gradient)
def _det(input):
    """The determinant."""
    import numpy

    return run(numpy.linalg.det, input)


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of a square matrix: (..., n, n) -> (...). It is 1 for n = 0.

    Its gradient is right for singular matrices too.

    >>> import tensorx as tx
    >>> tx.linalg.det(tx.tensor([[2.0, 1.0], [1.0, 3.0]]))
    tensor(5.)
    """
    check("det", A)
    return into(out, _det(A))


def _log_determinant_gradient(g, input, out):
    scale = g[1]
    if input.dtype.is_complex:
        scale = scale + (g[0] * out[0]).imag * 1j
    return solve(input.mT, scale.unsqueeze(-1).unsqueeze(-1) * _identity_like(input))


@op(method=False, node_name="LinalgSlogdetBackward0", input=_log_determinant_gradient)
def _slogdet(input):
    """Sign and logarithm of the determinant."""
    import numpy

    return run(lambda a: tuple(numpy.linalg.slogdet(a)), input)


def slogdet(A: Tensor, *, out: Sequence[Tensor] | None = None) -> return_types.linalg_slogdet:
    """The determinant as its sign (a number of length 1, if complex) and the logarithm of its absolute value, as
    (sign, logabsdet): without overflow for large matrices. They are 0 and -inf for a singular matrix.

    >>> import tensorx as tx
    >>> tx.linalg.slogdet(tx.tensor([[0.0, 1.0], [1.0, 0.0]])).sign
    tensor(-1.)
    """
    check("slogdet", A)
    return into(out, return_types.linalg_slogdet(_slogdet(A)))

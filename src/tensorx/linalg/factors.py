"""Factorisations: Cholesky, QR, eigenvalues, singular values.

Gradient rules are those of PyTorch, after Giles, "An extended collection of matrix derivative results for forward and
reverse mode algorithmic differentiation" (2008), Walter and Lehmann, "Algorithmic differentiation of linear algebra
functions with application in optimum experimental design" (2011), and Townsend, "Differentiating the singular value
decomposition" (2016). They are made of ops, so that second order works.

A rule gets the conjugate of the gradient and returns that of the input's, which for functions of complex numbers that have a
derivative is what the rule for real ones does. Where a formula has conjugates in it, all of its values have to be
conjugated.
"""

from __future__ import annotations

from .. import _C, return_types
from ..ops.arithmetic import where
from ..ops.complex import conj
from ..ops.define import composite, op
from ..ops.into import into
from ..ops.join import cat
from . import lapack
from .lapack import LinAlgError, check, run
from .solving import solve, solve_triangular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..tensor import Tensor


def _absent(g):
    """True for the zeros that stand for a gradient which did not arrive: what they are divided by may be 0 as well."""
    return not g.requires_grad and not g.any().item()


def identity(x):
    """True on the diagonal of the last two dimensions of x, a square matrix."""
    n = x.shape[-1]
    return _C.full((n, n), True, _C.bool, x.device).tril().triu()


def _halved(x):
    """x without its lower triangle and with half of its diagonal: the upper part of which the Hermitian sum is whole."""
    return (x.triu() + x.triu(1)) / 2


def _skew(x):
    return x - x.mH


# ---- Cholesky


def _cholesky_gradient(g, out):
    factor = conj(out[0])
    inner = _halved(g[0].mH @ factor).mH
    inner = solve_triangular(factor.mH, inner, upper=True)
    inner = solve_triangular(factor, inner, upper=False, left=False)
    return (inner + inner.mH) / 2


@op(method=False, node_name="LinalgCholeskyExBackward0", outputs=1, input=_cholesky_gradient)
def _cholesky_ex(input):
    """The lower factor, and the order of the first leading minor that is not positive-definite or 0."""
    return run(lapack.cholesky, input)


@composite
def cholesky_ex(
    A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_cholesky_ex:
    """The Cholesky factor and, instead of an error, where it failed, as (L, info).

    Args:
        A: (..., n, n), Hermitian positive-definite; only its lower triangle is read (with upper=True its upper one).
        upper: return U with U^H U = A instead of L with L L^H = A.
        check_errors: raise LinAlgError, as `cholesky` does.

    info is an int32 tensor (...): 0, or the order of the leading minor that is not positive-definite.

    >>> import tensorx as tx
    >>> tx.linalg.cholesky_ex(tx.tensor([[4.0, 0.0], [0.0, -1.0]])).info
    tensor(2, dtype=tensorx.int32)
    """
    check("cholesky", A)
    factor, info = _cholesky_ex(A.mH if upper else A)
    if check_errors and (order := lapack.first_info(info)):
        raise LinAlgError(
            f"linalg.cholesky: {lapack.batch_element(info, A.ndim)}The factorization could not be completed because the "
            f"input is not positive-definite (the leading minor of order {order} is not positive-definite)."
        )
    return into(out, return_types.linalg_cholesky_ex((factor.mH if upper else factor, info)))


@composite
def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The factor L of a Hermitian positive-definite matrix A = L L^H: lower triangular; upper=True gives L^H.

    Shapes: (..., n, n) -> (..., n, n). Raises LinAlgError, with the batch element, if A is not positive-definite:
    `cholesky_ex` tells that without an error.

    >>> import tensorx as tx
    >>> tx.linalg.cholesky(tx.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return into(out, cholesky_ex(A, upper=upper, check_errors=True)[0])


# ---- QR


def _qr_gradient(g, input_shape, out, mode):
    q, r = map(conj, out)
    if mode == "complete" and input_shape[-2] > input_shape[-1]:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols: use mode='reduced'"
        )
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r': use mode='reduced'"
        )
    inner = _halved(g[1] @ r.mH - q.mH @ g[0])
    return solve_triangular(r.mH, g[0] + q @ (inner + inner.mH), upper=False, left=False)


@op(method=False, node_name="LinalgQrBackward0", input=_qr_gradient)
def _qr(input, mode):
    """The factors of a matrix; for mode 'r' an empty one in place of Q."""
    import numpy

    if mode != "r":
        return run(lambda a: tuple(numpy.linalg.qr(a, mode)), input)
    return _C.empty((0,), input.dtype, input.device), run(lambda a: numpy.linalg.qr(a, "r"), input)


@composite
def qr(A: Tensor, mode: str = "reduced", *, out: Sequence[Tensor] | None = None) -> return_types.linalg_qr:
    """A = Q R with orthonormal columns in Q and an upper triangular R, as (Q, R).

    Args:
        A: (..., m, n); k = min(m, n).
        mode: "reduced" gives Q (..., m, k) and R (..., k, n); "complete" gives Q (..., m, m) and R (..., m, n);
            "r" gives an empty Q and R as in "reduced".

    The diagonal of R may be negative. Gradients need the first k columns of A to be independent; modes "r", and
    "complete" with m > n, have none.

    >>> import tensorx as tx
    >>> q, r = tx.linalg.qr(tx.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> tx.allclose(q @ r, tx.tensor([[3.0, 1.0], [4.0, 2.0]]))
    True
    """
    check("qr", A, square=False)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    rows, columns = A.shape[-2:]
    if rows >= columns or mode == "r" or not A.requires_grad:
        return into(out, return_types.linalg_qr(_qr(A, mode)))
    # A wide matrix: the factors of its square part, and the other columns in their terms.
    q, r = _qr(A[..., :rows], "reduced")
    return into(out, return_types.linalg_qr((q, cat([r, q.mH @ A[..., rows:]], -1))))


# ---- eigenvalues


def _eigh_gradient(g, out):
    values, vectors = out[0], conj(out[1])
    if _absent(g[1]):
        return (vectors * g[0].unsqueeze(-2)) @ vectors.mH
    diagonal = identity(vectors)
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    inner = _skew(vectors.mH @ g[1]) / (2 * where(diagonal, 1.0, gaps))  # of the Hermitian matrices nearby
    inner = where(diagonal, g[0].unsqueeze(-2).to(vectors.dtype), inner)
    return vectors @ inner @ vectors.mH


@op(method=False, node_name="LinalgEighBackward0", input=_eigh_gradient)
def _eigh(input, UPLO):
    """Ascending eigenvalues and orthonormal eigenvectors, from one triangle."""
    import numpy

    return run(lambda a: tuple(lapack.converged("eigh", lambda m: numpy.linalg.eigh(m, UPLO), a)), input)


@composite
def eigh(A: Tensor, UPLO: str = "L", *, out: Sequence[Tensor] | None = None) -> return_types.linalg_eigh:
    """The eigenvalues and eigenvectors of a symmetric or Hermitian matrix, as (eigenvalues, eigenvectors).

    Args:
        A: (..., n, n), of which only the lower triangle is read (UPLO "L") or only the upper one ("U").

    Eigenvalues (..., n) are real and ascend; column i of the eigenvectors (..., n, n) belongs to eigenvalue i.

    An eigenvector is determined only up to its sign (a phase, if complex): a gradient is right for a function that does
    not depend on it, and finite only where eigenvalues are distinct. For eigenvalues alone neither matters.

    >>> import tensorx as tx
    >>> values, vectors = tx.linalg.eigh(tx.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> tx.allclose(values, tx.tensor([1.0, 3.0]))
    True
    """
    check("eigh", A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return into(out, return_types.linalg_eigh(_eigh(A, UPLO.upper())))


@composite
def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of a symmetric or Hermitian matrix, ascending: those of `eigh`.

    >>> import tensorx as tx
    >>> tx.linalg.eigvalsh(tx.tensor([[2.0, 0.0], [0.0, -1.0]]))
    tensor([-1.,  2.])
    """
    return into(out, eigh(A, UPLO)[0])


def _eig_gradient(g, input_dtype, out):
    values, vectors = map(conj, out)
    adjoint = vectors.mH
    diagonal = identity(vectors)
    inner = adjoint @ g[1]
    # The length of an eigenvector is fixed at 1: what would change it has no effect.
    inner = inner - adjoint @ vectors * inner.diagonal(0, -2, -1).real.unsqueeze(-2)
    gaps = (values.unsqueeze(-2) - values.unsqueeze(-1)).conj()
    inner = inner * 0 if _absent(g[1]) else inner / where(diagonal, 1.0, gaps)
    inner = where(diagonal, g[0].unsqueeze(-2), inner)
    found = solve(adjoint, inner @ adjoint)
    return found if input_dtype.is_complex else found.real


@op(method=False, node_name="LinalgEigBackward0", input=_eig_gradient)
def _eig(input):
    """Complex eigenvalues and eigenvectors of length 1."""
    import numpy

    kind = numpy.complex64 if input.dtype in (_C.float32, getattr(_C, "complex64", None)) else numpy.complex128

    def factor(a):
        values, vectors = lapack.converged("eig", numpy.linalg.eig, a)
        return values.astype(kind), vectors.astype(kind)

    return run(factor, input)


@composite
def eig(A: Tensor, *, out: Sequence[Tensor] | None = None) -> return_types.linalg_eig:
    """The eigenvalues and eigenvectors of a square matrix, as (eigenvalues, eigenvectors), both complex.

    Shapes: (..., n, n) -> (..., n) and (..., n, n). Column i of the eigenvectors belongs to eigenvalue i. For symmetric
    and Hermitian matrices use `eigh`. Raises LinAlgError where a value is not finite.

    An eigenvector is determined only up to a phase: a gradient is right for a function that does not depend on it, and
    finite only where eigenvalues are distinct.

    >>> import tensorx as tx
    >>> tx.linalg.eig(tx.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues.imag.sort().values
    tensor([-1.,  1.])
    """
    check("eig", A)
    return into(out, return_types.linalg_eig(_eig(A)))


@composite
def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of a square matrix, complex, in no particular order: those of `eig`.

    >>> import tensorx as tx
    >>> tx.linalg.eigvals(tx.tensor([[2.0, 1.0], [0.0, 3.0]])).real.sort().values
    tensor([2., 3.])
    """
    return into(out, eig(A)[0])


# ---- singular values


def _svd_gradient(g, out):
    count = out[1].shape[-1]
    u, s, vh = conj(out[0])[..., :count], out[1], conj(out[2])[..., :count, :]
    gu, gs, gvh = g[0][..., :count], g[1], g[2][..., :count, :]
    if _absent(gu) and _absent(gvh):
        return u * gs.unsqueeze(-2) @ vh
    diagonal = identity(u[..., :count, :])
    along, across = s.unsqueeze(-2), s.unsqueeze(-1)
    gaps = where(diagonal, 1.0, along * along - across * across)
    of_u, of_v = u.mH @ gu, vh @ gvh.mH
    inner = _skew(of_u) / gaps * along + across * (_skew(of_v) / gaps)
    turned = _skew(of_u) / (2 * along) if u.dtype.is_complex else 0.0  # the phase that u and v share
    inner = where(diagonal, gs.unsqueeze(-2) + turned, inner)
    found = u @ inner @ vh
    if u.shape[-2] > count:
        found = found + (gu - u @ of_u) / along @ vh
    if vh.shape[-1] > count:
        found = found + u / along @ (gvh - of_v.mH @ vh)
    return found


@op(method=False, node_name="LinalgSvdBackward0", input=_svd_gradient)
def _svd(input, full_matrices):
    """The three factors."""
    import numpy

    return run(
        lambda a: tuple(lapack.converged("svd", lambda m: numpy.linalg.svd(m, full_matrices=full_matrices), a)), input
    )


@composite
def svd(
    A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Sequence[Tensor] | None = None
) -> return_types.linalg_svd:
    """A = U diag(S) Vh with orthonormal columns in U and rows in Vh, as (U, S, Vh).

    Args:
        A: (..., m, n); k = min(m, n).
        full_matrices: U (..., m, m) and Vh (..., n, n) instead of U (..., m, k) and Vh (..., k, n).
        driver: of cuSOLVER; accepted and without effect, as the factorisation is LAPACK's gesdd on every device.

    S (..., k) is real and descends. Raises LinAlgError, with the batch element, where a value is not finite.

    A pair of singular vectors is determined only up to its sign (a phase, if complex): a gradient through U or Vh is
    right for a function that does not depend on it, and finite only where singular values are distinct (and not 0, if
    A is not square). Of full matrices, only the first k columns of U and rows of Vh have gradients.

    >>> import tensorx as tx
    >>> tx.linalg.svd(tx.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    check("svd", A, square=False)
    return into(out, return_types.linalg_svd(_svd(A, bool(full_matrices))))


@composite
def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values of a matrix, descending: those of `svd`. Their gradients are finite even where some are equal.

    >>> import tensorx as tx
    >>> tx.linalg.svdvals(tx.tensor([[0.0, 2.0], [1.0, 0.0]]))
    tensor([2., 1.])
    """
    return into(out, svd(A, False)[1])

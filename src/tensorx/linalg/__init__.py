"""Linear algebra: PyTorch's `torch.linalg`.

Matrices are the last two dimensions; all before them are a batch. Factorisations take float32, float64 and complex
tensors, and run on NumPy's LAPACK: those of CUDA tensors on the host, with one copy there and one back. Products stay on
their device. Everything has gradients of any order.
"""

from .factors import cholesky, cholesky_ex, eig, eigh, eigvals, eigvalsh, qr, svd, svdvals
from .lapack import LinAlgError
from .lu import lu, lu_factor, lu_factor_ex, lu_solve
from .norms import cond, lstsq, matrix_norm, matrix_rank, norm, pinv, vector_norm
from .products import (
    cross,
    diagonal,
    householder_product,
    matmul,
    matrix_exp,
    matrix_power,
    multi_dot,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
)
from .solving import (
    det,
    inv,
    inv_ex,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
)

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp",
    "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex",
    "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip

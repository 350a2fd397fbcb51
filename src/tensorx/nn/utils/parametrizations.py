"""The parametrizations that come along: spectral norm, weight norm, orthogonal matrices."""

from __future__ import annotations

import tensorx

from ... import Tensor, cat, eye, finfo, matrix_exp, mv, no_grad, randn, vdot, zeros_like
from .. import functional as F
from ..modules.module import Module
from .parametrize import register_parametrization
from .spectral_norm import as_matrix, output_dim
from .weight_norm import norm_except_dim, normalized_weight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    AnyModule = TypeVar("AnyModule", bound=Module)

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _tensor_named(module, name):
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return tensor


# Spectral norm ------------------------------------------------------------------------------------


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, {weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps, self.n_power_iterations = dim, eps, n_power_iterations
        if weight.ndim > 1:
            matrix = as_matrix(weight.detach(), dim)
            for name, size in zip(("_u", "_v"), matrix.shape):
                self.register_buffer(name, F.normalize(matrix.new_empty(size).normal_(0, 1), dim=0, eps=eps))
            self._power_method(matrix, 15)

    @no_grad()
    def _power_method(self, matrix, steps):
        for _ in range(steps):
            self._u.copy_(F.normalize(mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Copies: the next call writes to the buffers, while this one's graph has them.
        return weight / vdot(self._u.clone(), mv(matrix, self._v.clone()))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # as if it were normalised already


def spectral_norm(
    module: AnyModule,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> AnyModule:
    """Divide a tensor of `module` by its largest singular value, so that the layer's Lipschitz constant is about 1.

    The tensor is taken as a matrix with a row per slice along `dim`. Its largest singular value u^T W v comes from power
    iteration: 15 steps now, then in training some more at each access, from where the last ones ended; in evaluation
    none. Returns `module`.

    Args:
        module: the module.
        name: of the parameter or buffer. One with a single dimension is divided by its norm.
        n_power_iterations: steps at each access in training.
        eps: the least norm that is divided by.
        dim: of the weight's outputs; 1 for transposed convolutions, otherwise 0.

    Miyato et al. 2018, arXiv:1802.05957.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.parametrizations.spectral_norm(tx.nn.Linear(20, 40), n_power_iterations=50)
    >>> abs(tx.linalg.matrix_norm(layer.weight, 2).item() - 1) < 0.1
    True
    """
    weight = _tensor_named(module, name)
    made = _SpectralNorm(weight, n_power_iterations, output_dim(module) if dim is None else dim, eps)
    register_parametrization(module, name, made)
    return module


# Weight norm --------------------------------------------------------------------------------------


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return normalized_weight(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, 2, self.dim), weight


class _OlderNames:
    """Before loading: the names of the hook form, `weight_g` and `weight_v`, become those of the parametrization."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        older = [f"{prefix}{self.name}{suffix}" for suffix in ("_g", "_v")]
        if all(key in state_dict for key in older):
            for i, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{self.name}.original{i}"] = state_dict.pop(key)


def weight_norm(module: AnyModule, name: str = "weight", dim: int | None = 0) -> AnyModule:
    """Learn norm and direction of a weight apart: weight = g v / |v|. Returns `module`.

    `parametrizations.weight.original0` is g, `original1` is v. States saved with the older `nn.utils.weight_norm` load.

    Args:
        module: the module.
        name: of the parameter or buffer.
        dim: there is one norm per slice along it; None: one norm for all.

    Salimans and Kingma 2016, arXiv:1602.07868.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.parametrizations.weight_norm(tx.nn.Linear(20, 40))
    >>> {name: tuple(value.shape) for name, value in layer.parametrizations.weight.named_parameters()}
    {'original0': (40, 1), 'original1': (40, 20)}
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(_OlderNames(name))
    return module


# Orthogonal matrices ------------------------------------------------------------------------------


class _Orthogonal(Module):
    """Maps any matrix (n, k) to one with orthonormal columns, or rows if n < k.

    base (a trivialization, Lezcano-Casado 2019, arXiv:1909.09501): the map is base @ map(X), so that any orthogonal
    matrix is reached, near X = -I for the one that was assigned last.
    """

    def __init__(self, shape: tuple[int, ...], orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape, self.orthogonal_map, self.use_trivialization = shape, orthogonal_map, use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        tall = X.mT if wide else X
        q = self._reflections(tall) if self.orthogonal_map == "householder" else self._rotation(tall)
        if self.use_trivialization:
            q = self.base @ q
        return q.mT if wide else q

    def _reflections(self, X):
        """The product of a reflection per column, with the signs of the diagonal."""
        vectors = X.tril(-1)
        tau = 2 / (1 + (vectors * vectors).sum(-2))
        return tensorx.linalg.householder_product(vectors, tau) * _diagonal(X).sign().unsqueeze(-2)

    def _rotation(self, X):
        """The first columns of a function of the skew-symmetric matrix whose lower triangle is X's."""
        n, k = X.shape[-2:]
        X = X.tril()
        if n != k:
            X = cat([X, X.new_zeros(*X.shape[:-1], n - k)], dim=-1)
        skew = X - X.mH
        if self.orthogonal_map == "matrix_exp":
            q = matrix_exp(skew)
        else:  # Cayley's
            identity = eye(n, dtype=skew.dtype, device=skew.device)
            q = tensorx.linalg.solve(identity - skew / 2, identity + skew / 2)
        return q[..., :k]

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.shape[-2] < Q.shape[-1]
        tall = Q.mT if wide else Q
        if self.use_trivialization:
            self.base = _completed(tall)
            start = zeros_like(Q)
            _diagonal(start).fill_(-1.0)
            return start
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        # LAPACK's reflections: below the diagonal their vectors, and on it, here, the signs that forward multiplies by.
        from ...linalg.lapack import run

        vectors, tau = run(_reflections_of, tall)
        signs = _diagonal(vectors).sign() * (1 - 2 * (tau == 0).to(tau.dtype))
        _diagonal(vectors).copy_(signs)
        return vectors.mT if wide else vectors


def _diagonal(matrix):
    return matrix.diagonal(dim1=-2, dim2=-1)


def _reflections_of(matrix):
    import numpy

    h, tau = numpy.linalg.qr(matrix, mode="raw")
    return numpy.swapaxes(h, -2, -1), tau


def _completed(matrix):
    """A square orthogonal matrix: its first columns are those of (n, k) `matrix`, made orthonormal, the others random."""
    n, k = matrix.shape[-2:]
    if n == k:
        product = matrix.mH @ matrix
        identity = eye(k, dtype=matrix.dtype, device=matrix.device).expand(product.shape)
        if product.allclose(identity, atol=10.0 * n * finfo(matrix.dtype).eps):
            return matrix.clone()
    else:
        others = randn(*matrix.shape[:-1], n - k, dtype=matrix.dtype, device=matrix.device)
        matrix = cat([matrix, others], dim=-1)
    q, r = tensorx.linalg.qr(matrix)
    return q * _diagonal(r).sgn().unsqueeze(-2)


def orthogonal(
    module: AnyModule,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> AnyModule:
    """Keep a matrix (..., n, k) orthogonal: orthonormal columns if n >= k, otherwise orthonormal rows. Returns `module`.

    The tensor takes the orthogonal matrix next to its present value in the order of its columns (that of the QR
    decomposition), and an orthogonal value can be assigned.

    Args:
        module: the module.
        name: of the parameter or buffer; at least two dimensions, the others are a batch.
        orthogonal_map: "matrix_exp" (exp(A) of a skew-symmetric A), "cayley" ((I - A/2)^-1 (I + A/2)) or "householder"
            (a product of reflections, which is quick for n much more than k; real only). Default: "matrix_exp" for
            square or complex tensors, otherwise "householder".
        use_trivialization: multiply with a fixed base, by which training starts well conditioned, and any value can be
            assigned. It takes an n x n buffer.

    ValueError: no such tensor, too few dimensions, or another map.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.parametrizations.orthogonal(tx.nn.Linear(20, 40))
    >>> tx.allclose(layer.weight.T @ layer.weight, tx.eye(20), atol=1e-5)
    True
    """
    weight = _tensor_named(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    if weight.is_complex() and orthogonal_map == "householder":
        raise ValueError("The householder parametrization does not support complex tensors.")
    made = _Orthogonal(weight.shape, orthogonal_map, use_trivialization)
    register_parametrization(module, name, made, unsafe=True)
    return module

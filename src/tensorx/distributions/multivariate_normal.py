"""Normal vectors, with a covariance matrix of any form or of low rank."""

from math import log, pi

import tensorx as tx

from . import constraints
from .distribution import Distribution
from .utils import lazy_property

__all__ = ["LowRankMultivariateNormal", "MultivariateNormal"]


def _batch_shape(*shapes):
    """What shapes broadcast to."""
    return tuple(tx.broadcast_tensors(*[tx.empty(()).expand(shape) for shape in shapes])[0].shape)


def _matrix_vector(matrix, vector):
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _half_log_det(triangular):
    """Half the logarithm of the determinant of L L^T."""
    return triangular.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _squared_norm(triangular, vector):
    """The squared length of L^-1 v: how many deviations away v is."""
    shape = _batch_shape(triangular.shape[:-1], vector.shape)
    triangular = triangular.expand((*shape, shape[-1]))
    solved = tx.linalg.solve_triangular(triangular, vector.expand(shape).unsqueeze(-1), upper=False)
    return solved.square().sum((-2, -1))


class MultivariateNormal(Distribution):
    """Normal vectors of mean `loc` and a covariance given by one of three matrices.

    Args:
        loc: (..., n).
        covariance_matrix: (..., n, n), positive definite; or precision_matrix, its inverse; or scale_tril, its lower
            Cholesky factor, which costs least.

    >>> import tensorx as tx
    >>> normal = tx.distributions.MultivariateNormal(tx.zeros(2), scale_tril=tx.eye(2))
    >>> normal.log_prob(tx.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = {name: matrix for name, matrix in given.items() if matrix is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.ndim < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch, n = _batch_shape(matrix.shape[:-2], loc.shape[:-1]), loc.shape[-1]
        self.loc = loc.expand((*batch, n))
        self.__dict__[name] = matrix.expand((*batch, n, n))
        super().__init__(batch, (n,), validate_args)

    @lazy_property
    def scale_tril(self):
        """The lower Cholesky factor of the covariance."""
        if "covariance_matrix" in self.__dict__:
            return tx.linalg.cholesky(self.covariance_matrix)
        # Of the precision, reversed in both dimensions, the factor's inverse reversed again is lower triangular.
        factor = tx.linalg.cholesky(self.precision_matrix.flip((-2, -1)))
        upper = factor.flip((-2, -1)).mT
        eye = tx.eye(self.loc.shape[-1], dtype=self.loc.dtype, device=self.loc.device).expand(upper.shape)
        return tx.linalg.solve_triangular(upper, eye, upper=False)

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        eye = tx.eye(self.loc.shape[-1], dtype=self.loc.dtype, device=self.loc.device).expand(self.scale_tril.shape)
        inverse = tx.linalg.solve_triangular(self.scale_tril, eye, upper=False)
        return inverse.mT @ inverse

    @property
    def mean(self):
        return self.loc

    mode = mean

    @property
    def variance(self):
        return self.scale_tril.square().sum(-1)

    def rsample(self, sample_shape=()):
        eps = tx.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + _matrix_vector(self.scale_tril, eps)

    def log_prob(self, value):
        self._check(value)
        distance = _squared_norm(self.scale_tril, value - self.loc)
        return -0.5 * (self.event_shape[0] * log(2 * pi) + distance) - _half_log_det(self.scale_tril)

    def entropy(self):
        return 0.5 * self.event_shape[0] * (1 + log(2 * pi)) + _half_log_det(self.scale_tril)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors whose covariance is cov_factor @ cov_factor^T + diag(cov_diag): in time and memory linear in n.

    Args:
        loc: (..., n). cov_factor: (..., n, rank). cov_diag: (..., n), positive.

    By the matrix determinant lemma and Woodbury's identity only a matrix of rank x rank is factorised.

    >>> import tensorx as tx
    >>> normal = tx.distributions.LowRankMultivariateNormal(tx.zeros(2), tx.tensor([[1.0], [0.0]]), tx.ones(2))
    >>> normal.variance
    tensor([2., 1.])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.ndim < 2 or cov_factor.shape[-2] != n:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {n} x m, got {tuple(cov_factor.shape)}"
            )
        if cov_diag.ndim < 1 or cov_diag.shape[-1] != n:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {n}, got {tuple(cov_diag.shape)}")
        batch = _batch_shape(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc, self.cov_diag = loc.expand((*batch, n)), cov_diag.expand((*batch, n))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        super().__init__(batch, (n,), validate_args)

    @lazy_property
    def _capacitance_tril(self):
        """The Cholesky factor of I + W^T D^-1 W."""
        scaled = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        eye = tx.eye(self.cov_factor.shape[-1], dtype=self.loc.dtype, device=self.loc.device)
        return tx.linalg.cholesky(scaled @ self.cov_factor + eye)

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        return self.cov_factor @ self.cov_factor.mT + tx.diag_embed(self.cov_diag)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        scaled = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        inner = tx.linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return tx.diag_embed(self.cov_diag.reciprocal()) - inner.mT @ inner

    @lazy_property
    def scale_tril(self):
        """The lower Cholesky factor of the covariance."""
        return tx.linalg.cholesky(self.covariance_matrix)

    @property
    def mean(self):
        return self.loc

    mode = mean

    @property
    def variance(self):
        return self.cov_factor.square().sum(-1) + self.cov_diag

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        rank = (*shape[:-1], self.cov_factor.shape[-1])
        few = tx.randn(rank, dtype=self.loc.dtype, device=self.loc.device)
        each = tx.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + _matrix_vector(self.cov_factor, few) + self.cov_diag.sqrt() * each

    def _half_log_det(self):
        return _half_log_det(self._capacitance_tril) + 0.5 * self.cov_diag.log().sum(-1)

    def log_prob(self, value):
        self._check(value)
        scaled = (value - self.loc) / self.cov_diag
        inner = _matrix_vector(self.cov_factor.mT, scaled)
        distance = (scaled * (value - self.loc)).sum(-1) - _squared_norm(self._capacitance_tril, inner)
        return -0.5 * (self.event_shape[0] * log(2 * pi) + distance) - self._half_log_det()

    def entropy(self):
        return 0.5 * self.event_shape[0] * (1 + log(2 * pi)) + self._half_log_det()

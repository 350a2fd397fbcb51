"""The beta and Dirichlet distributions: gamma variables over their sum, through which gradients pass to the parameters."""

import tensorx as tx
from tensorx.random import _standard_gamma

from . import constraints
from .distribution import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Beta", "Dirichlet"]


class Dirichlet(ExponentialFamily):
    """The Dirichlet distribution on the simplex, of parameters `concentration` along the last dimension.

    Samples are gamma variables over their sum, drawn in double precision, because those of small concentration reach far
    below the range of float32.

    >>> import tensorx as tx
    >>> tx.distributions.Dirichlet(tx.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration, validate_args=None):
        if concentration.ndim < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self):
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self):
        above = (self.concentration - 1).clamp_min(0)
        mode = above / above.sum(-1, True)
        # All below 1: the density is highest at corners; that of the largest parameter is taken.
        flat = (self.concentration < 1).all(-1, True)
        largest = self.concentration.argmax(-1, True)
        corner = tx.arange(self.concentration.shape[-1], device=above.device) == largest
        return tx.where(flat, corner.to(mode.dtype), mode)

    @property
    def variance(self):
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def rsample(self, sample_shape=()):
        wide = self.concentration.to(tx.float64).expand(self._extended_shape(sample_shape))
        gamma = _standard_gamma(wide, None)
        return (gamma / gamma.sum(-1, True)).to(self.concentration.dtype)

    def log_prob(self, value):
        self._check(value)
        a = self.concentration
        return tx.xlogy(a - 1, value).sum(-1) + tx.lgamma(a.sum(-1)) - tx.lgamma(a).sum(-1)

    def entropy(self):
        a, k = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        normalizer = tx.lgamma(a).sum(-1) - tx.lgamma(total)
        return normalizer - (k - total) * tx.digamma(total) - ((a - 1) * tx.digamma(a)).sum(-1)

    @property
    def _natural_params(self):
        return (self.concentration,)

    def _log_normalizer(self, x):
        return tx.lgamma(x).sum(-1) - tx.lgamma(x.sum(-1))


class Beta(ExponentialFamily):
    """The beta distribution on (0, 1): the first of two variables of a Dirichlet distribution.

    >>> import tensorx as tx
    >>> tx.distributions.Beta(1.0, 3.0).mean
    tensor(0.2500)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    @property
    def _dirichlet(self):
        return Dirichlet(tx.stack([self.concentration1, self.concentration0], -1), validate_args=False)

    @property
    def mean(self):
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self):
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self):
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.square() * (total + 1))

    def rsample(self, sample_shape=()):
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value):
        self._check(value)
        return self._dirichlet.log_prob(tx.stack([value, 1 - value], -1))

    def entropy(self):
        return self._dirichlet.entropy()

    @property
    def _natural_params(self):
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x, y):
        return tx.lgamma(x) + tx.lgamma(y) - tx.lgamma(x + y)

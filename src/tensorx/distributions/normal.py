"""The normal distribution, and those of its exponential and its absolute value."""

from math import log, pi, sqrt

import tensorx as tx

from . import constraints
from .distribution import ExponentialFamily
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform, ExpTransform
from .utils import broadcast_all

__all__ = ["HalfNormal", "LogNormal", "Normal"]


class Normal(ExponentialFamily):
    """The normal distribution of mean `loc` and standard deviation `scale`.

    >>> import tensorx as tx
    >>> tx.distributions.Normal(0.0, 1.0).log_prob(tx.tensor(0.0))
    tensor(-0.9189)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.loc

    mode = mean

    @property
    def stddev(self):
        return self.scale

    @property
    def variance(self):
        return self.scale.square()

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.loc + self.scale * tx.randn(shape, dtype=self.loc.dtype, device=self.loc.device)

    def log_prob(self, value):
        self._check(value)
        return ((value - self.loc) / self.scale).square() * -0.5 - self.scale.log() - 0.5 * log(2 * pi)

    def cdf(self, value):
        self._check(value)
        return tx.special.ndtr((value - self.loc) / self.scale)

    def icdf(self, value):
        return self.loc + self.scale * tx.special.ndtri(value)

    def entropy(self):
        return self.scale.log() + (0.5 + 0.5 * log(2 * pi))

    @property
    def _natural_params(self):
        return self.loc / self.variance, -0.5 / self.variance

    def _log_normalizer(self, x, y):
        return -0.25 * x.square() / y + 0.5 * tx.log(-pi / y)


class LogNormal(TransformedDistribution):
    """The distribution of exp(x) for a normal x of mean `loc` and standard deviation `scale`.

    >>> import tensorx as tx
    >>> tx.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def loc(self):
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self):
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self):
        return (self.loc + self.scale.square() / 2).exp()

    @property
    def mode(self):
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self):
        square = self.scale.square()
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self):
        return self.base_dist.entropy() + self.loc


class HalfNormal(TransformedDistribution):
    """The distribution of |x| for a normal x of mean 0 and standard deviation `scale`.

    >>> import tensorx as tx
    >>> tx.distributions.HalfNormal(1.0).mean
    tensor(0.7979)
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale, validate_args=None):
        super().__init__(Normal(0.0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def scale(self):
        """The standard deviation of the normal variable."""
        return self.base_dist.scale

    @property
    def mean(self):
        return self.scale * sqrt(2 / pi)

    @property
    def mode(self):
        return tx.zeros_like(self.scale)

    @property
    def variance(self):
        return self.scale.square() * (1 - 2 / pi)

    def log_prob(self, value):
        self._check(value)
        return tx.where(value >= 0, self.base_dist.log_prob(value) + log(2), -tx.inf)

    def cdf(self, value):
        self._check(value)
        return tx.erf(value / (self.scale * sqrt(2))).clamp_min(0)

    def icdf(self, value):
        return self.scale * tx.erfinv(value) * sqrt(2)

    def entropy(self):
        return self.base_dist.entropy() - log(2)

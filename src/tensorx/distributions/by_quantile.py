"""Distributions sampled by their quantile function: a uniform number's icdf, through which gradients pass."""

from math import log, pi

import tensorx as tx

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, uniform_open

__all__ = ["Cauchy", "Exponential", "Gumbel", "HalfCauchy", "Kumaraswamy", "Laplace", "Pareto", "Weibull"]

_EULER = 0.57721566490153286061


class _ByQuantile(Distribution):
    """A distribution of numbers with the parameters that `arg_constraints` names, sampled as icdf(u)."""

    has_rsample = True

    def __init__(self, *parameters, validate_args=None):
        self.__dict__.update(zip(self.arg_constraints, broadcast_all(*parameters)))
        super().__init__(self._first.shape, validate_args=validate_args)

    @property
    def _first(self):
        return self.__dict__[next(iter(self.arg_constraints))]

    def rsample(self, sample_shape=()):
        return self.icdf(uniform_open(self._extended_shape(sample_shape), self._first))


class Exponential(_ByQuantile):
    """The exponential distribution: the time to an event that happens `rate` times in a unit of time.

    >>> import tensorx as tx
    >>> tx.distributions.Exponential(2.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, rate, validate_args=None):
        super().__init__(rate, validate_args=validate_args)

    @property
    def mean(self):
        return self.rate.reciprocal()

    stddev = mean

    @property
    def mode(self):
        return tx.zeros_like(self.rate)

    @property
    def variance(self):
        return self.rate.square().reciprocal()

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return tx.empty(shape, dtype=self.rate.dtype, device=self.rate.device).exponential_() / self.rate

    def log_prob(self, value):
        self._check(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value):
        self._check(value)
        return -tx.expm1(-self.rate * value)

    def icdf(self, value):
        return -tx.log1p(-value) / self.rate

    def entropy(self):
        return 1.0 - self.rate.log()


class Laplace(_ByQuantile):
    """The Laplace distribution: an exponential one on either side of `loc`.

    >>> import tensorx as tx
    >>> tx.distributions.Laplace(0.0, 1.0).log_prob(tx.tensor(1.0))
    tensor(-1.6931)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc, scale, validate_args=None):
        super().__init__(loc, scale, validate_args=validate_args)

    @property
    def mean(self):
        return self.loc

    mode = mean

    @property
    def stddev(self):
        return self.scale * 2**0.5

    @property
    def variance(self):
        return 2 * self.scale.square()

    def log_prob(self, value):
        self._check(value)
        return -tx.log(2 * self.scale) - (value - self.loc).abs() / self.scale

    def cdf(self, value):
        self._check(value)
        distance = (value - self.loc) / self.scale
        return 0.5 - 0.5 * distance.sign() * tx.expm1(-distance.abs())

    def icdf(self, value):
        term = value - 0.5
        return self.loc - self.scale * term.sign() * tx.log1p(-2 * term.abs())

    def entropy(self):
        return 1 + tx.log(2 * self.scale)


class Cauchy(_ByQuantile):
    """The Cauchy distribution: of the ratio of two normal variables, scaled and shifted. It has no mean.

    >>> import tensorx as tx
    >>> tx.distributions.Cauchy(0.0, 1.0).log_prob(tx.tensor(0.0))
    tensor(-1.1447)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc, scale, validate_args=None):
        super().__init__(loc, scale, validate_args=validate_args)

    @property
    def mean(self):
        return tx.full_like(self.loc, tx.nan)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return tx.full_like(self.loc, tx.inf)

    def log_prob(self, value):
        self._check(value)
        return -log(pi) - self.scale.log() - ((value - self.loc) / self.scale).square().log1p()

    def cdf(self, value):
        self._check(value)
        return tx.atan((value - self.loc) / self.scale) / pi + 0.5

    def icdf(self, value):
        return tx.tan(pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self):
        return log(4 * pi) + self.scale.log()


class HalfCauchy(_ByQuantile):
    """The distribution of |x| for a Cauchy variable x around 0.

    >>> import tensorx as tx
    >>> tx.distributions.HalfCauchy(1.0).cdf(tx.tensor(1.0))
    tensor(0.5000)
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, scale, validate_args=None):
        super().__init__(scale, validate_args=validate_args)

    @property
    def mean(self):
        return tx.full_like(self.scale, tx.inf)

    @property
    def mode(self):
        return tx.zeros_like(self.scale)

    variance = mean

    def log_prob(self, value):
        self._check(value)
        inside = log(2 / pi) - self.scale.log() - (value / self.scale).square().log1p()
        return tx.where(value >= 0, inside, -tx.inf)

    def cdf(self, value):
        self._check(value)
        return tx.atan(value / self.scale) * (2 / pi)

    def icdf(self, value):
        return tx.tan(pi / 2 * value) * self.scale

    def entropy(self):
        return log(2 * pi) + self.scale.log()


class Gumbel(_ByQuantile):
    """The Gumbel distribution, of the largest of many: -log(-log(u)), scaled and shifted.

    >>> import tensorx as tx
    >>> tx.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc, scale, validate_args=None):
        super().__init__(loc, scale, validate_args=validate_args)

    @property
    def mean(self):
        return self.loc + self.scale * _EULER

    @property
    def mode(self):
        return self.loc

    @property
    def stddev(self):
        return self.scale * (pi / 6**0.5)

    @property
    def variance(self):
        return self.scale.square() * (pi * pi / 6)

    def log_prob(self, value):
        self._check(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def cdf(self, value):
        self._check(value)
        return tx.exp(-tx.exp((self.loc - value) / self.scale))

    def icdf(self, value):
        return self.loc - self.scale * tx.log(-tx.log(value))

    def entropy(self):
        return self.scale.log() + (1 + _EULER)


class Weibull(_ByQuantile):
    """The Weibull distribution: of an exponential variable's power 1 / concentration, times scale.

    >>> import tensorx as tx
    >>> tx.distributions.Weibull(1.0, 2.0).mean
    tensor(0.8862)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale, concentration, validate_args=None):
        super().__init__(scale, concentration, validate_args=validate_args)

    @property
    def mean(self):
        return self.scale * tx.exp(tx.lgamma(1 + 1 / self.concentration))

    @property
    def mode(self):
        k = self.concentration
        return tx.where(k > 1, self.scale * ((k - 1).clamp_min(0) / k).pow(1 / k), 0.0)

    @property
    def variance(self):
        mean = tx.lgamma(1 + 1 / self.concentration)
        return self.scale.square() * (tx.exp(tx.lgamma(1 + 2 / self.concentration)) - tx.exp(2 * mean))

    def log_prob(self, value):
        self._check(value)
        ratio = (value / self.scale).log()
        k = self.concentration
        return (k / self.scale).log() + (k - 1) * ratio - tx.exp(k * ratio)

    def cdf(self, value):
        self._check(value)
        return -tx.expm1(-(value / self.scale).pow(self.concentration))

    def icdf(self, value):
        return self.scale * (-tx.log1p(-value)).pow(1 / self.concentration)

    def entropy(self):
        k = self.concentration
        return _EULER * (1 - 1 / k) + (self.scale / k).log() + 1


class Pareto(_ByQuantile):
    """The Pareto distribution: of scale * exp(x), x exponential with rate alpha.

    >>> import tensorx as tx
    >>> tx.distributions.Pareto(1.0, 3.0).mean
    tensor(1.5000)
    """

    arg_constraints = {"scale": constraints.positive, "alpha": constraints.positive}

    def __init__(self, scale, alpha, validate_args=None):
        super().__init__(scale, alpha, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self):
        return tx.where(self.alpha > 1, self.alpha * self.scale / (self.alpha - 1), tx.inf)

    @property
    def mode(self):
        return self.scale

    @property
    def variance(self):
        a = self.alpha
        return tx.where(a > 2, self.scale.square() * a / ((a - 1).square() * (a - 2)), tx.inf)

    def log_prob(self, value):
        self._check(value)
        return self.alpha.log() + self.alpha * self.scale.log() - (self.alpha + 1) * value.log()

    def cdf(self, value):
        self._check(value)
        return 1 - (self.scale / value).pow(self.alpha)

    def icdf(self, value):
        return self.scale * tx.exp(-tx.log1p(-value) / self.alpha)

    def entropy(self):
        return (self.scale / self.alpha).log() + (1 + 1 / self.alpha)


class Kumaraswamy(_ByQuantile):
    """The Kumaraswamy distribution on (0, 1): like a beta distribution, with a cdf in closed form.

    >>> import tensorx as tx
    >>> tx.distributions.Kumaraswamy(1.0, 1.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval

    def __init__(self, concentration1, concentration0, validate_args=None):
        super().__init__(concentration1, concentration0, validate_args=validate_args)

    def _moment(self, n):
        a, b = 1 + n / self.concentration1, self.concentration0
        return tx.exp(b.log() + tx.lgamma(a) + tx.lgamma(b) - tx.lgamma(a + b))

    @property
    def mean(self):
        return self._moment(1)

    @property
    def mode(self):
        a, b = self.concentration1, self.concentration0
        mode = ((a - 1) / (a * b - 1)).pow(1 / a)
        return tx.where((a >= 1) & (b >= 1) & ~((a == 1) & (b == 1)), mode, tx.nan)

    @property
    def variance(self):
        return self._moment(2) - self._moment(1).square()

    def rsample(self, sample_shape=()):
        tiny = tx.finfo(self.concentration1.dtype)
        return super().rsample(sample_shape).clamp(tiny.tiny, 1 - tiny.eps / 2)

    def log_prob(self, value):
        self._check(value)
        a, b = self.concentration1, self.concentration0
        return (a * b).log() + (a - 1) * value.log() + (b - 1) * tx.log1p(-value.pow(a))

    def cdf(self, value):
        self._check(value)
        return -tx.expm1(self.concentration0 * tx.log1p(-value.pow(self.concentration1)))

    def icdf(self, value):
        return (-tx.expm1(tx.log1p(-value) / self.concentration0)).pow(1 / self.concentration1)

    def entropy(self):
        a, b = self.concentration1, self.concentration0
        harmonic = tx.digamma(b + 1) + _EULER
        return (1 - 1 / a) * harmonic + (1 - 1 / b) - (a * b).log()

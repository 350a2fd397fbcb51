"""The gamma distribution, and those made of gamma variables. Gradients pass to the shape by implicit reparameterisation."""

from math import inf, nan, pi

import tensorx as tx
from tensorx.random import _standard_gamma

from . import constraints
from .distribution import Distribution, ExponentialFamily
from .transformed_distribution import TransformedDistribution
from .transforms import PowerTransform
from .utils import broadcast_all

__all__ = ["Chi2", "FisherSnedecor", "Gamma", "InverseGamma", "StudentT"]


class Gamma(ExponentialFamily):
    """The gamma distribution of shape `concentration` and inverse scale `rate`.

    >>> import tensorx as tx
    >>> tx.distributions.Gamma(3.0, 2.0).mean
    tensor(1.5000)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.concentration / self.rate

    @property
    def mode(self):
        return ((self.concentration - 1) / self.rate).clamp_min(0)

    @property
    def variance(self):
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return _standard_gamma(self.concentration.expand(shape), None) / self.rate.expand(shape)

    def log_prob(self, value):
        self._check(value)
        a, rate = self.concentration, self.rate
        return tx.xlogy(a, rate) + tx.xlogy(a - 1, value) - rate * value - tx.lgamma(a)

    def cdf(self, value):
        self._check(value)
        return tx.igamma(self.concentration, self.rate * value)

    def entropy(self):
        a = self.concentration
        return a - self.rate.log() + tx.lgamma(a) + (1 - a) * tx.digamma(a)

    @property
    def _natural_params(self):
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x, y):
        return tx.lgamma(x + 1) - (x + 1) * tx.log(-y)


class Chi2(Gamma):
    """The chi-square distribution: of the sum of `df` squares of standard normal variables.

    >>> import tensorx as tx
    >>> tx.distributions.Chi2(3.0).variance
    tensor(6.)
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df, validate_args=None):
        (self.df,) = broadcast_all(df)
        super().__init__(0.5 * self.df, 0.5, validate_args=validate_args)

    def _expanded(self, batch_shape, kind):
        made = super()._expanded(batch_shape, kind)
        made.concentration, made.rate = self.concentration.expand(batch_shape), self.rate.expand(batch_shape)
        return made


class InverseGamma(TransformedDistribution):
    """The distribution of 1 / x for a gamma variable x.

    >>> import tensorx as tx
    >>> tx.distributions.InverseGamma(3.0, 2.0).mean
    tensor(1.)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration, rate, validate_args=None):
        base = Gamma(concentration, rate, validate_args)
        super().__init__(base, PowerTransform(-tx.ones_like(base.rate)), validate_args=validate_args)

    @property
    def concentration(self):
        """The shape of the gamma variable."""
        return self.base_dist.concentration

    @property
    def rate(self):
        """The rate of the gamma variable: the scale of this one."""
        return self.base_dist.rate

    @property
    def mean(self):
        return tx.where(self.concentration > 1, self.rate / (self.concentration - 1), inf)

    @property
    def mode(self):
        return self.rate / (self.concentration + 1)

    @property
    def variance(self):
        a = self.concentration
        return tx.where(a > 2, self.rate.square() / ((a - 1).square() * (a - 2)), inf)

    def entropy(self):
        a = self.concentration
        return a + self.rate.log() + tx.lgamma(a) - (1 + a) * tx.digamma(a)


class StudentT(Distribution):
    """Student's t-distribution with `df` degrees of freedom, scaled and shifted.

    >>> import tensorx as tx
    >>> tx.distributions.StudentT(4.0).variance
    tensor(2.)
    """

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self):
        return tx.where(self.df > 1, self.loc, nan)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        finite = self.scale.square() * self.df / (self.df - 2)
        return tx.where(self.df > 2, finite, tx.where(self.df > 1, inf, tx.full_like(finite, nan)))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        x = tx.randn(shape, dtype=self.df.dtype, device=self.df.device)
        z = _standard_gamma((self.df / 2).expand(shape), None) * 2
        return self.loc + self.scale * x * tx.rsqrt(z / self.df)

    def log_prob(self, value):
        self._check(value)
        y = (value - self.loc) / self.scale
        normalizer = (
            self.scale.log() + 0.5 * (self.df * pi).log() + tx.lgamma(self.df / 2) - tx.lgamma((self.df + 1) / 2)
        )
        return -0.5 * (self.df + 1) * tx.log1p(y.square() / self.df) - normalizer

    def entropy(self):
        half, next_half = self.df / 2, (self.df + 1) / 2
        log_beta = tx.lgamma(half) + tx.lgamma(half * 0 + 0.5) - tx.lgamma(next_half)
        slopes = next_half * (tx.digamma(next_half) - tx.digamma(half))
        return self.scale.log() + slopes + 0.5 * self.df.log() + log_beta


class FisherSnedecor(Distribution):
    """The F-distribution: of the ratio of two chi-square variables, each over its degrees of freedom.

    >>> import tensorx as tx
    >>> tx.distributions.FisherSnedecor(2.0, 4.0).mean
    tensor(2.)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1, df2, validate_args=None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self):
        return tx.where(self.df2 > 2, self.df2 / (self.df2 - 2), nan)

    @property
    def mode(self):
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return tx.where(self.df1 > 2, mode, nan)

    @property
    def variance(self):
        a, b = self.df1, self.df2
        return tx.where(b > 4, 2 * b.square() * (a + b - 2) / (a * (b - 2).square() * (b - 4)), nan)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        above = _standard_gamma((self.df1 / 2).expand(shape), None) / self.df1
        below = _standard_gamma((self.df2 / 2).expand(shape), None) / self.df2
        return above / below.clamp_min(tx.finfo(below.dtype).tiny)

    def log_prob(self, value):
        self._check(value)
        a, b, ratio = self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        normalizer = tx.lgamma(a) + tx.lgamma(b) - tx.lgamma(a + b)
        return a * ratio.log() + (a - 1) * value.log() - (a + b) * tx.log1p(ratio * value) - normalizer

"""Counts: the Poisson, binomial and negative binomial distributions."""

import tensorx as tx
from tensorx.random import _standard_gamma

from . import constraints
from .bernoulli import ProbsOrLogits
from .distribution import Distribution, ExponentialFamily
from .utils import broadcast_all, softplus

__all__ = ["Binomial", "NegativeBinomial", "Poisson"]


class Poisson(ExponentialFamily):
    """The number of events in a unit of time in which `rate` are expected.

    >>> import tensorx as tx
    >>> tx.distributions.Poisson(4.0).log_prob(tx.tensor(4.0))
    tensor(-1.6329)
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate, validate_args=None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.rate

    @property
    def mode(self):
        return self.rate.floor()

    @property
    def variance(self):
        return self.rate

    def sample(self, sample_shape=()):
        with tx.no_grad():
            return tx.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        self._check(value)
        return tx.xlogy(value, self.rate) - self.rate - tx.lgamma(value + 1)

    @property
    def _natural_params(self):
        return (self.rate.log(),)

    def _log_normalizer(self, x):
        return tx.exp(x)

    def entropy(self):
        raise NotImplementedError("Poisson has no entropy in closed form")


class _Trials(ProbsOrLogits, Distribution):
    """Distributions of `total_count` trials of probability `probs`."""

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        (self.total_count,) = self._set_trials(probs, logits, total_count)
        self.total_count = self.total_count.to(self._param.dtype)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.shape


class Binomial(_Trials):
    """The number of successes in `total_count` trials.

    >>> import tensorx as tx
    >>> tx.distributions.Binomial(10, probs=tx.tensor(0.5)).log_prob(tx.tensor(5.0))
    tensor(-1.4020)
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        with tx.no_grad():
            shape = self._extended_shape(sample_shape)
            return tx.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        self._check(value)
        n, logits = self.total_count, self.logits
        ways = tx.lgamma(n + 1) - tx.lgamma(value + 1) - tx.lgamma(n - value + 1)
        return ways + value * logits - n * softplus(logits)

    def _counts(self):
        """The one number of trials of the whole batch."""
        count = int(self.total_count.max().item())
        if not self.total_count.min().item() == count:
            raise NotImplementedError("Binomial: total_count must be the same for the whole batch here")
        return count

    def entropy(self):
        self._counts()
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(tx.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand=True):
        count = 1 + self._counts()
        values = tx.arange(count, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape((count,) + (1,) * len(self.batch_shape))
        return values.expand((count, *self.batch_shape)) if expand else values


class NegativeBinomial(_Trials):
    """The number of successes before `total_count` failures.

    >>> import tensorx as tx
    >>> tx.distributions.NegativeBinomial(4.0, probs=tx.tensor(0.5)).mean
    tensor(4.)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        super().__init__(total_count, probs, logits, validate_args)

    @property
    def mean(self):
        return self.total_count * tx.exp(self.logits)

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp_min(0)

    @property
    def variance(self):
        return self.mean / tx.sigmoid(-self.logits)

    def sample(self, sample_shape=()):
        with tx.no_grad():
            shape = self._extended_shape(sample_shape)
            rate = _standard_gamma(self.total_count.expand(shape), None) * tx.exp(self.logits)
            return tx.poisson(rate)

    def log_prob(self, value):
        self._check(value)
        n = self.total_count
        weight = -n * softplus(self.logits) - value * softplus(-self.logits)
        ways = tx.lgamma(n + value) - tx.lgamma(value + 1) - tx.lgamma(n)
        return weight + tx.where(n + value == 0, 0.0, ways)

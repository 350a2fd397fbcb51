"""One trial, and the number of trials: the Bernoulli and geometric distributions, by probabilities or log odds."""

import tensorx as tx

from . import constraints
from .distribution import Distribution, ExponentialFamily
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits, softplus

__all__ = ["Bernoulli", "Geometric", "ProbsOrLogits"]


class ProbsOrLogits:
    """Mixed into distributions of trials: `probs` or `logits` is given, the other follows when it is asked for."""

    def _set_trials(self, probs, logits, *others):
        """Keep the parameter that is given, broadcast with `others`, which are returned."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        given, *others = broadcast_all(probs if logits is None else logits, *others)
        self.__dict__["probs" if logits is None else "logits"] = given
        self._given = "probs" if logits is None else "logits"
        return others

    @property
    def _param(self):
        return self.__dict__[self._given]

    @lazy_property
    def probs(self):
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @lazy_property
    def logits(self):
        """The log odds of success."""
        return probs_to_logits(self.probs, is_binary=True)


class Bernoulli(ProbsOrLogits, ExponentialFamily):
    """1 with probability `probs`, else 0.

    >>> import tensorx as tx
    >>> tx.distributions.Bernoulli(0.25).log_prob(tx.tensor(1.0))
    tensor(-1.3863)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._set_trials(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        return tx.where(self.probs == 0.5, tx.nan, (self.probs >= 0.5).to(self.probs.dtype))

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.shape

    def sample(self, sample_shape=()):
        with tx.no_grad():
            return tx.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        self._check(value)
        return value * self.logits - softplus(self.logits)

    def entropy(self):
        return _entropy(self)

    def enumerate_support(self, expand=True):
        values = tx.arange(2, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape((2,) + (1,) * len(self.batch_shape))
        return values.expand((2, *self.batch_shape)) if expand else values

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        return tx.log1p(tx.exp(x))


def _entropy(trial):
    """The entropy of one trial."""
    return softplus(trial.logits) - trial.logits * trial.probs


class Geometric(ProbsOrLogits, Distribution):
    """The number of failures before the first success: 0, 1, ...

    >>> import tensorx as tx
    >>> tx.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints = {"probs": constraints.interval(0.0, 1.0), "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._set_trials(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)
        if self._validate_args and probs is not None and not (self.probs > 0).all().item():
            raise ValueError(
                f"Expected parameter probs of distribution {self!r} to be positive, but got:\n{self.probs}"
            )

    @property
    def mean(self):
        return 1 / self.probs - 1

    @property
    def mode(self):
        return tx.zeros_like(self.probs)

    @property
    def variance(self):
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape=()):
        with tx.no_grad():
            shape = self._extended_shape(sample_shape)
            time = tx.empty(shape, dtype=tx.float64, device=self.probs.device).exponential_()
            probs = self.probs.to(tx.float64)
            return (time / -tx.log1p(-probs)).floor().to(self.probs.dtype)

    def log_prob(self, value):
        self._check(value)
        return tx.special.xlog1py(value, -self.probs) + self.probs.log()

    def entropy(self):
        return _entropy(self) / self.probs

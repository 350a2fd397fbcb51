"""Mixtures of distributions of one family."""

import tensorx as tx

from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """The distribution of a sample of one of several components, drawn by `mixture_distribution`, a Categorical.

    Args:
        component_distribution: the components along its last batch dimension.

    >>> import tensorx as tx
    >>> from tensorx.distributions import Categorical, MixtureSameFamily, Normal
    >>> mixture = MixtureSameFamily(Categorical(tx.ones(2)), Normal(tx.tensor([-1.0, 1.0]), 0.1))
    >>> mixture.mean, mixture.variance
    (tensor(0.), tensor(1.0100))
    """

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError("The mixture distribution needs to be an instance of Categorical")
        if not isinstance(component_distribution, Distribution) or not component_distribution.batch_shape:
            raise ValueError("The component distribution needs to be a Distribution with a batch dimension")
        components, weights = component_distribution.batch_shape, mixture_distribution.batch_shape
        for have, want in zip(reversed(weights), reversed(components[:-1])):
            if have != 1 and want != 1 and have != want:
                raise ValueError(f"mixture_distribution.batch_shape {weights} is not compatible with {components[:-1]}")
        if mixture_distribution._num_events != components[-1]:
            raise ValueError(
                f"`mixture_distribution component` ({mixture_distribution._num_events}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({components[-1]})"
            )
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        super().__init__(components[:-1], component_distribution.event_shape, validate_args)

    def _expanded(self, batch_shape, kind):
        made = super()._expanded(batch_shape, kind)
        count = self._mixture_distribution._num_events
        made._component_distribution = self._component_distribution.expand((*batch_shape, count))
        return made

    @property
    def mixture_distribution(self):
        """The distribution of the component's number."""
        return self._mixture_distribution

    @property
    def component_distribution(self):
        """The components."""
        return self._component_distribution

    @constraints.dependent_property
    def support(self):
        return _OfComponents(self._component_distribution.support, len(self.event_shape))

    def _weighted(self, values):
        """The sum over components of values, by their weights."""
        probs = self._mixture_distribution.probs
        probs = probs.reshape(probs.shape + (1,) * len(self.event_shape))
        return (probs * values).sum(-1 - len(self.event_shape))

    @property
    def mean(self):
        return self._weighted(self._component_distribution.mean)

    @property
    def variance(self):
        component = self._component_distribution
        mean = self.mean.unsqueeze(-1 - len(self.event_shape))
        return self._weighted(component.variance) + self._weighted((component.mean - mean).square())

    def _padded(self, value):
        return value.unsqueeze(-1 - len(self.event_shape))

    def cdf(self, value):
        return (self._component_distribution.cdf(self._padded(value)) * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value):
        self._check(value)
        log_prob = self._component_distribution.log_prob(self._padded(value))
        return tx.logsumexp(log_prob + tx.log_softmax(self._mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape=()):
        with tx.no_grad():
            dim = -1 - len(self.event_shape)
            samples = self._component_distribution.sample(sample_shape)
            chosen = self._mixture_distribution.expand(self.batch_shape).sample(sample_shape)
            chosen = chosen.reshape(chosen.shape + (1,) * (1 + len(self.event_shape)))
            shape = list(samples.shape)
            shape[dim] = 1
            return samples.gather(dim, chosen.expand(shape)).squeeze(dim)

    def __repr__(self):
        return f"MixtureSameFamily({self._mixture_distribution!r}, {self._component_distribution!r})"


class _OfComponents(constraints.Constraint):
    """The support of the components, each of which may have its own: a value in all of them is valid."""

    def __init__(self, base_constraint, event_ndims):
        self.base_constraint, self._event_ndims = base_constraint, event_ndims
        self.is_discrete, self.event_dim = base_constraint.is_discrete, base_constraint.event_dim

    def check(self, value):
        valid = self.base_constraint.check(value.unsqueeze(-1 - self._event_ndims))
        extra = self._event_ndims - self.event_dim
        valid = valid.all(-1 - extra)
        return valid.reshape(valid.shape[: valid.ndim - extra] + (-1,)).all(-1) if extra > 0 else valid

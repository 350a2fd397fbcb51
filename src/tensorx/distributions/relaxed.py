"""Continuous relaxations of the Bernoulli and categorical distributions, through whose samples gradients pass.

Maddison, Mnih, Teh, "The concrete distribution", 2017; Jang, Gu, Poole, "Categorical reparameterization with Gumbel-softmax", 2017.
"""

import tensorx as tx

from . import constraints
from .bernoulli import ProbsOrLogits
from .categorical import _OfCategories
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform, SigmoidTransform
from .utils import clamp_probs, softplus, uniform_open

__all__ = ["ExpRelaxedCategorical", "LogitRelaxedBernoulli", "RelaxedBernoulli", "RelaxedOneHotCategorical"]


def _temperature(temperature, like):
    return (
        temperature
        if isinstance(temperature, tx.Tensor)
        else tx.full((), temperature, dtype=like.dtype, device=like.device)
    )


class LogitRelaxedBernoulli(ProbsOrLogits, Distribution):
    """The log odds of RelaxedBernoulli: logistic noise added to the log odds, over a temperature."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self._set_trials(probs, logits)
        self.temperature = _temperature(temperature, self._param)
        super().__init__(self._param.shape, validate_args=validate_args)

    def rsample(self, sample_shape=()):
        probs = clamp_probs(self.probs.expand(self._extended_shape(sample_shape)))
        u = uniform_open(probs.shape, probs)
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value):
        self._check(value)
        difference = self.logits - value * self.temperature
        return self.temperature.log() + difference - 2 * softplus(difference)


class _Relaxed(TransformedDistribution):
    """A relaxation of a discrete distribution: a transformed one, with the parameters of what it transforms."""

    has_rsample = True

    @property
    def temperature(self):
        """How far samples are from those of the discrete distribution."""
        return self.base_dist.temperature

    @property
    def probs(self):
        """The probabilities of the discrete distribution, the limit of low temperatures."""
        return self.base_dist.probs

    @property
    def logits(self):
        """Its log odds, or logarithms of probabilities."""
        return self.base_dist.logits


class RelaxedBernoulli(_Relaxed):
    """Numbers in (0, 1), near 0 and 1 when the temperature is low, with gradients to `probs` or `logits`.

    >>> import tensorx as tx
    >>> probs = tx.tensor([0.3], requires_grad=True)
    >>> tx.distributions.RelaxedBernoulli(0.5, probs).rsample().requires_grad
    True
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)


class ExpRelaxedCategorical(_OfCategories):
    """The logarithm of RelaxedOneHotCategorical: Gumbel noise added to the logits, over a temperature, normalised."""

    support = constraints.real_vector
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        super().__init__(probs, logits, validate_args)
        self.temperature = _temperature(temperature, self._categorical._param)

    def rsample(self, sample_shape=()):
        u = uniform_open(self._extended_shape(sample_shape), self.logits)
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return tx.log_softmax(scores, -1)

    def log_prob(self, value):
        self._check(value)
        k = self.event_shape[0]
        scale = (k - 1) * self.temperature.log() + tx.lgamma(tx.full_like(self.temperature, k))
        score = tx.log_softmax(self.logits - value * self.temperature, -1)
        return (score - value).sum(-1) + scale + value.sum(-1)


class RelaxedOneHotCategorical(_Relaxed):
    """Vectors of the simplex, near a corner when the temperature is low, with gradients to `probs` or `logits`.

    >>> import tensorx as tx
    >>> logits = tx.zeros(3, requires_grad=True)
    >>> tx.distributions.RelaxedOneHotCategorical(0.5, logits=logits).rsample().shape
    tensorx.Size([3])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

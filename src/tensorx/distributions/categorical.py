"""Categories: as numbers, as one-hot vectors, and how often each was drawn."""

import tensorx as tx

from . import constraints
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Categorical", "Multinomial", "OneHotCategorical", "OneHotCategoricalStraightThrough"]


class Categorical(Distribution):
    """The number of a category, with the probabilities along the last dimension of `probs` (or of its logarithm, `logits`).

    Neither needs to be normalised: probs are divided by their sum, and logits are made such that their exponentials sum to 1.

    >>> import tensorx as tx
    >>> tx.distributions.Categorical(tx.tensor([1.0, 1.0, 2.0])).log_prob(tx.tensor([0, 2]))
    tensor([-1.3863, -0.6931])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        given = probs if logits is None else logits
        self._given = "probs" if logits is None else "logits"
        if given.ndim < 1:
            raise ValueError(f"`{self._given}` parameter must be at least one-dimensional.")
        if logits is None:
            self.__dict__["probs"] = probs / probs.sum(-1, True)
        else:
            self.__dict__["logits"] = logits - logits.logsumexp(-1, True)
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @property
    def _param(self):
        return self.__dict__[self._given]

    @property
    def _num_events(self):
        return self._param.shape[-1]

    @lazy_property
    def probs(self):
        """The probability of each category."""
        return logits_to_probs(self.logits)

    @lazy_property
    def logits(self):
        """The logarithm of the probability of each category."""
        return probs_to_logits(self.probs)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.shape

    @property
    def mean(self):
        return tx.full(self.batch_shape, tx.nan, dtype=self.probs.dtype, device=self.probs.device)

    @property
    def mode(self):
        return self.probs.argmax(-1)

    @property
    def variance(self):
        return self.mean

    def sample(self, sample_shape=()):
        with tx.no_grad():
            count = 1
            for n in sample_shape:
                count *= n
            shape = self._extended_shape(sample_shape)
            if count == 0 or self._param.numel() == 0:
                return tx.empty(shape, dtype=tx.int64, device=self._param.device)
            rows = self.probs.reshape(-1, self._num_events)
            return tx.multinomial(rows, count, True).t().reshape(shape)

    def log_prob(self, value):
        self._check(value)
        value = value.to(tx.int64).unsqueeze(-1)
        value, logits = tx.broadcast_tensors(value, self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self):
        logits = self.logits.clamp_min(tx.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        values = tx.arange(self._num_events, device=self._param.device)
        values = values.reshape((-1,) + (1,) * len(self.batch_shape))
        return values.expand((self._num_events, *self.batch_shape)) if expand else values


class _OfCategories(Distribution):
    """Distributions of vectors with an element for each category: what they share with the Categorical they are made of."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def probs(self):
        """The probability of each category."""
        return self._categorical.probs

    @property
    def logits(self):
        """The logarithm of the probability of each category."""
        return self._categorical.logits

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._categorical.param_shape

    def _one_hot(self, index):
        """Vectors of the parameter's dtype that are 1 at an index and 0 elsewhere."""
        categories = tx.arange(self.event_shape[0], device=index.device)
        return (index.unsqueeze(-1) == categories).to(self._categorical._param.dtype)


class OneHotCategorical(_OfCategories):
    """A category as a vector that is 1 at its number and 0 elsewhere.

    >>> import tensorx as tx
    >>> tx.distributions.OneHotCategorical(tx.tensor([0.0, 1.0, 0.0])).sample()
    tensor([0., 1., 0.])
    """

    support = constraints.one_hot
    has_enumerate_support = True

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        return self._one_hot(self.probs.argmax(-1))

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value):
        self._check(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        return self._one_hot(self._categorical.enumerate_support(expand))


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose rsample lets gradients through to the probabilities as if the sample were they."""

    has_rsample = True

    def rsample(self, sample_shape=()):
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(_OfCategories):
    """How often each category is drawn in `total_count` draws.

    >>> import tensorx as tx
    >>> tx.distributions.Multinomial(4, tx.tensor([0.5, 0.5])).log_prob(tx.tensor([2.0, 2.0]))
    tensor(-0.9808)
    """

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported: give an int for the whole batch")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        draws = self._categorical.sample((self.total_count, *sample_shape))
        counts = tx.zeros(self._extended_shape(sample_shape), dtype=self.probs.dtype, device=draws.device)
        draws = draws.movedim(0, -1)
        return counts.scatter_add_(-1, draws, tx.ones_like(draws, dtype=counts.dtype))

    def log_prob(self, value):
        self._check(value)
        logits, value = tx.broadcast_tensors(self.logits, value)
        weight = tx.where((value == 0) & (logits == -tx.inf), 0.0, logits * value).sum(-1)
        return tx.lgamma(value.sum(-1) + 1) - tx.lgamma(value + 1).sum(-1) + weight

    def entropy(self):
        """The entropy, by the mean of its terms over the binomial distribution of each count."""
        from .counts import Binomial

        n = float(self.total_count)
        each = Binomial(self.total_count, probs=self.probs, validate_args=False)
        counts = each.enumerate_support(expand=False)[1:]
        weights = tx.exp(each.log_prob(counts))
        spread = (weights * tx.lgamma(counts + 1)).sum((0, -1))
        return self.total_count * self._categorical.entropy() - tx.lgamma(tx.full_like(spread, n + 1)) + spread

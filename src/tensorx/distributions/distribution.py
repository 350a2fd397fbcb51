"""The base class of distributions: shapes, checks of parameters and samples, expansion."""

import tensorx as tx
from tensorx.size import Size

from . import constraints
from .utils import lazy_property

__all__ = ["Distribution", "ExponentialFamily"]


class Distribution:
    """A probability distribution, or a batch of them.

    Args:
        batch_shape: the shape of the batch of independent distributions, each with its own parameters.
        event_shape: the shape of one sample of one of them.
        validate_args: whether to check parameters and the arguments of log_prob and cdf; by default as
            `set_default_validate_args` says (yes, unless Python runs with -O).

    A subclass names its parameters in `arg_constraints`, and sets the attributes of these names before it calls
    `super().__init__`. From that the base class checks them, expands them and prints them.

    >>> import tensorx as tx
    >>> normal = tx.distributions.Normal(tx.zeros(3), 1.0)
    >>> normal.batch_shape, normal.event_shape, normal.sample((2,)).shape
    (tensorx.Size([3]), tensorx.Size([]), tensorx.Size([2, 3]))
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: dict = {}
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value):
        """Whether distributions made from now on check their arguments."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args(): expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                if name in self._lazy_names() or constraints.is_dependent(constraint):
                    continue
                value = getattr(self, name)
                if not constraint.check(value).all().item():
                    raise ValueError(
                        f"Expected parameter {name} (Tensor of shape {tuple(value.shape)}) of distribution {self!r} "
                        f"to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                    )

    def _lazy_names(self):
        """Parameters that follow from others and have not been asked for."""
        lazy = (n for n in self.arg_constraints if isinstance(getattr(type(self), n, None), lazy_property))
        return {name for name in lazy if name not in self.__dict__}

    # ---- shapes

    @property
    def batch_shape(self):
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of one sample of one distribution."""
        return self._event_shape

    def _extended_shape(self, sample_shape=()):
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def expand(self, batch_shape, _instance=None):
        """The same distribution for a larger batch: its parameters expanded, not copied.

        >>> import tensorx as tx
        >>> tx.distributions.Normal(0.0, 1.0).expand((2, 3)).batch_shape
        tensorx.Size([2, 3])
        """
        made = self._expanded(tuple(batch_shape), type(self) if _instance is None else _instance)
        made._batch_shape = Size(batch_shape)
        return made

    def _expanded(self, batch_shape, kind):
        """A copy whose parameters have this batch shape; what depends on them is computed again. kind: a class, or the
        instance to fill."""
        made = kind.__new__(kind) if isinstance(kind, type) else kind
        made.__dict__.update(self.__dict__)
        for name, value in self.__dict__.items():
            if name in self.arg_constraints:
                event = value.shape[value.ndim - self.arg_constraints[name].event_dim :]
                made.__dict__[name] = value.expand((*batch_shape, *event))
            elif isinstance(value, Distribution) and value._batch_shape == self._batch_shape:
                made.__dict__[name] = value.expand(batch_shape)
            elif isinstance(getattr(type(self), name, None), lazy_property):
                del made.__dict__[name]
        return made

    # ---- what a distribution can be asked

    @property
    def support(self):
        """The constraint that samples satisfy."""
        raise NotImplementedError(f"{type(self).__name__} does not state its support")

    @property
    def mean(self):
        """The expected value."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self):
        """The most probable value."""
        raise NotImplementedError(f"{type(self).__name__} has no mode")

    @property
    def variance(self):
        """The expected squared distance from the mean."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self):
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape=()):
        """Samples of shape sample_shape + batch_shape + event_shape, without gradients."""
        with tx.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Samples through which gradients pass to the parameters (reparameterised), where `has_rsample`."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample: gradients do not pass through its samples")

    def log_prob(self, value):
        """The logarithm of the density, or of the probability, at a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value):
        """The probability of a sample not above a value."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value):
        """The value whose cdf is given: the quantile."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def enumerate_support(self, expand=True):
        """All values, along a new first dimension, where there are finitely many."""
        raise NotImplementedError(f"{type(self).__name__} cannot enumerate its support")

    def entropy(self):
        """The entropy of each distribution of the batch, in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def perplexity(self):
        """exp of the entropy."""
        return self.entropy().exp()

    # ---- checks

    def _check(self, value):
        """Raise where a value cannot be a sample of this distribution."""
        if not self._validate_args:
            return
        if not isinstance(value, tx.Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        name = type(self).__name__
        event_start = value.ndim - len(self._event_shape)
        if event_start < 0 or value.shape[event_start:] != self._event_shape:
            raise ValueError(
                f"{name}: the right-most size of value must match event_shape: "
                f"{tuple(value.shape)} vs {tuple(self._event_shape)}"
            )
        for i, j in zip(reversed(value.shape), reversed(self._batch_shape + self._event_shape)):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"{name}: value is not broadcastable with batch_shape+event_shape: "
                    f"{tuple(value.shape)} vs {tuple(self._batch_shape + self._event_shape)}"
                )
        if not self.support.check(value).all().item():
            raise ValueError(
                f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support "
                f"({self.support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self):
        shown = [(n, self.__dict__[n]) for n in self.arg_constraints if n in self.__dict__]
        parts = [f"{n}: {v.item() if v.numel() == 1 else v.size()}" for n, v in shown]
        return f"{type(self).__name__}({', '.join(parts)})"


class ExponentialFamily(Distribution):
    """Distributions whose density is exp(<t(x), theta> - F(theta) + k(x)).

    A subclass gives `_natural_params` (theta), `_log_normalizer(*theta)` (F) and `_mean_carrier_measure` (the mean of k);
    the entropy and kl_divergence within the family follow from F and its gradient.
    """

    _mean_carrier_measure = 0.0

    @property
    def _natural_params(self):
        raise NotImplementedError(f"{type(self).__name__} does not state its natural parameters")

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError(f"{type(self).__name__} does not state its log normalizer")

    def entropy(self):
        """F - <theta, gradient of F> - the mean of k."""
        with tx.enable_grad():
            theta = [p.detach().requires_grad_() for p in self._natural_params]
            normalizer = self._log_normalizer(*theta)
            slopes = tx.autograd.grad(normalizer.sum(), theta, create_graph=True)
        result = normalizer - self._mean_carrier_measure
        for p, slope in zip(self._natural_params, slopes):
            product = p * slope
            result = result - product.reshape((*self._batch_shape, -1)).sum(-1)
        return result

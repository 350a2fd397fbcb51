"""What several distributions need: broadcasting of parameters, lazy ones, probabilities and their logarithms."""

import tensorx as tx
from tensorx.autograd.grad_mode import enable_grad
from tensorx.nn.functional import logsigmoid

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "softplus",
    "sum_rightmost", "uniform_open",
]  # fmt: skip


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape; numbers take the dtype and device of the first tensor.

    Raises ValueError for what is neither a number nor a tensor.

    >>> import tensorx as tx
    >>> from tensorx.distributions.utils import broadcast_all
    >>> broadcast_all(1.0, tx.zeros(2))
    (tensor([1., 1.]), tensor([0., 0.]))
    """
    if not all(isinstance(v, (tx.Tensor, int, float)) for v in values):
        kinds = ", ".join(type(v).__name__ for v in values)
        raise ValueError(f"Input arguments must all be instances of Number or Tensor, got {kinds}")
    like = next((v for v in values if isinstance(v, tx.Tensor)), None)
    dtype = tx.get_default_dtype() if like is None or not like.dtype.is_floating_point else like.dtype
    device = None if like is None else like.device
    made = [v if isinstance(v, tx.Tensor) else tx.tensor(v, dtype=dtype, device=device) for v in values]
    return tuple(tx.broadcast_tensors(*made))


class lazy_property:
    """A property computed when it is first read (with gradients), and kept as an attribute."""

    def __init__(self, function):
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with enable_grad():
            value = self.function(instance)
        instance.__dict__[self.name] = value
        return value


def clamp_probs(probs):
    """Probabilities kept away from 0 and 1 by the dtype's smallest step, so that their logarithms are finite."""
    eps = tx.finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def logits_to_probs(logits, is_binary=False):
    """Probabilities from their logits: sigmoid of log odds, or softmax over the last dimension."""
    return tx.sigmoid(logits) if is_binary else tx.softmax(logits, -1)


def probs_to_logits(probs, is_binary=False):
    """The logits of probabilities: log odds, or logarithms."""
    clamped = clamp_probs(probs)
    return tx.log(clamped) - tx.log1p(-clamped) if is_binary else tx.log(clamped)


def softplus(x):
    """log(1 + exp(x)), exactly for any x, with an exact slope at 0 too."""
    return -logsigmoid(-x)


def sum_rightmost(value, count):
    """The sum over the last `count` dimensions."""
    return value if count == 0 else value.reshape(value.shape[: value.ndim - count] + (-1,)).sum(-1)


def uniform_open(shape, like):
    """Numbers of the dtype and device of a tensor, uniformly distributed and neither 0 nor 1."""
    return tx.rand(shape, dtype=like.dtype, device=like.device).clamp_min(tx.finfo(like.dtype).eps / 2)

"""Activations as functions. Most are ops of the engine; the rest are composed here.

At a kink the gradient is PyTorch's. `inplace=True` overwrites the input and returns it.
"""

import warnings

from ... import empty_like, where
from ...ops import activation as _ops
from ...ops.activation import (
    elu_,
    gelu,
    hardshrink,
    leaky_relu_,
    logsigmoid,
    relu_,
    selu_,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold_,
)
from ...ops.convert import in_order_of
from ...ops.define import composite
from ...ops.elementwise import sigmoid, tanh
from ...ops.softmax import log_softmax as _log_softmax
from ...ops.softmax import softmax as _softmax


def relu(input, inplace=False):
    """max(input, 0)."""
    return _ops.relu_(input) if inplace else _ops.relu(input)


def silu(input, inplace=False):
    """input * sigmoid(input), also called swish. Elfwing et al. 2017, arXiv:1702.03118."""
    return _ops.silu_(input) if inplace else _ops.silu(input)


def mish(input, inplace=False):
    """input * tanh(softplus(input)). Misra 2019, arXiv:1908.08681."""
    return _ops.mish_(input) if inplace else _ops.mish(input)


def selu(input, inplace=False):
    """Scaled elu whose constants keep mean 0 and variance 1. Klambauer et al. 2017, arXiv:1706.02515."""
    return _ops.selu_(input) if inplace else _ops.selu(input)


def hardsigmoid(input, inplace=False):
    """relu6(input + 3) / 6."""
    return _ops.hardsigmoid_(input) if inplace else _ops.hardsigmoid(input)


def hardswish(input, inplace=False):
    """input * relu6(input + 3) / 6. Howard et al. 2019, arXiv:1905.02244."""
    return _ops.hardswish_(input) if inplace else _ops.hardswish(input)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """input where positive, else negative_slope * input."""
    return _ops.leaky_relu_(input, negative_slope) if inplace else _ops.leaky_relu(input, negative_slope)


def elu(input, alpha=1.0, inplace=False):
    """input where positive, else alpha * (exp(input) - 1). Clevert et al. 2015, arXiv:1511.07289."""
    return _ops.elu_(input, alpha) if inplace else _ops.elu(input, alpha)


def celu(input, alpha=1.0, inplace=False):
    """input where positive, else alpha * (exp(input / alpha) - 1). Barron 2017, arXiv:1704.07483."""
    return _ops.celu_(input, alpha) if inplace else _ops.celu(input, alpha)


def celu_(input, alpha=1.0):
    """In-place form of `celu`."""
    return celu(input, alpha, inplace=True)


def threshold(input, threshold, value, inplace=False):
    """input where it is above `threshold`, else `value`."""
    return _ops.threshold_(input, threshold, value) if inplace else _ops.threshold(input, threshold, value)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """input limited to [min_val, max_val]; no gradient at the limits."""
    if min_val > max_val:
        raise ValueError(
            f"hardtanh(): min_val must not be greater than max_val, got min_val={min_val} and max_val={max_val}"
        )
    if inplace:
        return input.copy_(hardtanh(input.clone(), min_val, max_val))
    return where(input <= min_val, min_val, where(input >= max_val, max_val, input))


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """In-place form of `hardtanh`."""
    return hardtanh(input, min_val, max_val, inplace=True)


def relu6(input, inplace=False):
    """input limited to [0, 6]."""
    return hardtanh(input, 0.0, 6.0, inplace)


@composite
def prelu(input, weight):
    """leaky_relu with learned slopes: `weight` has one element, or one per channel (dimension 1).

    He et al. 2015, arXiv:1502.01852.
    """
    if weight.dim() > 1:
        raise RuntimeError(f"prelu(): expected weight of at most 1 dimension, got shape {tuple(weight.shape)}")
    if weight.numel() != 1:
        channels = input.shape[1] if input.dim() > 1 else 1
        if weight.numel() != channels:
            raise RuntimeError(
                f"prelu(): expected weight with 1 or {channels} elements (the channels of the input), got {weight.numel()}"
            )
        weight = weight.reshape(-1, *[1] * (input.dim() - 2))
    elif weight.dim() == 1 and input.dim() == 0:
        weight = weight.reshape(())
    return _ops.leaky_relu(input, weight)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """leaky_relu with slopes drawn uniformly from [lower, upper], or their mean outside training. Xu et al. 2015, arXiv:1505.00853."""
    if lower > upper:
        raise RuntimeError(
            f"rrelu(): lower bound should be less than or equal to the upper bound, got {lower} and {upper}"
        )
    slope = empty_like(input).uniform_(lower, upper) if training else (lower + upper) / 2
    return leaky_relu(input, slope, inplace)


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """In-place form of `rrelu`."""
    return rrelu(input, lower, upper, training, inplace=True)


def glu(input, dim=-1):
    """a * sigmoid(b), where a and b are the halves of the input along `dim`. Dauphin et al. 2016, arXiv:1612.08083."""
    if input.dim() == 0:
        raise RuntimeError("glu(): does not support 0-dimensional tensors")
    if input.shape[dim] % 2 != 0:
        raise RuntimeError(f"glu(): halving dimension must be even, but dimension {dim} is size {input.shape[dim]}")
    a, b = input.chunk(2, dim)
    return in_order_of(input, a * b.sigmoid())


def _implicit_dim(name, input, stacklevel):
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if input.dim() in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(input) / sum(exp(input)) along `dim`, without overflow; converted to `dtype` first if given."""
    if dim is None:
        dim = _implicit_dim("softmax", input, _stacklevel)
    return _softmax(input, dim, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """log(softmax(input)) along `dim`, exact where softmax underflows."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input, _stacklevel)
    return _log_softmax(input, dim, dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax(-input)."""
    if dim is None:
        dim = _implicit_dim("softmin", input, _stacklevel)
    return _softmax(-input, dim, dtype)


def gumbel_softmax(logits, tau=1.0, hard=False, eps=1e-10, dim=-1):
    """A sample of a relaxed categorical distribution, differentiable in `logits`. Jang et al. 2016, arXiv:1611.01144.

    `hard=True` gives one-hot samples with the gradient of the soft ones. `eps` has no effect.

    >>> import tensorx as tx
    >>> tx.nn.functional.gumbel_softmax(tx.zeros(2, 5), hard=True).sum(-1)
    tensor([1., 1.])
    """
    noise = -empty_like(logits).exponential_().log()
    soft = _softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    one_hot = empty_like(logits).zero_().scatter_(dim, soft.argmax(dim, keepdim=True), 1.0)
    return one_hot - soft.detach() + soft

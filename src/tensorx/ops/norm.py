"""Normalisation over rows and channels.

The gradients are one fused kernel when nobody will differentiate them again, and composed of ops when somebody may.
"""

from .. import _C
from .define import composite, op


def _layer_gradients(needs, g, input, out, normalized_shape, weight, bias_shape, eps):
    g, mean, rstd = g[0], out[1], out[2]
    if not _C.is_grad_enabled():
        return _C.layer_norm_grad(g, input, mean, rstd, weight, *needs)
    dims = tuple(range(-len(normalized_shape), 0))
    x, wide = input.to(mean.dtype), g.to(mean.dtype)
    center = x - x.mean(dims, True)
    slope = (center.square().mean(dims, True) + eps).rsqrt()
    normal = center * slope
    grad_input = grad_weight = grad_bias = None
    if needs[0]:
        weighted = wide if weight is None else wide * weight.to(mean.dtype)
        weighted = weighted - weighted.mean(dims, True) - normal * (weighted * normal).mean(dims, True)
        grad_input = (slope * weighted).to(input.dtype)
    if needs[1]:
        grad_weight = (wide * normal).sum_to_size(weight.shape).to(weight.dtype)
    if needs[2]:
        grad_bias = g.sum_to_size(bias_shape)
    return grad_input, grad_weight, grad_bias


@op(
    _C.layer_norm,
    method=False,
    outputs=1,
    node_name="NativeLayerNormBackward0",
    joint=_layer_gradients,
    inputs=("input", "weight", "bias"),
)
def _layer_norm(input, normalized_shape, weight, bias, eps):
    """(result, mean, 1 / standard deviation)."""


@composite
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(input - mean) / sqrt(var + eps) * weight + bias over the last dimensions, of shape `normalized_shape`.

    Ba et al. 2016, arXiv:1607.06450.

    >>> import tensorx as tx
    >>> tx.nn.functional.layer_norm(tx.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return _layer_norm(input, shape, weight, bias, eps)[0]


def _batch_gradients(needs, g, input, out, weight, bias_shape, training, eps):
    g, mean, rstd = g[0], out[1], out[3]
    if not _C.is_grad_enabled():
        return _C.batch_norm_grad(g, input, mean, rstd, weight, training, *needs)
    dims = (0, *range(2, input.ndim))
    per_channel = (1, -1, *[1] * (input.ndim - 2))
    x, wide = input.to(mean.dtype), g.to(mean.dtype)
    if training:
        center = x - x.mean(dims, True)
        slope = (center.square().mean(dims, True) + eps).rsqrt()
    else:
        center, slope = x - mean.reshape(per_channel), rstd.reshape(per_channel)
    normal = center * slope
    grad_input = grad_weight = grad_bias = None
    if needs[0]:
        grad_input = wide if weight is None else wide * weight.to(mean.dtype).reshape(per_channel)
        if training:
            grad_input = grad_input - grad_input.mean(dims, True) - normal * (grad_input * normal).mean(dims, True)
        grad_input = (grad_input * slope).to(input.dtype)
    if needs[1]:
        grad_weight = (wide * normal).sum(dims).to(weight.dtype)
    if needs[2]:
        grad_bias = g.sum(dims).reshape(bias_shape)
    return grad_input, grad_weight, grad_bias


@op(
    _C.batch_norm,
    method=False,
    outputs=1,
    node_name="NativeBatchNormBackward0",
    joint=_batch_gradients,
    inputs=("input", "weight", "bias"),
)
def _batch_norm(input, mean, variance, weight, bias, training, eps):
    """(result, mean, variance, 1 / standard deviation)."""


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """(input - mean) / sqrt(var + eps) * weight + bias per channel (dimension 1).

    In training, mean and variance are those of the batch, and move the running ones, if given, by `momentum` (the
    running variance is the unbiased one); else they are the running ones. Ioffe and Szegedy 2015, arXiv:1502.03167.
    """
    out, mean, variance, _ = _batch_norm(input, running_mean, running_var, weight, bias, training, eps)
    if training:
        if running_mean is not None:
            running_mean.mul_(1 - momentum).add_(mean, alpha=momentum)
        if running_var is not None:
            count = input.numel() // max(input.size(1), 1)
            running_var.mul_(1 - momentum).add_(variance, alpha=momentum * count / max(count - 1, 1))
    return out

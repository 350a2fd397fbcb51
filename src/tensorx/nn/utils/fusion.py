"""Batch normalisation in evaluation, folded into the layer before it: the same output without the second pass."""

from __future__ import annotations

from ... import Tensor, ones_like, rsqrt, zeros_like
from ..modules.module import Module
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    AnyModule = TypeVar("AnyModule", bound=Module)


def _fused_weights(weight, bias, mean, variance, eps, scale, shift, shape):
    scale = ones_like(mean) if scale is None else scale
    shift = zeros_like(mean) if shift is None else shift
    before = zeros_like(mean) if bias is None else bias
    factor = scale * rsqrt(variance + eps)
    fused_weight = (weight * factor.reshape(shape)).to(weight.dtype)
    fused_bias = ((before - mean) * factor + shift).to(weight.dtype if bias is None else bias.dtype)
    return (
        Parameter(fused_weight.detach(), weight.requires_grad),
        Parameter(fused_bias.detach(), before.requires_grad),
    )


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that does what a convolution and the batch normalisation after it do.

    Args:
        conv_w, conv_b: the convolution's; transpose says that it is a transposed one, with outputs in dimension 1.
        bn_rm, bn_rv, bn_eps: the running mean and variance, and eps.
        bn_w, bn_b: the normalisation's weight and bias, or None.

    >>> import tensorx as tx
    >>> weight, bias = tx.nn.utils.fuse_conv_bn_weights(
    ...     tx.ones(2, 3, 1), None, tx.zeros(2), tx.tensor([4.0, 16.0]), 0.0, None, None)
    >>> weight[:, 0, 0].tolist()
    [0.5, 0.25]
    """
    shape = (1, -1) if transpose else (-1, 1)
    return _fused_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape + (1,) * (conv_w.dim() - 2))


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """`fuse_conv_bn_weights` for a linear layer.

    >>> import tensorx as tx
    >>> weight, bias = tx.nn.utils.fuse_linear_bn_weights(
    ...     tx.ones(2, 3), None, tx.ones(2), tx.tensor([4.0, 16.0]), 0.0, None, None)
    >>> bias.tolist()
    [-0.5, -0.25]
    """
    return _fused_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (-1, 1))


def _check_evaluation(layer, bn):
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval! Call .eval() on both modules first")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None: it takes track_running_stats=True")


def fuse_conv_bn_eval(conv: AnyModule, bn: Module, transpose: bool = False) -> AnyModule:
    """A copy of `conv` that does what `conv` and the batch normalisation `bn` after it do, both in evaluation.

    `transpose`: `conv` is a transposed convolution. AssertionError in training, or without running statistics.

    >>> import tensorx as tx
    >>> conv, norm = tx.nn.Conv2d(1, 2, 3).eval(), tx.nn.BatchNorm2d(2).eval()
    >>> x = tx.randn(1, 1, 5, 5)
    >>> tx.allclose(tx.nn.utils.fuse_conv_bn_eval(conv, norm)(x), norm(conv(x)), atol=1e-6)
    True
    """
    from copy import deepcopy

    _check_evaluation(conv, bn)
    fused: Any = deepcopy(conv)
    norm: Any = bn
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias, transpose
    )
    return fused


def fuse_linear_bn_eval(linear: AnyModule, bn: Module) -> AnyModule:
    """A copy of `linear` that does what `linear` and the batch normalisation `bn` after it do, both in evaluation.

    AssertionError in training, without running statistics, or if `bn` has neither one feature nor those of `linear`.

    >>> import tensorx as tx
    >>> linear, norm = tx.nn.Linear(3, 2).eval(), tx.nn.BatchNorm1d(2).eval()
    >>> x = tx.randn(4, 3)
    >>> tx.allclose(tx.nn.utils.fuse_linear_bn_eval(linear, norm)(x), norm(linear(x)), atol=1e-6)
    True
    """
    from copy import deepcopy

    _check_evaluation(linear, bn)
    fused: Any = deepcopy(linear)
    norm: Any = bn
    if norm.num_features not in (fused.out_features, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={fused.out_features} and bn.num_features={norm.num_features}"
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return fused

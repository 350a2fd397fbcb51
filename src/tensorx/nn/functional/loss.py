"""Losses as functions. cross_entropy and nll_loss are fused ops of the engine; the rest are composed here.

In all of them `reduction` is 'mean' (default), 'sum' or 'none'; `size_average` and `reduce` are its old names.
"""

import math
import warnings

from ... import where, zeros_like
from ...ops import pair_loss as _ops
from ...ops.activation import logsigmoid
from ...ops.define import composite
from ...ops.loss import cross_entropy, nll_loss
from ._reduction import check_reduction, reduced, reduction_of
from .distance import pairwise_distance


def _check_pair(name, input, target):
    """Different sizes broadcast, and are most often a mistake."""
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: using a target size ({tuple(target.shape)}) that is different to the input size ({tuple(input.shape)}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


@composite
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target)^2, times `weight` if given; the mean is then that of the weights.

    >>> import tensorx as tx
    >>> tx.nn.functional.mse_loss(tx.tensor([1.0, 2.0]), tx.tensor([1.0, 4.0]))
    tensor(2.)
    """
    if input.shape != target.shape:
        _check_pair("mse_loss", input, target)
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    check_reduction(reduction)
    if weight is None:
        return _ops.mse_loss(input, target, reduction)
    return _weighted((input - target).square(), weight, reduction, "mse_loss")


@composite
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|, times `weight` if given; the mean is then that of the weights."""
    if input.shape != target.shape:
        _check_pair("l1_loss", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    return _weighted((input - target).abs(), weight, reduction, "l1_loss")


def _weighted(loss, weight, reduction, name):
    if weight is None:
        return reduced(loss, reduction)
    if weight.shape != loss.shape:
        raise ValueError(
            f"{name}: weights and input must have the same size, got {tuple(weight.shape)} and {tuple(loss.shape)}"
        )
    if reduction == "mean":
        return (loss * weight).sum() / weight.sum()
    return reduced(loss * weight, reduction)


@composite
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Quadratic below `beta`, linear above. Girshick 2015, arXiv:1504.08083.

    d^2 / (2 beta) where d = |input - target| < beta, else d - beta / 2.
    """
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    if beta == 0:
        return l1_loss(input, target, size_average, reduce, reduction)
    if input.shape != target.shape:
        _check_pair("smooth_l1_loss", input, target)
    distance = (input - target).abs()
    loss = where(distance < beta, distance.square() * (0.5 / beta), distance - 0.5 * beta)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


@composite
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """`delta` times smooth_l1_loss with beta = delta. Huber 1964."""
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta, got {delta}")
    if input.shape != target.shape:
        _check_pair("huber_loss", input, target)
    distance = (input - target).abs()
    loss = where(distance <= delta, distance.square() * 0.5, (distance - 0.5 * delta) * delta)
    return _weighted(loss, weight, reduction, "huber_loss")


@composite
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-(target log(input) + (1 - target) log(1 - input)); the logarithms are at least -100.

    `input` are probabilities: for logits, `binary_cross_entropy_with_logits` is exact where this one saturates.
    """
    if input.shape != target.shape:
        raise ValueError(
            f"binary_cross_entropy: using a target size ({tuple(target.shape)}) that is different to the input size "
            f"({tuple(input.shape)}) is deprecated. Please ensure they have the same size."
        )
    loss = _ops.binary_cross_entropy(input, target)
    return reduced(loss if weight is None else loss * weight, reduction_of(size_average, reduce, reduction))


@composite
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """binary_cross_entropy of sigmoid(input), exact for every logit. `pos_weight` weighs the positive examples.

    >>> import tensorx as tx
    >>> tx.nn.functional.binary_cross_entropy_with_logits(tx.tensor([1e4]), tx.tensor([1.0]))
    tensor(0.)
    """
    if input.shape != target.shape:
        raise ValueError(
            f"binary_cross_entropy_with_logits: Target size ({tuple(target.shape)}) must be the same as input size ({tuple(input.shape)})"
        )
    log_probability = logsigmoid(input)
    if pos_weight is not None:
        log_probability = log_probability * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input - log_probability
    return reduced(loss if weight is None else loss * weight, reduction_of(size_average, reduce, reduction))


@composite
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """The Kullback-Leibler divergence of `target` (probabilities) from `input` (log-probabilities), per element.

    'batchmean' divides the sum by the batch size, which is the divergence per example; 'mean' divides by
    the number of elements, which is not.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        positive = target > 0
        loss = where(positive, target * where(positive, target, 1.0).log(), 0.0) - target * input
    if reduction == "batchmean":
        return loss.sum() / (input.shape[0] if input.dim() else 1)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. "
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition.",
            stacklevel=2,
        )
    return reduced(loss, reduction)


@composite
def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
):
    """Negative log likelihood of counts `target`; `input` is the rate, or its logarithm with `log_input`.

    `full` adds Stirling's approximation of log(target!) where target > 1.
    """
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + where(target > 1, stirling, 0.0)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Negative log likelihood of `target` under normal distributions of mean `input` and variance `var`.

    `var` (a tensor of input's shape, or with a last dimension of 1 or without it, or a number) is at least
    `eps`, of which the gradient knows nothing. `full` adds the constant log(2 pi) / 2.
    """
    if not hasattr(var, "shape"):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full(input.shape, var)
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = var.unsqueeze(-1)
        elif tuple(var.shape) != (*input.shape[:-1], 1):
            raise ValueError(f"var is of incorrect size: expected {tuple(input.shape)}, got {tuple(var.shape)}")
    var = var + ((var.detach().clamp(min=eps)) - var.detach())
    loss = 0.5 * (var.log() + (input - target).square() / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


@composite
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """input where target is 1, max(0, margin - input) where it is -1."""
    loss = where(target != 1, (margin - input).clamp(min=0), 0.0) + where(target != -1, input, 0.0)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


@composite
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """max(0, margin - target * (input1 - input2)): target 1 wants input1 larger, -1 input2."""
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss: all input tensors should have same dimension but got sizes: "
            f"input1: {tuple(input1.shape)}, input2: {tuple(input2.shape)}, target: {tuple(target.shape)}"
        )
    loss = (margin - target * (input1 - input2)).clamp(min=0)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


@composite
def cosine_embedding_loss(input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction="mean"):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    Inputs (N, D) with target (N), or (D) with a target of no dimension.
    """
    if target.dim() not in (0, 1):
        raise RuntimeError(f"cosine_embedding_loss: 0D or 1D target tensor expected, got shape {tuple(target.shape)}")
    if input1.dim() != target.dim() + 1 or input2.dim() != target.dim() + 1:
        raise RuntimeError(
            f"cosine_embedding_loss: a {target.dim()}D target expects {target.dim() + 1}D inputs, "
            f"got {tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    tiny = 1e-12
    squares = (input1.square().sum(-1) + tiny) * (input2.square().sum(-1) + tiny)
    cosine = (input1 * input2).sum(-1) / squares.sqrt()
    loss = where(target == 1, 1 - cosine, 0.0) + where(target == -1, (cosine - margin).clamp(min=0), 0.0)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


@composite
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)), target 1 or -1."""
    return reduced(-logsigmoid(target * input), reduction_of(size_average, reduce, reduction))


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """binary_cross_entropy_with_logits averaged over the classes (the last dimension)."""
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.mean(-1), reduction_of(size_average, reduce, reduction))


@composite
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """sum over the wrong classes of max(0, margin - input[target] + input)^p, divided by the number of classes.

    input (N, C) or (C), target (N) or (): class indices. `weight` (C) weighs by the target's class.
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    if input.dim() != target.dim() + 1:
        raise RuntimeError(
            f"multi_margin_loss: inconsistent target size, expected {tuple(input.shape[:-1])} but got {tuple(target.shape)}"
        )
    index = target.unsqueeze(-1)
    gap = (margin - input.gather(-1, index) + input).clamp(min=0)
    gap = gap if p == 1 else gap.square()
    if weight is not None:
        gap = gap * weight[target].unsqueeze(-1)
    loss = gap.scatter(-1, index, 0.0).sum(-1) / input.shape[-1]
    return reduced(loss, reduction_of(size_average, reduce, reduction))


@composite
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-norm distance. Balntas et al. 2016.

    `swap` takes the nearer of d(anchor, negative) and d(positive, negative).
    """
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: margin must be greater than 0, got {margin}")
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduced((near - far + margin).clamp(min=0), reduction_of(size_average, reduce, reduction))


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """triplet_margin_loss with a distance of your own: a function of two tensors, pairwise_distance by default."""
    if margin <= 0:
        raise ValueError(f"triplet_margin_with_distance_loss: margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "triplet_margin_with_distance_loss: the anchor, positive, and negative tensors are expected to have the same "
            f"number of dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((near - far + margin).clamp(min=0), reduction)


@composite
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """sum over the classes i in the target and j not in it of max(0, 1 - input[i] + input[j]), divided by their number.

    input (N, C) or (C); target of the same shape: class numbers, then -1 after the last one.

    >>> import tensorx as tx
    >>> x = tx.tensor([0.1, 0.2, 0.4, 0.8])
    >>> tx.nn.functional.multilabel_margin_loss(x, tx.tensor([3, 0, -1, 1]))
    tensor(0.8500)
    """
    if input.dim() not in (1, 2) or input.shape != target.shape:
        raise RuntimeError(
            "multilabel_margin_loss: expected input of shape (N, C) or (C) and a target of the same shape, got "
            f"{tuple(input.shape)} and {tuple(target.shape)}"
        )
    given = (target >= 0).cumprod(-1)
    index = target * given
    counts = given.to(input.dtype)
    other = 1 - zeros_like(input).scatter_reduce(-1, index, counts, "amax")
    gaps = (1 - input.gather(-1, index).unsqueeze(-1) + input.unsqueeze(-2)).clamp(min=0)
    loss = (gaps * counts.unsqueeze(-1) * other.unsqueeze(-2)).sum((-2, -1)) / max(input.shape[-1], 1)
    return reduced(loss, reduction_of(size_average, reduce, reduction))

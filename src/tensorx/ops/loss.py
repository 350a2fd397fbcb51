"""Losses over classes: cross_entropy and nll_loss."""

import warnings

from .. import _C
from ..autograd.grad_mode import is_grad_enabled
from .define import composite, op
from .softmax import log_softmax


def _legacy_reduction(size_average, reduce, reduction):
    """The reduction that the deprecated arguments mean."""
    if size_average is None and reduce is None:
        return reduction
    size_average = size_average is None or size_average
    chosen = "none" if reduce is False else "mean" if size_average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{chosen}' instead.", stacklevel=3
    )
    return chosen


def _reduce(loss, sample_weight, reduction):
    if reduction == "none":
        return loss
    if reduction not in ("mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction: use 'none', 'mean' or 'sum'")
    return loss.sum() / sample_weight.sum() if reduction == "mean" else loss.sum()


# ---- nll_loss


@op(
    _C.nll_grad,
    method=False,
    node_name="NllLossBackwardBackward0",
    grad=lambda g, target, weight, ignore_index: _nll(g, target, weight, ignore_index)[0],
)
def _nll_grad(grad, shape, target, weight, ignore_index):
    """The gradient of _nll's input."""


@op(
    _C.nll,
    method=False,
    node_name="NllLossBackward0",
    input=lambda g, input_shape, target, weight, ignore_index: _nll_grad(
        g[0], input_shape, target, weight, ignore_index
    ),
)
def _nll(input, target, weight, ignore_index):
    """Per sample: -weight[target] * input[target], and weight[target]."""


@composite
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """The negative log likelihood: minus the log-probability of each sample's class.

    Args:
        input: log-probabilities (N, C), (N, C, d1, ...) or (C).
        target: class numbers (N), (N, d1, ...) or (); those equal to ignore_index do not count.
        weight: of each class (C). The mean is then that of the samples' weights.

    >>> import tensorx as tx
    >>> x = tx.log_softmax(tx.tensor([[0.0, 0.0]]), 1)
    >>> tx.nn.functional.nll_loss(x, tx.tensor([1]))
    tensor(0.6931)
    """
    loss, sample_weight = _nll(input, target, weight, ignore_index)
    return _reduce(loss, sample_weight.detach(), _legacy_reduction(size_average, reduce, reduction))


# ---- cross_entropy


def _cross_entropy_gradient(g, input, target, weight, out, ignore_index, label_smoothing, reduction):
    if is_grad_enabled():  # the gradient is to be differentiated: that of the same loss made of ops that can be
        from ..autograd.engine import grad

        loss = _composed_cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction)
        return grad(loss, input, g[0], create_graph=True)[0]
    return _C.cross_entropy_grad(g[0], input, target, weight, out[1], out[2], ignore_index, label_smoothing, reduction)


def _composed_cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction):
    class_dim = 1 if input.ndim > 1 else 0
    log_probability = log_softmax(input, class_dim)
    loss, sample_weight = _nll(log_probability, target, weight, ignore_index)
    if label_smoothing:
        smooth = -log_probability
        if weight is not None:
            smooth = smooth * weight.reshape(-1, *[1] * (input.ndim - 1 - class_dim))
        smooth = (target != ignore_index) * smooth.sum(class_dim)
        loss = loss * (1 - label_smoothing) + smooth * (label_smoothing / input.shape[class_dim])
    return _reduce(loss, sample_weight.detach(), reduction)


@op(_C.cross_entropy, method=False, node_name="CrossEntropyBackward0", input=_cross_entropy_gradient)
def _cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction):
    """The loss, and what its gradient needs: statistics of the logits, and the divisor of a mean."""


@composite
def cross_entropy(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
):
    """The cross entropy between logits and classes: nll_loss of log_softmax in one pass, exact for any finite logits.

    Args:
        input: logits (N, C), (N, C, d1, ...) or (C).
        target: class numbers (N), (N, d1, ...) or (), where ignore_index does not count; or probabilities of input's shape.
        weight: of each class (C). The mean is then that of the samples' weights.
        label_smoothing: this part of the target's probability is spread evenly over all classes.

    >>> import tensorx as tx
    >>> logits = tx.tensor([[1e4, 0.0], [0.0, 0.0]])
    >>> tx.nn.functional.cross_entropy(logits, tx.tensor([0, 1]), reduction="none")
    tensor([0.0000, 0.6931])
    """
    reduction = _legacy_reduction(size_average, reduce, reduction)
    if target.dtype.is_floating_point:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    return _cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction)[0]


def _soft_cross_entropy(input, target, weight, reduction, label_smoothing):
    """Targets that are probabilities."""
    if input.shape != target.shape:
        raise RuntimeError(
            f"cross_entropy(): expected probabilities of the logits' shape {list(input.shape)} as target, got {list(target.shape)}"
        )
    class_dim = 1 if input.ndim > 1 else 0
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"cross_entropy(): label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / input.shape[class_dim]
    loss = -log_softmax(input, class_dim) * target
    if weight is not None:
        loss = loss * weight.reshape(-1, *[1] * (input.ndim - 1 - class_dim))
    if reduction == "none":
        return loss.sum(class_dim)
    if reduction not in ("mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction: use 'none', 'mean' or 'sum'")
    samples = input.numel() // max(input.shape[class_dim], 1)
    return loss.sum() / samples if reduction == "mean" else loss.sum()

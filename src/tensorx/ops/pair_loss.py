"""Losses of (input, target) pairs that are one op: mse_loss for its speed, binary_cross_entropy for its gradient, which
stays finite at 0 and 1 where that of the composed expression does not. The others are in nn/functional/loss.py.
"""

from .. import _C
from .define import op

__all__ = ["binary_cross_entropy", "mse_loss"]


def _mse_slope(g, a, b, reduction):
    difference = a - b
    return difference * (g * (2 / max(difference.numel(), 1) if reduction == "mean" else 2))


@op(
    broadcasts=True,
    method=False,
    input=lambda g, input, target, reduction: _mse_slope(g, input, target, reduction),
    target=lambda g, input, target, reduction: _mse_slope(g, target, input, reduction),
)
def mse_loss(input, target, reduction):
    """(input - target)^2, and its mean or sum if `reduction` says so."""
    squares = _C.square(_C.sub(input, target))
    if reduction == "none":
        return squares
    return _C.mean(squares, None, False, None) if reduction == "mean" else _C.sum(squares, None, False, None)


def _bce_input(g, input, target):
    return g * (input - target) / ((1 - input) * input).clamp(min=1e-12)


def _bce_target(g, input):
    return g * ((-input).log1p().clamp(min=-100.0) - input.log().clamp(min=-100.0))


@op(broadcasts=True, method=False, input=_bce_input, target=_bce_target)
def binary_cross_entropy(input, target):
    """-(target log(input) + (1 - target) log(1 - input)), per element; the logarithms are at least -100."""
    valid = _C.logical_and(_C.ge(input, 0), _C.le(input, 1))
    if not _C.all(valid, None, False).item():
        raise RuntimeError(
            "binary_cross_entropy(): all elements of input should be between 0 and 1; for logits there is "
            "binary_cross_entropy_with_logits"
        )
    log_input = _C.maximum(_C.log(input), -100.0)
    log_other = _C.maximum(_C.log1p(_C.neg(input)), -100.0)
    return _C.sub(_C.mul(_C.sub(target, 1.0), log_other), _C.mul(target, log_input))

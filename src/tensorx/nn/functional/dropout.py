"""Dropout as functions."""

from ...ops import nn as _ops


def _check_probability(p):
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False):
    """Zero every element with probability `p` and scale the others by 1 / (1 - p). Srivastava et al. 2014.

    Without `training` the input is returned as it is.
    """
    _check_probability(p)
    if not training or p == 0:
        return input
    if inplace:
        return input.mul_(_ops.dropout(input.new_ones(input.shape), p, True))
    return _ops.dropout(input, p, True)


def _channel_dropout(input, p, training, inplace):
    """Zero whole channels: one draw per example and channel."""
    _check_probability(p)
    if not training or p == 0:
        return input
    mask = _ops.dropout(input.new_ones(*input.shape[:2], *[1] * (input.dim() - 2)), p, True)
    return input.mul_(mask) if inplace else input * mask


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, L) or (C, L). Tompson et al. 2015, arXiv:1411.4280."""
    if input.dim() not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).")
    if input.dim() == 2:
        return _channel_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return _channel_dropout(input, p, training, inplace)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, H, W). Tompson et al. 2015, arXiv:1411.4280."""
    return _channel_dropout(input, p, training, inplace)


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps the mean 0 and variance 1 of selu's outputs. Klambauer et al. 2017, arXiv:1706.02515."""
    _check_probability(p)
    if not training or p == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    floor = -1.7580993408473766        # what selu tends to at minus infinity
    scale = ((1 - p) * (1 + p * floor**2)) ** -0.5
    kept = input.new_empty(input.shape).bernoulli_(1 - p)
    shift = (1 - kept - p) * (floor * scale)
    if inplace:
        return input.mul_(kept * scale).add_(shift)
    return input * (kept * scale) + shift

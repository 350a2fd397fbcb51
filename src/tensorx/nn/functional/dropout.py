"""Dropout as functions: without `training` the input is returned as it is."""

from ...ops import random_ops as _ops
from ...ops.convert import in_order_of


def dropout(input, p=0.5, training=True, inplace=False):
    """Zero every element with probability `p` and scale the others by 1 / (1 - p). Srivastava et al. 2014."""
    return _ops.dropout_(input, p, training) if inplace else in_order_of(input, _ops.dropout(input, p, training))


def _channel_dropout(input, p, training, inplace):
    result = _ops.feature_dropout(input.clone() if inplace else input, p, training)
    return input.copy_(result) if inplace else result


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, L) or (C, L). Tompson et al. 2015, arXiv:1411.4280."""
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: expected 2D or 3D input (channels and one spatial dimension), but received a {input.dim()}D input"
        )
    if input.dim() == 2:
        return _channel_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return _channel_dropout(input, p, training, inplace)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, H, W). Tompson et al. 2015, arXiv:1411.4280."""
    return _channel_dropout(input, p, training, inplace)


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps the mean 0 and variance 1 of selu's outputs. Klambauer et al. 2017, arXiv:1706.02515."""
    result = _ops.alpha_dropout(input.clone() if inplace else input, p, training)
    return input.copy_(result) if inplace and training else result


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W). Tompson et al. 2015, arXiv:1411.4280."""
    if input.dim() == 4:
        return _channel_dropout(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return _channel_dropout(input, p, training, inplace)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """alpha_dropout of whole channels: all of a channel becomes the lower limit of selu, or none."""
    result = _ops.feature_alpha_dropout(input.clone() if inplace else input, p, training)
    return input.copy_(result) if inplace and training else result

"""Dropout: elements kept with probability 1 - p and scaled by 1 / (1 - p), the others 0.

The mask is no tensor: it is recomputed from the stream of random numbers, so backward saves two integers. The op is
linear in its input and deterministic in its stream, hence its own gradient rule.
"""

from .. import _C
from .define import op

__all__ = ["alpha_dropout", "dropout", "dropout_", "feature_alpha_dropout", "feature_dropout"]


@op(_C.dropout, method=False, node_name="NativeDropoutBackward0", input=lambda g, p, stream: _dropout(g, p, stream))
def _dropout(input, p, stream):
    """Dropout by the numbers of one stream (seed, number)."""


def _check(p):
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _stream(generator, x):
    """(seed, number) for one call of a sampler, from the generator of x's device unless one is given."""
    if generator is None:
        generator = _C.cuda_generator(x.device.index) if x.is_cuda else _C.default_generator
    return _C.take_stream(generator)


def dropout(input, p=0.5, train=True, *, generator=None):
    """Each element is 0 with probability p, else multiplied by 1 / (1 - p); the input itself when not training.

    >>> import tensorx as tx
    >>> tx.dropout(tx.ones(3), 0.0, True)
    tensor([1., 1., 1.])
    """
    _check(p)
    if not train or p == 0 or input.numel() == 0:
        return input
    return _dropout(input, p, _stream(generator, input))


def dropout_(input, p=0.5, train=True, *, generator=None):
    """In-place form of `dropout`."""
    _check(p)
    return (
        input
        if not train or p == 0 or input.numel() == 0
        else input.copy_(dropout(input, p, True, generator=generator))
    )


def _mask_of_features(input, p, generator):
    """1 / (1 - p) or 0 for each sample and channel, in a shape that broadcasts over the rest."""
    if input.ndim < 2:
        raise RuntimeError(
            f"Feature dropout requires at least 2 dimensions in the input, got shape {list(input.shape)}"
        )
    ones = _C.full((*input.shape[:2], *(1 for _ in input.shape[2:])), 1, input.dtype, input.device)
    return _C.dropout(ones, p, _stream(generator, input))


def feature_dropout(input, p=0.5, train=True, *, generator=None):
    """Dropout of whole channels: of input[i, j] for each i and j."""
    _check(p)
    if not train or p == 0 or input.numel() == 0:
        return input
    return input * _mask_of_features(input, p, generator)


_ALPHA = 1.7580993408473766  # of SELU: scale * alpha


def _alpha(input, p, kept):
    """Set dropped elements to SELU's lower limit, then scale so that mean and variance stay. `kept`: 1 or 0."""
    if p == 1:
        return input * 0
    scale = ((1 - p) * (1 + p * _ALPHA * _ALPHA)) ** -0.5
    return input * (kept * scale) + (kept - 1) * (_ALPHA * scale) + _ALPHA * scale * p


def alpha_dropout(input, p=0.5, train=True, *, generator=None):
    """Dropout that keeps the mean and variance of what a SELU gives."""
    _check(p)
    if not train or p == 0 or input.numel() == 0:
        return input
    return _alpha(input, p, _C.bernoulli(input.detach(), 1 - p, generator))


def feature_alpha_dropout(input, p=0.5, train=True, *, generator=None):
    """alpha_dropout of whole channels."""
    _check(p)
    if not train or p == 0 or input.numel() == 0:
        return input
    return _alpha(input, p, _C.ne(_mask_of_features(input, p, generator), 0).to(input.dtype))

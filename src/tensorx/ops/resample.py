"""Resampling one dimension by a table of taps: each point of the result is a weighted sum of a few elements.

A table is (offsets, index, weight): point p has the taps index[k], weight[k] for k from offsets[p] to offsets[p + 1]. An
index outside the dimension counts for nothing. Interpolation and adaptive averages resample one dimension after the other
by one table each (`resample_last`); sampling at the points of a grid has a table for each example, whose weights have
gradients. The gradient of the input is a resampling by the transposed table, so nothing else is needed, to any order.
"""

from math import prod

from .. import _C
from .convert import is_channels_last
from .define import op


@op(
    _C.resample,
    method=False,
    input=lambda g, input_shape, offsets, index, weight: resample(g, *_transposed(offsets, index, weight, input_shape)),
    weight=lambda g, input, offsets, index: resample_weight(g, input, offsets, index),
)
def resample(input, offsets, index, weight):
    """input (tables, outer, n, inner) by `tables` tables of as many points each: (tables, outer, points, inner)."""


@op(
    _C.resample_weight,
    method=False,
    g=lambda d, input, offsets, index: resample(input, offsets, index, d),
    input=lambda d, g, input_shape, offsets, index: resample(g, *_transposed(offsets, index, d, input_shape)),
)
def resample_weight(g, input, offsets, index):
    """The gradient of resample's weights."""


def _transposed(offsets, index, weight, shape):
    """The table by which the gradient of an input of `shape` is resampled from that of the result."""
    from ..creation import arange, zeros
    from .sort import searchsorted

    tables, size = shape[0], shape[2]
    points = (offsets.numel() - 1) // max(tables, 1)
    point = searchsorted(offsets, arange(index.numel(), device=index.device), right=True) - 1
    inside = (index >= 0) & (index < size) & (point < tables * points)
    target = (point // max(points, 1) * size + index).where(inside, tables * size)  # what is outside comes last
    order = target.argsort(stable=True)
    counts = target.bincount(minlength=tables * size + 1)[: tables * size]
    begins = zeros(tables * size + 1, dtype=offsets.dtype, device=offsets.device)
    begins[1:] = counts.cumsum(0)
    return begins, (point % max(points, 1)).index_select(0, order), weight.index_select(0, order)


def table(index, weight, kept=None):
    """The table of points with a row each of `index` and `weight` (points, taps); where `kept` is false there is no tap."""
    from ..creation import arange, zeros

    points, taps = index.shape
    if kept is None:
        return arange(points + 1, device=index.device) * taps, index.reshape(-1), weight.reshape(-1)
    offsets = zeros(points + 1, dtype=index.dtype, device=index.device)
    offsets[1:] = kept.sum(1).cumsum(0)
    return offsets, index[kept], weight[kept]


def resample_last(input, tables):
    """The last dimensions of an (n, c, ...) input, each by its table; None leaves one as it is. Channels stay where they
    are in memory: last, or not.
    """
    x = input.movedim(1, -1) if is_channels_last(input) else input
    first = 2 if x is input else 1
    for dim, entry in reversed(list(enumerate(tables, first))):
        if entry is not None:
            before, size, after = x.shape[:dim], x.shape[dim], x.shape[dim + 1 :]
            x = resample(x.reshape(1, prod(before), size, prod(after)), *entry)
            x = x.reshape(*before, entry[0].numel() - 1, *after)
    return x if first == 2 else x.movedim(-1, 1)

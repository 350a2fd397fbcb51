"""Adaptive pooling: so many windows, that cover a dimension evenly. Window i of m over n elements is from
floor(i * n / m) to ceil((i + 1) * n / m). The dimensions are pooled one after the other.
"""

from math import prod

from ... import arange, float32, float64
from ...ops.convert import in_order_of
from ...ops.define import composite
from ...ops.pool import _max_pool, avg_pool2d
from ...ops.resample import resample_last, table


def _sizes(name, input, output_size, spatial):
    if input.dim() not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"{name}(): expected input of {spatial + 1} or {spatial + 2} dimensions, got shape {tuple(input.shape)}"
        )
    sizes = (output_size,) * spatial if isinstance(output_size, int) or output_size is None else tuple(output_size)
    if len(sizes) != spatial:
        raise RuntimeError(f"{name}(): expected {spatial} output sizes, got {sizes}")
    sizes = tuple(given if size is None else size for size, given in zip(sizes, input.shape[-spatial:]))
    if min(sizes) < 0:
        raise RuntimeError(f"{name}(): output sizes must not be negative, got {sizes}")
    if min(input.shape[-spatial:]) == 0:
        raise RuntimeError(
            f"{name}(): expected input with non-empty spatial dimensions, got shape {tuple(input.shape)}"
        )
    return sizes


def _windows(size, windows, device):
    """begin and end (windows, 1), and the elements that they may contain: begin, begin + 1, ... (windows, longest)."""
    i = arange(windows, device=device).unsqueeze(1)
    begin, end = i * size // windows, -(-(i + 1) * size // windows)
    longest = max((-(-(k + 1) * size // windows) - k * size // windows for k in range(windows)), default=0)
    return begin, end, begin + arange(longest, device=device)


def adaptive_avg_pool(name, input, output_size, spatial):
    """Averages over the windows of the last `spatial` dimensions."""
    sizes = _sizes(name, input, output_size, spatial)
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"{name}(): not implemented for {input.dtype}: convert with .float()")
    if max(sizes) == min(sizes) == 1:
        return in_order_of(input, input.mean(tuple(range(-spatial, 0)), True))
    if spatial == 2 and min(sizes) and all(n % m == 0 for n, m in zip(input.shape[-2:], sizes)):
        return avg_pool2d(input, [n // m for n, m in zip(input.shape[-2:], sizes)])
    dtype = float64 if input.dtype is float64 else float32
    tables = []
    for size, windows in zip(input.shape[-spatial:], sizes):
        begin, end, index = _windows(size, windows, input.device)
        weight = (1 / (end - begin).to(dtype)).expand(index.shape)
        tables.append(None if size == windows else table(index, weight, index < end))
    if not any(tables):
        return input.clone()
    if input.dim() == spatial + 1:
        return resample_last(input.unsqueeze(0), tables).squeeze(0)
    return resample_last(input, tables)


def adaptive_avg_pool1d(input, output_size):
    """Averages over `output_size` windows that cover the last dimension: (N, C, L) or (C, L) to (..., output_size)."""
    return adaptive_avg_pool("adaptive_avg_pool1d", input, output_size, 1)


def adaptive_avg_pool2d(input, output_size):
    """Averages over a grid of windows that covers the last two dimensions; None keeps a dimension's size.

    >>> import tensorx as tx
    >>> tx.nn.functional.adaptive_avg_pool2d(tx.ones(1, 3, 7, 5), 1).shape
    tensorx.Size([1, 3, 1, 1])
    """
    return adaptive_avg_pool("adaptive_avg_pool2d", input, output_size, 2)


@composite
def adaptive_avg_pool3d(input, output_size):
    """Averages over a grid of windows that covers the last three dimensions; None keeps a dimension's size.

    >>> import tensorx as tx
    >>> tx.nn.functional.adaptive_avg_pool3d(tx.ones(1, 3, 7, 5, 4), (2, None, 1)).shape
    tensorx.Size([1, 3, 2, 5, 1])
    """
    return adaptive_avg_pool("adaptive_avg_pool3d", input, output_size, 3)


def _largest(x, dim, windows):
    """The maximum of each window along one dimension, and where along it each is."""
    size, inner = x.shape[dim], prod(x.shape[dim + 1 :])
    _, end, index = _windows(size, windows, x.device)
    rows = index.minimum(end - 1).flatten()  # each window's elements, the last one repeated in a shorter window
    taken = x if size % windows == 0 else x.index_select(dim, rows)
    per_window = (index.shape[1], 1)
    lines = taken.reshape(1, prod(x.shape[:dim]), -1, inner)
    values, at = _max_pool(lines, per_window, per_window, (0, 0), (1, 1), False)
    shape = (*x.shape[:dim], windows, *x.shape[dim + 1 :])
    return values.reshape(shape), rows[at // inner].reshape(shape)


def _adaptive_max_pool(name, input, output_size, return_indices, spatial):
    sizes = _sizes(name, input, output_size, spatial)
    if 0 in sizes or input.numel() == 0:
        shape = (*input.shape[:-spatial], *sizes)
        values = input.new_empty(shape)
        return (values, arange(0, device=input.device).reshape(shape)) if return_indices else values
    values, indices, step = input, None, 1
    for dim, windows in reversed(list(enumerate(sizes, input.dim() - spatial))):
        values, at = _largest(values, dim, windows)
        indices = at * step + (0 if indices is None else indices.gather(dim, at))
        step *= input.shape[dim]
    values = in_order_of(input, values)
    return (values, in_order_of(input, indices)) if return_indices else values


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """The maxima of `output_size` windows that cover the last dimension: (N, C, L) or (C, L) to (..., output_size).

    return_indices: also the positions of the maxima along the length.
    """
    return _adaptive_max_pool("adaptive_max_pool1d", input, output_size, return_indices, 1)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """The maxima of a grid of windows that covers the last two dimensions; None keeps a dimension's size.

    return_indices: also the positions of the maxima, counted through each plane.

    >>> import tensorx as tx
    >>> tx.nn.functional.adaptive_max_pool2d(tx.arange(15.0).view(1, 3, 5), (2, 2)).tolist()
    [[[7.0, 9.0], [12.0, 14.0]]]
    """
    return _adaptive_max_pool("adaptive_max_pool2d", input, output_size, return_indices, 2)


@composite
def adaptive_max_pool3d(input, output_size, return_indices=False):
    """The maxima of a grid of windows that covers the last three dimensions; None keeps a dimension's size.

    return_indices: also the positions of the maxima, counted through each volume.
    """
    return _adaptive_max_pool("adaptive_max_pool3d", input, output_size, return_indices, 3)

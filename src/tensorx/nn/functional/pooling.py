"""Pooling as functions. Max and average pooling are ops of the engine; the adaptive ones are built on products."""

from ... import zeros
from ...ops.pool import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d


def _averaging_matrix(size, output_size, like):
    """(output_size, size): row i averages the window [floor(i size / out), ceil((i + 1) size / out))."""
    matrix = zeros(output_size, size, dtype=like.dtype, device=like.device)
    for i in range(output_size):
        begin, end = i * size // output_size, -(-(i + 1) * size // output_size)
        matrix[i, begin:end] = 1.0 / (end - begin)
    return matrix


def _adaptive_sizes(name, input, output_size, spatial):
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


def adaptive_avg_pool1d(input, output_size):
    """Averages over `output_size` windows that cover the last dimension: (N, C, L) or (C, L) to (..., output_size)."""
    (size,) = _adaptive_sizes("adaptive_avg_pool1d", input, output_size, 1)
    length = input.shape[-1]
    if size == length:
        return input * 1
    if size == 1:
        return input.mean(-1, True)
    if size and length % size == 0:
        return input.unflatten(-1, (size, length // size)).mean(-1)
    return input @ _averaging_matrix(length, size, input).t()


def adaptive_avg_pool2d(input, output_size):
    """Averages over a grid of windows that covers the last two dimensions; None keeps a dimension's size.

    >>> import tensorx as tx
    >>> tx.nn.functional.adaptive_avg_pool2d(tx.ones(1, 3, 7, 5), 1).shape
    tensorx.Size([1, 3, 1, 1])
    """
    out_h, out_w = sizes = _adaptive_sizes("adaptive_avg_pool2d", input, output_size, 2)
    in_h, in_w = input.shape[-2:]
    if sizes == (1, 1):
        return input.mean((-2, -1), True)
    if out_h and out_w and in_h % out_h == 0 and in_w % out_w == 0:
        return avg_pool2d(input, (in_h // out_h, in_w // out_w))
    return _averaging_matrix(in_h, out_h, input) @ input @ _averaging_matrix(in_w, out_w, input).t()

"""Max pooling undone, and max pooling over windows at random."""

from math import prod

from ... import arange, cat, int64, rand, zeros
from ...ops.convolution import _numbers
from ...ops.define import composite
from ...ops.pool import _geometry, max_pool2d
from .pooling import max_pool3d


def _unpooled_size(name, input, kernel, stride, padding, output_size):
    spatial = len(kernel)
    default = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(input.shape[-spatial:], stride, kernel, padding)]
    if output_size is None:
        return default
    size = list(output_size)
    if len(size) == spatial + 2:
        size = size[2:]
    if len(size) != spatial:
        raise ValueError(
            f"{name}(): output_size should be a sequence containing {spatial} or {spatial + 2} elements, but it has a "
            f"length of '{len(output_size)}'"
        )
    for d in range(spatial):
        low, high = default[d] - stride[d], default[d] + stride[d]
        if not low < size[d] < high:
            raise ValueError(
                f'{name}(): invalid output_size "{tuple(size)}" (dim {d} must be between {low} and {high})'
            )
    return size


def _unpool(input, indices, kernel_size, stride, padding, output_size, spatial):
    name = f"max_unpool{spatial}d"
    if input.dim() not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"{name}(): expected input of {spatial + 1} or {spatial + 2} dimensions, got shape {tuple(input.shape)}"
        )
    if indices.dtype is not int64:
        raise RuntimeError(f"{name}(): elements in indices should be type int64 but got: {indices.dtype}")
    if indices.shape != input.shape:
        raise RuntimeError(
            f"{name}(): Expected shape of indices to be same as that of the input tensor {tuple(input.shape)} but got "
            f"indices tensor with shape: {tuple(indices.shape)}"
        )
    if spatial == 1:
        kernel = _numbers(kernel_size, 1, name, "kernel_size")
        stride = kernel if stride is None else _numbers(stride, 1, name, "stride")
        padding = _numbers(padding, 1, name, "padding")
    else:
        kernel, stride, padding, _ = _geometry(spatial, name, kernel_size, stride, padding)
    size = _unpooled_size(name, input, kernel, stride, padding, output_size)
    if min(size) < 0:
        raise RuntimeError(f"{name}(): the output size would be {tuple(size)}: too small")
    lead = input.shape[:-spatial]
    flat = input.new_zeros((*lead, prod(size)))
    return flat.scatter(-1, indices.flatten(-spatial), input.flatten(-spatial)).reshape(*lead, *size)


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Values at the positions that max_pool1d(return_indices=True) gave, among zeros.

    Args:
        input, indices: values and positions, (n, c, l) or (c, l).
        kernel_size, stride, padding: those of the pooling. Several sizes may pool to one: output_size says which.

    >>> import tensorx as tx
    >>> values, at = tx.nn.functional.max_pool1d(tx.tensor([[1.0, 3.0, 4.0, 2.0]]), 2, return_indices=True)
    >>> tx.nn.functional.max_unpool1d(values, at, 2)
    tensor([[0., 3., 4., 0.]])
    """
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 1)


@composite
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Values at the positions that max_pool2d(return_indices=True) gave, among zeros: (n, c, h, w) or (c, h, w)."""
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 2)


@composite
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Values at the positions that max_pool3d(return_indices=True) gave, among zeros: (n, c, d, h, w) or (c, d, h, w)."""
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 3)


def _fractional(input, kernel_size, output_size, output_ratio, return_indices, samples, spatial):
    name = f"fractional_max_pool{spatial}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if input.dim() not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"{name}(): Expected {spatial + 1}D or {spatial + 2}D input, but got shape {tuple(input.shape)}"
        )
    kernel = _numbers(kernel_size, spatial, name, "kernel_size")
    shape = input.shape[-spatial:]
    if output_size is None:
        ratio = (output_ratio,) * spatial if isinstance(output_ratio, float) else tuple(output_ratio)
        output_size = [int(n * r) for n, r in zip(shape, ratio, strict=True)]
    size = _numbers(output_size, spatial, name, "output_size")
    for n, m, k in zip(shape, size, kernel):
        if m < 1 or k < 1 or m + k - 1 > n:
            raise RuntimeError(
                f"{name}(): pool size {tuple(kernel)} and output size {tuple(size)} too large for input of size {tuple(shape)}"
            )
    x = input.unsqueeze(0) if input.dim() == spatial + 1 else input
    batch, channels = x.shape[:2]
    if samples is None:
        samples = rand(batch, channels, spatial, dtype=input.dtype, device=input.device)
    elif tuple(samples.shape) != (batch, channels, spatial):
        raise RuntimeError(
            f"{name}(): expected _random_samples of shape {(batch, channels, spatial)}, got {tuple(samples.shape)}"
        )
    # The samples of two dimensions are for width and height, those of three for depth, height and width.
    order = reversed(range(2)) if spatial == 2 else range(3)
    rows = [_random_windows(n, m, k, samples[..., sample]) for n, m, k, sample in zip(shape, size, kernel, order)]
    for dim, row in enumerate(rows, 2):  # (batch, channels, windows * kernel): the elements of all windows
        index = row.reshape(batch, channels, *(-1 if d == dim else 1 for d in range(2, 2 + spatial)))
        x = x.gather(dim, index.expand(*(index.size(d) if d == dim else x.size(d) for d in range(x.dim()))))
    pool = max_pool2d if spatial == 2 else max_pool3d
    values, at = pool(x, kernel, return_indices=True)
    place, scale = 0, 1
    flat = at.flatten(2)
    for row, n in zip(reversed(rows), reversed(shape)):
        place = place + row.gather(2, flat % row.size(2)) * scale
        flat, scale = flat // row.size(2), scale * n
    indices = place.reshape(at.shape)
    if input.dim() == spatial + 1:
        values, indices = values.squeeze(0), indices.squeeze(0)
    return (values, indices) if return_indices else values


def _random_windows(size, windows, kernel, sample):
    """The elements of windows whose distances vary with `sample` (batch, channels) around the mean one."""
    last = zeros(*sample.shape, 1, dtype=int64, device=sample.device) + (size - kernel)
    begins = last
    if windows > 1:
        mean = (size - kernel) / (windows - 1)
        u = sample.unsqueeze(-1)
        steps = ((arange(windows - 1, dtype=sample.dtype, device=sample.device) + u) * mean).to(int64)
        begins = cat([steps - (u * mean).to(int64), last], -1)
    return (begins.unsqueeze(-1) + arange(kernel, device=sample.device)).flatten(2)


@composite
def fractional_max_pool2d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """The maxima of windows whose distances are drawn at random, so that there are `output_size` of them.

    Args:
        input: (n, c, h, w) or (c, h, w).
        output_size, output_ratio: how many windows, or which part of the input's size.
        return_indices: also the positions of the maxima, counted through each plane.

    Graham 2014, arXiv:1412.6071.

    >>> import tensorx as tx
    >>> tx.nn.functional.fractional_max_pool2d(tx.ones(1, 8, 8), 2, output_ratio=0.7).shape
    tensorx.Size([1, 5, 5])
    """
    return _fractional(input, kernel_size, output_size, output_ratio, return_indices, _random_samples, 2)


@composite
def fractional_max_pool3d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """fractional_max_pool2d over three dimensions: (n, c, d, h, w) or (c, d, h, w)."""
    return _fractional(input, kernel_size, output_size, output_ratio, return_indices, _random_samples, 3)

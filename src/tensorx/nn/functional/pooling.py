"""Pooling over windows of fixed size. In one and two dimensions max and average pooling are ops of the engine; the third is
pooled after the other two.
"""

from ...ops.convert import in_order_of
from ...ops.convolution import _numbers
from ...ops.define import composite
from ...ops.pool import _average_pool, _geometry, _max_pool, avg_pool1d, avg_pool2d, max_pool1d, max_pool2d


def _volumes(name, input, kernel_size, stride, padding, dilation=1):
    """The input as (n, c, d, h, w), whether it came without a batch, and kernel, stride, padding and dilation."""
    if input.dim() not in (4, 5):
        raise RuntimeError(
            f"{name}(): Expected 4D (unbatched) or 5D (batched) input, but got shape {list(input.shape)}"
        )
    geometry = _geometry(3, name, kernel_size, stride, padding, dilation)
    for kernel, step, pad, spread in zip(*geometry):
        if kernel <= 0 or step <= 0 or spread <= 0:
            raise RuntimeError(
                f"{name}(): kernel size, stride and dilation should be greater than zero, got {geometry[0]}, {geometry[1]} "
                f"and {geometry[3]}"
            )
        if pad < 0 or pad > ((kernel - 1) * spread + 1) // 2:
            raise RuntimeError(
                f"{name}(): pad should be at most half of effective kernel size, but got padding={geometry[2]}, "
                f"kernel_size={geometry[0]} and dilation={geometry[3]}"
            )
    return (input.unsqueeze(0) if input.dim() == 4 else input), input.dim() == 4, geometry


@composite
def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of (n, c, d, h, w) or (c, d, h, w). stride defaults to kernel_size.

    return_indices: also the positions of the maxima, counted through each volume.

    >>> import tensorx as tx
    >>> tx.nn.functional.max_pool3d(tx.arange(8.0).view(1, 2, 2, 2), 2).tolist()
    [[[[7.0]]]]
    """
    x, unbatched, (kernel, stride, padding, dilation) = _volumes(
        "max_pool3d", input, kernel_size, stride, padding, dilation
    )
    batch, channels, depth, height, width = x.shape
    planes, at_plane = _max_pool(x.flatten(1, 2), kernel[1:], stride[1:], padding[1:], dilation[1:], ceil_mode)
    area = planes.size(2) * planes.size(3)
    columns = planes.reshape(batch, channels, depth, area)
    values, at = _max_pool(columns, (kernel[0], 1), (stride[0], 1), (padding[0], 0), (dilation[0], 1), ceil_mode)
    shape = (batch, channels, values.size(2), *planes.shape[2:])[1 if unbatched else 0 :]
    maxima = in_order_of(input, values.reshape(shape))
    if not return_indices:
        return maxima
    within = at_plane.reshape(batch, channels, depth * area).gather(2, at.flatten(2)).view(at.shape)
    return maxima, in_order_of(input, (at // area * (height * width) + within).reshape(shape))


@composite
def avg_pool3d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """The average of each window of (n, c, d, h, w) or (c, d, h, w). stride defaults to kernel_size.

    count_include_pad: padding counts in the divisor; divisor_override: divide by this instead.

    >>> import tensorx as tx
    >>> tx.nn.functional.avg_pool3d(tx.ones(1, 2, 2, 2), 2).tolist()
    [[[[1.0]]]]
    """
    if divisor_override == 0:
        raise RuntimeError("avg_pool3d(): divisor must be not zero")
    x, unbatched, (kernel, stride, padding, _) = _volumes("avg_pool3d", input, kernel_size, stride, padding)
    batch, channels, depth = x.shape[:3]
    first, last = (1, divisor_override) if divisor_override else (0, 0)  # a window's size is that of both steps
    planes = _average_pool(x.flatten(1, 2), kernel[1:], stride[1:], padding[1:], ceil_mode, count_include_pad, first)
    columns = planes.reshape(batch, channels, depth, planes.size(2) * planes.size(3))
    out = _average_pool(columns, (kernel[0], 1), (stride[0], 1), (padding[0], 0), ceil_mode, count_include_pad, last)
    shape = (batch, channels, out.size(2), *planes.shape[2:])[1 if unbatched else 0 :]
    return in_order_of(input, out.reshape(shape))


def _power_average(name, average, input, norm_type, kernel_size, stride, ceil_mode, spatial):
    kernel = _numbers(kernel_size, spatial, name, "kernel_size")
    size = 1
    for n in kernel:
        size *= n
    mean = average(input.pow(norm_type), kernel, stride, 0, ceil_mode)
    return (mean.sign() * mean.abs().relu() * size).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(sum of input^norm_type)^(1 / norm_type) over each window of (n, c, l) or (c, l). stride defaults to kernel_size.

    >>> import tensorx as tx
    >>> tx.nn.functional.lp_pool1d(tx.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _power_average("lp_pool1d", avg_pool1d, input, norm_type, kernel_size, stride, ceil_mode, 1)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(sum of input^norm_type)^(1 / norm_type) over each window of (n, c, h, w) or (c, h, w)."""
    return _power_average("lp_pool2d", avg_pool2d, input, norm_type, kernel_size, stride, ceil_mode, 2)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(sum of input^norm_type)^(1 / norm_type) over each window of (n, c, d, h, w) or (c, d, h, w)."""
    return _power_average("lp_pool3d", avg_pool3d, input, norm_type, kernel_size, stride, ceil_mode, 3)

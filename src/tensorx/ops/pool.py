"""Max and average pooling in one and two spatial dimensions."""

from .. import _C
from .convert import in_order_of
from .convolution import _numbers
from .define import op


@op(
    _C.max_pool,
    method=False,
    outputs=1,
    node_name="MaxPool2DWithIndicesBackward0",
    input=lambda g, out, input_shape, kernel_size, stride, padding, dilation: _max_pool_grad(
        g[0], out[1], input_shape[2:], kernel_size, stride, padding, dilation
    ),
)
def _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode):
    """Maxima of windows, and their positions within each plane."""


def _take(d, indices):
    """The elements of d (n, c, h, w) at positions within each plane."""
    return d.flatten(2).gather(2, indices.flatten(2)).view(indices.shape)


@op(_C.max_pool_grad, method=False, g=lambda d, indices: _take(d, indices))
def _max_pool_grad(g, indices, size, kernel_size, stride, padding, dilation):
    """The gradient of max pooling: each window's goes to its maximum."""


@op(
    _C.average_pool,
    method=False,
    node_name="AvgPool2DBackward0",
    input=lambda g, input_shape, kernel_size, stride, padding, count_include_pad, divisor: _average_pool_grad(
        g, input_shape[2:], kernel_size, stride, padding, count_include_pad, divisor
    ),
)
def _average_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    """Averages of windows."""


@op(
    _C.average_pool_grad,
    method=False,
    g=lambda d, g_shape, kernel_size, stride, padding, count_include_pad, divisor: _average_pool(
        d,
        kernel_size,
        stride,
        padding,
        _needs_ceil(d.shape[2:], g_shape[2:], kernel_size, stride, padding),
        count_include_pad,
        divisor,
    ),
)
def _average_pool_grad(g, size, kernel_size, stride, padding, count_include_pad, divisor):
    """The gradient of average pooling."""


def _needs_ceil(size, windows, kernel, stride, padding):
    """True when rounding down would give fewer windows."""
    return any(
        (n + 2 * p - k) // s + 1 < w for n, w, k, s, p in zip(size, windows, kernel, stride, padding, strict=True)
    )


def _images(input, spatial, name):
    """The input as (n, c, h, w), and the way back."""
    if input.ndim not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"{name}(): Expected {spatial + 1}D or {spatial + 2}D input, but got shape {list(input.shape)}"
        )
    unbatched = input.ndim == spatial + 1
    x = input.unsqueeze(0) if unbatched else input
    if spatial == 1:
        x = x.unsqueeze(2)

    def back(y):
        y = y.squeeze(2) if spatial == 1 else in_order_of(x, y)
        return y.squeeze(0) if unbatched else y

    return x, back


def _geometry(spatial, name, kernel_size, stride, padding, dilation=1):
    """kernel, stride, padding and dilation as pairs; no stride means the kernel's size."""
    values = [_numbers(kernel_size, spatial, name, "kernel_size")]
    empty = stride is None or stride == () or stride == []
    values.append(values[0] if empty else _numbers(stride, spatial, name, "stride"))
    values.append(_numbers(padding, spatial, name, "padding"))
    values.append(_numbers(dilation, spatial, name, "dilation"))
    if spatial == 1:
        values = [(first, *v) for first, v in zip((1, 1, 0, 1), values, strict=True)]
    return values


def _maxima(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, spatial):
    name = f"max_pool{spatial}d"
    x, back = _images(input, spatial, name)
    values, indices = _max_pool(x, *_geometry(spatial, name, kernel_size, stride, padding, dilation), ceil_mode)
    return (back(values), back(indices)) if return_indices else back(values)


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of (n, c, l) or (c, l). stride defaults to kernel_size.

    return_indices: also the positions of the maxima along the length.
    """
    return _maxima(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 1)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of (n, c, h, w) or (c, h, w). stride defaults to kernel_size.

    return_indices: also the positions of the maxima, counted through each plane.

    >>> import tensorx as tx
    >>> tx.nn.functional.max_pool2d(tx.arange(16.0).view(1, 4, 4), 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """
    return _maxima(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 2)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The average of each window of (n, c, l) or (c, l). stride defaults to kernel_size."""
    x, back = _images(input, 1, "avg_pool1d")
    kernel, stride, padding, _ = _geometry(1, "avg_pool1d", kernel_size, stride, padding)
    return back(_average_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, 0))


def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """The average of each window of (n, c, h, w) or (c, h, w). stride defaults to kernel_size.

    count_include_pad: padding counts in the divisor; divisor_override: divide by this instead.

    >>> import tensorx as tx
    >>> tx.nn.functional.avg_pool2d(tx.ones(1, 4, 4), 2).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """
    if divisor_override == 0:
        raise RuntimeError("avg_pool2d(): divisor must be not zero")
    x, back = _images(input, 2, "avg_pool2d")
    kernel, stride, padding, _ = _geometry(2, "avg_pool2d", kernel_size, stride, padding)
    return back(_average_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override or 0))

"""Elements moved between channels and space."""

from math import prod

from ...ops.convert import in_order_of
from ...ops.convolution import _numbers
from ...ops.windows import count, overlap_add, windows
from .padding import pad


def pixel_shuffle(input, upscale_factor):
    """Channels to space: (*, c * r^2, h, w) to (*, c, h * r, w * r). Shi et al. 2016, arXiv:1609.05158.

    >>> import tensorx as tx
    >>> tx.nn.functional.pixel_shuffle(tx.arange(4.0).view(4, 1, 1), 2).tolist()
    [[[0.0, 1.0], [2.0, 3.0]]]
    """
    r = _factor("pixel_shuffle", input, "upscale_factor", upscale_factor)
    *before, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            f"pixel_shuffle(): expected input's channel dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {r * r}"
        )
    n, c = len(before), channels // (r * r)
    x = input.reshape(*before, c, r, r, height, width)
    x = x.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2).reshape(*before, c, height * r, width * r)
    return in_order_of(input, x)


def pixel_unshuffle(input, downscale_factor):
    """Space to channels, the inverse of `pixel_shuffle`: (*, c, h * r, w * r) to (*, c * r^2, h, w).

    >>> import tensorx as tx
    >>> tx.nn.functional.pixel_unshuffle(tx.arange(4.0).view(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    r = _factor("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    *before, channels, height, width = input.shape
    if height % r or width % r:
        raise RuntimeError(
            f"pixel_unshuffle(): expected height and width to be divisible by downscale_factor, but ({height}, {width}) "
            f"is not divisible by {r}"
        )
    n = len(before)
    x = input.reshape(*before, channels, height // r, r, width // r, r)
    x = x.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3).reshape(*before, channels * r * r, height // r, width // r)
    return in_order_of(input, x)


def _factor(name, input, parameter, value):
    if input.dim() < 3:
        raise RuntimeError(
            f"{name}(): expected input to have at least 3 dimensions, but got {input.dim()} dimension(s)"
        )
    if value <= 0:
        raise RuntimeError(f"{name}(): expects a positive {parameter}, but got {value}")
    return value


def channel_shuffle(input, groups):
    """Channels (dimension 1) dealt out: (groups, c / groups) transposed. Zhang et al. 2018, arXiv:1707.01083.

    >>> import tensorx as tx
    >>> tx.nn.functional.channel_shuffle(tx.arange(4.0).view(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    if input.dim() < 3:
        raise RuntimeError(
            f"channel_shuffle(): expected input with at least 3 dimensions, but got input with shape {tuple(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(f"channel_shuffle(): number of groups to divide channels in must be positive, got {groups}")
    if input.shape[1] % groups:
        raise RuntimeError(
            f"channel_shuffle(): number of channels must be divisible by groups, got {input.shape[1]} channels and "
            f"{groups} groups"
        )
    x = input.unflatten(1, (groups, input.shape[1] // groups)).transpose(1, 2).reshape(input.shape)
    return in_order_of(input, x)


def _grid(name, kernel_size, dilation, padding, stride):
    kernel = _numbers(kernel_size, 2, name, "kernel_size")
    dilation = _numbers(dilation, 2, name, "dilation")
    padding = _numbers(padding, 2, name, "padding")
    stride = _numbers(stride, 2, name, "stride")
    for parameter, values in (("kernel_size", kernel), ("dilation", dilation), ("stride", stride)):
        if min(values) <= 0:
            raise RuntimeError(f"{name}(): {parameter} should be greater than zero, but got {values}")
    if min(padding) < 0:
        raise RuntimeError(f"{name}(): padding should be non-negative, but got {padding}")
    return kernel, dilation, padding, stride


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The blocks under a sliding kernel as columns: (n, c, h, w) to (n, c * kh * kw, blocks); without n as well.

    >>> import tensorx as tx
    >>> tx.nn.functional.unfold(tx.arange(6.0).view(1, 1, 2, 3), 2).tolist()
    [[[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]]
    """
    if input.dim() not in (3, 4):
        raise RuntimeError(
            f"unfold(): Expected 3D or 4D (batch mode) tensor for input with possibly 0 batch size, but got: {tuple(input.shape)}"
        )
    kernel, dilation, padding, stride = _grid("unfold", kernel_size, dilation, padding, stride)
    first, (top, left) = input.dim() - 2, padding
    padded = pad(input, (left, left, top, top)) if top or left else input
    counts = tuple(map(count, padded.shape[first:], kernel, stride, dilation))
    if min(counts) < 1:
        raise RuntimeError(
            f"unfold(): Given input with spatial size {tuple(input.shape[first:])}, kernel_size={kernel}, "
            f"dilation={dilation}, padding={padding}, stride={stride}, the shape of the array of sliding blocks would be "
            f"{counts}, but its components must be at least one"
        )
    return windows(padded, first, kernel, counts, stride, dilation).flatten(first - 1, first + 1).flatten(-2)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns as blocks, added up where they overlap: (n, c * kh * kw, blocks) to (n, c, *output_size); without n as well.

    fold(unfold(x)) is x times the number of blocks that each element lies in.

    >>> import tensorx as tx
    >>> tx.nn.functional.fold(tx.ones(1, 4, 2), (2, 3), 2).tolist()
    [[[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]]
    """
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"fold(): Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size, but got: {tuple(input.shape)}"
        )
    size = _numbers(output_size, 2, "fold", "output_size")
    kernel, dilation, padding, stride = _grid("fold", kernel_size, dilation, padding, stride)
    if input.shape[-2] % prod(kernel):
        raise RuntimeError(
            "fold(): Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={input.shape[-2]} and kernel_size={kernel}"
        )
    padded = tuple(n + 2 * p for n, p in zip(size, padding))
    counts = tuple(map(count, padded, kernel, stride, dilation))
    if min(counts) < 1 or prod(counts) != input.shape[-1]:
        raise RuntimeError(
            f"fold(): Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"stride={stride}, expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{counts[0]} * {counts[1]} = {prod(counts)}, but got input.size(2)={input.shape[-1]}"
        )
    blocks = input.reshape(*input.shape[:-2], -1, *kernel, *counts)
    out = overlap_add(blocks, blocks.dim() - 4, padded, kernel, stride, dilation)
    return out.narrow(-2, padding[0], size[0]).narrow(-1, padding[1], size[1])

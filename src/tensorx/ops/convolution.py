"""Convolutions and transposed convolutions in one, two and three spatial dimensions.

Three ops are each other's gradients, to any order: `convolution`, `convolution_input` (its gradient with respect to the
input, which is also the transposed convolution) and `convolution_weight`. They have two spatial dimensions. One more is
done by them as well: the kernel's depth goes to the channels, that of the images to the batch.
"""

from .. import _C
from .define import composite, op
from .windows import count, overlap_add, windows


@op(
    _C.convolution,
    method=False,
    input=lambda g, input_shape, weight, stride, padding, dilation, groups: convolution_input(
        g, weight, input_shape[2:], stride, padding, dilation, groups
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: convolution_weight(
        input, g, weight_shape[2:], stride, padding, dilation, groups
    ),
    bias=lambda g: g.sum((0, 2, 3)),
)
def convolution(input, weight, bias, stride, padding, dilation, groups):
    """Cross-correlation of images (n, c, h, w) with kernels (out, c / groups, kh, kw)."""


@op(
    _C.convolution_input,
    method=False,
    g=lambda d, weight, stride, padding, dilation, groups: convolution(
        d, weight, None, stride, padding, dilation, groups
    ),
    weight=lambda d, g, weight_shape, stride, padding, dilation, groups: convolution_weight(
        d, g, weight_shape[2:], stride, padding, dilation, groups
    ),
)
def convolution_input(g, weight, size, stride, padding, dilation, groups):
    """The gradient of `convolution` with respect to an input of spatial `size`."""


@op(
    _C.convolution_weight,
    method=False,
    input=lambda d, input_shape, g, stride, padding, dilation, groups: convolution_input(
        g, d, input_shape[2:], stride, padding, dilation, groups
    ),
    g=lambda d, input, stride, padding, dilation, groups: convolution(
        input, d, None, stride, padding, dilation, groups
    ),
)
def convolution_weight(input, g, size, stride, padding, dilation, groups):
    """The gradient of `convolution` with respect to kernels of spatial `size`."""


def _numbers(value, count, op_name, name):
    """An int, or a sequence of `count` ints, as a tuple of `count`."""
    if isinstance(value, int):
        return (value,) * count
    value = tuple(value)
    if len(value) == 1:
        return value * count
    if len(value) != count:
        raise RuntimeError(f"{op_name}(): expected {name} to be an int or {count} ints, got {value}")
    return value


def _batched(input, weight, spatial, op_name):
    """The input with a batch dimension, and whether it came without one."""
    if weight.ndim != spatial + 2:
        raise RuntimeError(
            f"{op_name}(): expected weight of {spatial + 2} dimensions (out_channels, in_channels / groups, *kernel), "
            f"but got weight of size {list(weight.shape)}"
        )
    if input.ndim == spatial + 1:
        return input.unsqueeze(0), True
    if input.ndim != spatial + 2:
        raise RuntimeError(
            f"Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to {op_name}, but got input of size: "
            f"{list(input.shape)}"
        )
    return input, False


def _same_padding(input, weight, stride, dilation, spatial, op_name):
    """The input padded so that the output has its size, and the padding still to do (even on both sides)."""
    if any(s != 1 for s in stride):
        raise RuntimeError(f"{op_name}(): padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    if all(t % 2 == 0 for t in totals):
        return input, tuple(t // 2 for t in totals)
    from ..nn.functional import pad

    extra = [n for t in reversed(totals) for n in (0, t % 2)]
    return pad(input, extra), tuple(t // 2 for t in totals)


def _convolve(input, weight, bias, stride, padding, dilation, groups, spatial):
    name = f"conv{spatial}d"
    stride, dilation = _numbers(stride, spatial, name, "stride"), _numbers(dilation, spatial, name, "dilation")
    input, unbatched = _batched(input, weight, spatial, name)
    if padding == "valid":
        padding = (0,) * spatial
    elif padding == "same":
        input, padding = _same_padding(input, weight, stride, dilation, spatial, name)
    elif isinstance(padding, str):
        raise RuntimeError(f"{name}(): Invalid padding string: '{padding}', expected 'valid' or 'same'")
    else:
        padding = _numbers(padding, spatial, name, "padding")
    if spatial == 2:
        out = convolution(input, weight, bias, stride, padding, dilation, groups)
    elif spatial == 3:
        out = _convolve_deep(input, weight, bias, stride, padding, dilation, groups)
    else:  # one spatial dimension is two, the first of size 1
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
        out = convolution(input.unsqueeze(2), weight.unsqueeze(2), bias, stride, padding, dilation, groups).squeeze(2)
    return out.squeeze(0) if unbatched else out


def _convolve_deep(input, weight, bias, stride, padding, dilation, groups):
    """`convolution` of (n, c, d, h, w) with kernels (out, c / groups, kd, kh, kw)."""
    channels, depth, kernel = input.size(1), input.size(2), weight.size(2)
    if weight.size(1) * groups != channels:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(input.shape)} to have "
            f"{weight.size(1) * groups} channels, but got {channels} channels instead"
        )
    _check_deep("conv3d", kernel, stride[0], padding[0], dilation[0], groups)
    depths = count(depth + 2 * padding[0], kernel, stride[0], dilation[0])
    if depths < 1:
        raise RuntimeError(
            f"conv3d(): Kernel size can't be greater than actual input size: depth {depth} with padding {padding[0]} "
            f"for a kernel of depth {kernel} with dilation {dilation[0]}"
        )
    if padding[0]:
        from ..nn.functional import pad

        input = pad(input, (0, 0, 0, 0, padding[0], padding[0]))
    parts = windows(input, 2, (kernel,), (depths,), stride[:1], dilation[:1])  # (n, c, kd, depths, h, w)
    images = parts.permute(0, 3, 1, 2, 4, 5).reshape(-1, channels * kernel, *input.shape[3:])
    weight = weight.reshape(weight.size(0), -1, *weight.shape[3:])
    out = convolution(images, weight, bias, stride[1:], padding[1:], dilation[1:], groups)
    return out.unflatten(0, (input.size(0), depths)).transpose(1, 2)


def _check_deep(name, kernel, stride, padding, dilation, groups):
    """What `convolution` checks of the other two dimensions, for the depth."""
    if stride <= 0 or dilation <= 0 or kernel <= 0 or padding < 0 or groups <= 0:
        raise RuntimeError(
            f"{name}(): expected positive stride, dilation, groups and kernel, and no negative padding, got stride={stride}, "
            f"dilation={dilation}, groups={groups}, a kernel of depth {kernel} and padding={padding}"
        )


@composite
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation over one dimension.

    Shapes: input (n, c, l) or (c, l); weight (out, c / groups, k); bias (out); result (n, out, l').
    padding: an int, "valid" (none) or "same" (the output has the input's length; stride 1 only).

    >>> import tensorx as tx
    >>> tx.nn.functional.conv1d(tx.ones(1, 1, 4), tx.ones(1, 1, 2)).tolist()
    [[[2.0, 2.0, 2.0]]]
    """
    return _convolve(input, weight, bias, stride, padding, dilation, groups, 1)


@composite
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation over two dimensions.

    Shapes: input (n, c, h, w) or (c, h, w); weight (out, c / groups, kh, kw); bias (out); result (n, out, h', w').
    padding: an int, two ints, "valid" (none) or "same" (the output has the input's size; stride 1 only).

    >>> import tensorx as tx
    >>> tx.nn.functional.conv2d(tx.ones(1, 1, 3, 3), tx.ones(1, 1, 2, 2)).tolist()
    [[[[4.0, 4.0], [4.0, 4.0]]]]
    """
    return _convolve(input, weight, bias, stride, padding, dilation, groups, 2)


@composite
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation over three dimensions.

    Shapes: input (n, c, d, h, w) or (c, d, h, w); weight (out, c / groups, kd, kh, kw); bias (out); result
    (n, out, d', h', w').
    padding: an int, three ints, "valid" (none) or "same" (the output has the input's size; stride 1 only).

    >>> import tensorx as tx
    >>> tx.nn.functional.conv3d(tx.ones(1, 1, 3, 3, 3), tx.ones(1, 1, 3, 2, 2)).tolist()
    [[[[[12.0, 12.0], [12.0, 12.0]]]]]
    """
    return _convolve(input, weight, bias, stride, padding, dilation, groups, 3)


def _transposed_of(input, weight, size, stride, padding, dilation, groups):
    """The gradient of a convolution with respect to an input of `size`, in one to three dimensions."""
    spatial = len(size)
    whole = tuple(
        (n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(input.shape[2:], stride, dilation, weight.shape[2:])
    )
    if any(n + 2 * p - w >= s for n, p, w, s in zip(size, padding, whole, stride)):
        # More output padding than a convolution would round away: from what lies under the kernels, by hand.
        from ..nn.functional import pad

        out = _transposed_of(input, weight, whole, stride, (0,) * spatial, dilation, groups)
        ends = [(-p, n + p - w) for n, p, w in zip(size, padding, whole)]
        return pad(out, [count for end in reversed(ends) for count in end])
    if spatial == 2:
        return convolution_input(input, weight, size, stride, padding, dilation, groups)
    if spatial == 3:
        return _transposed_deep(input, weight, size, stride, padding, dilation, groups)
    size, stride, padding, dilation = (1, *size), (1, *stride), (0, *padding), (1, *dilation)
    return convolution_input(input.unsqueeze(2), weight.unsqueeze(2), size, stride, padding, dilation, groups).squeeze(
        2
    )


def _transposed(input, weight, bias, stride, padding, output_padding, groups, dilation, spatial):
    name = f"conv_transpose{spatial}d"
    stride, padding = _numbers(stride, spatial, name, "stride"), _numbers(padding, spatial, name, "padding")
    output_padding = _numbers(output_padding, spatial, name, "output_padding")
    dilation = _numbers(dilation, spatial, name, "dilation")
    input, unbatched = _batched(input, weight, spatial, name)
    if any(o >= s and o >= d for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise RuntimeError(
            f"{name}(): output padding must be smaller than either stride or dilation, got {output_padding}"
        )
    if input.size(1) != weight.size(0):
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(input.shape)} to have "
            f"{weight.size(0)} channels, but got {input.size(1)} channels instead"
        )
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, s, p, d, k, o in zip(
            input.shape[2:], stride, padding, dilation, weight.shape[2:], output_padding, strict=True
        )
    )
    if any(n <= 0 for n in size):
        raise RuntimeError(f"{name}(): the output size would be {list(size)}: too small")
    out = _transposed_of(input, weight, size, stride, padding, dilation, groups)
    if bias is not None:
        out = out + bias.reshape(-1, *[1] * spatial)
    return out.squeeze(0) if unbatched else out


def _transposed_deep(input, weight, size, stride, padding, dilation, groups):
    """`convolution_input` of g (n, c, d, h, w) and kernels (c, out / groups, kd, kh, kw)."""
    kernel, depth = weight.size(2), input.size(2)
    _check_deep("conv_transpose3d", kernel, stride[0], padding[0], dilation[0], groups)
    images = input.transpose(1, 2).reshape(-1, input.size(1), *input.shape[3:])
    channels, weight = weight.size(1), weight.reshape(weight.size(0), -1, *weight.shape[3:])
    out = convolution_input(images, weight, size[1:], stride[1:], padding[1:], dilation[1:], groups)
    parts = out.reshape(input.size(0), depth, groups * channels, kernel, *size[1:]).permute(0, 2, 3, 1, 4, 5)
    padded = overlap_add(parts, 2, (size[0] + 2 * padding[0],), (kernel,), stride[:1], dilation[:1])
    return padded.narrow(2, padding[0], size[0])


@composite
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Transposed convolution over one dimension: the gradient of `conv1d` with respect to its input.

    Shapes: input (n, c, l) or (c, l); weight (c, out / groups, k); bias (out); result (n, out, l').
    """
    return _transposed(input, weight, bias, stride, padding, output_padding, groups, dilation, 1)


@composite
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Transposed convolution over two dimensions: the gradient of `conv2d` with respect to its input.

    Shapes: input (n, c, h, w) or (c, h, w); weight (c, out / groups, kh, kw); bias (out); result (n, out, h', w').
    """
    return _transposed(input, weight, bias, stride, padding, output_padding, groups, dilation, 2)


@composite
def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Transposed convolution over three dimensions: the gradient of `conv3d` with respect to its input.

    Shapes: input (n, c, d, h, w) or (c, d, h, w); weight (c, out / groups, kd, kh, kw); bias (out); result
    (n, out, d', h', w').

    >>> import tensorx as tx
    >>> tx.nn.functional.conv_transpose3d(tx.ones(1, 1, 2, 2, 2), tx.ones(1, 1, 2, 1, 1)).flatten().tolist()
    [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0]
    """
    return _transposed(input, weight, bias, stride, padding, output_padding, groups, dilation, 3)

"""Convolutions of random geometry against a loop over the kernel in float64: values, gradients, layouts, threads."""

import random

import numpy as np
import pytest

import tensorx as tx
from support import LAYOUTS, Device, all_bits, to_numpy, to_tx

F = tx.nn.functional
DTYPES = ("float32", "float64", "float16", "bfloat16")
EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def draw_geometry(rng):
    """batch, groups, channels and out channels of a group, image, kernel, stride, padding, dilation."""
    while True:
        image = rng.choice([1, 3, 7, 8, 16, 21, 33]), rng.choice([1, 2, 5, 8, 16, 17, 31, 32, 40, 70])
        kernel = rng.choice([1, 1, 2, 3, 3, 4, 5]), rng.choice([1, 2, 3, 3, 5, 7])
        stride = rng.choice([1, 1, 2, 3, 4]), rng.choice([1, 1, 2, 3])
        padding = rng.choice([0, 1, 2, 5]), rng.choice([0, 1, 2, 4])
        dilation = rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 2, 3])
        if all(i + 2 * p > d * (k - 1) for i, p, d, k in zip(image, padding, dilation, kernel, strict=True)):
            break
    channels = rng.choice([(1, 1), (1, 2), (2, 3), (3, 7), (5, 15), (17, 33), (60, 5), (3, 70)])
    return (
        rng.choice([0, 1, 2, 3, 5]),
        rng.choice([1, 1, 1, 2, 3, 8]),
        *channels,
        image,
        kernel,
        stride,
        padding,
        dilation,
    )


def operands(geometry, dtype, seed):
    """x, weight, bias and the output's gradient, representable in `dtype`."""
    batch, groups, channels, out_channels, image, kernel, stride, padding, dilation = geometry
    generator = np.random.default_rng(seed)
    out = [
        (i + 2 * p - d * (k - 1) - 1) // s + 1
        for i, p, d, k, s in zip(image, padding, dilation, kernel, stride, strict=True)
    ]
    shapes = (
        (batch, groups * channels, *image),
        (groups * out_channels, channels, *kernel),
        (groups * out_channels,),
        (batch, groups * out_channels, *out),
    )
    return [to_numpy(to_tx(generator.standard_normal(shape), dtype)).astype(np.float64) for shape in shapes]


def expected(geometry, x, weight, bias, grad):
    """The output and the gradients of x, weight and bias, tap by tap."""
    batch, groups, channels, out_channels, image, kernel, stride, padding, dilation = geometry
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding))).reshape(
        batch, groups, channels, image[0] + 2 * padding[0], image[1] + 2 * padding[1]
    )
    weight = weight.reshape(groups, out_channels, channels, *kernel)
    grad = grad.reshape(batch, groups, out_channels, *grad.shape[2:])
    out, grad_x, grad_weight = np.zeros_like(grad), np.zeros_like(padded), np.zeros_like(weight)
    for tap in np.ndindex(*kernel):
        rows, columns = (
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, grad.shape[3:], stride, strict=True)
        )
        taken, factor = padded[..., rows, columns], weight[..., tap[0], tap[1]]
        out += np.einsum("goc,bgchw->bgohw", factor, taken)
        grad_x[..., rows, columns] += np.einsum("goc,bgohw->bgchw", factor, grad)
        grad_weight[..., tap[0], tap[1]] = np.einsum("bgohw,bgchw->goc", grad, taken)
    inside = grad_x[..., padding[0] : padding[0] + image[0], padding[1] : padding[1] + image[1]]
    shape = batch, groups * out_channels, *grad.shape[3:]
    return (
        out.reshape(shape) + bias[:, None, None],
        inside.reshape(x.shape),
        grad_weight.reshape(groups * out_channels, channels, *kernel),
        grad.reshape(shape).sum((0, 2, 3)),
    )


def convolve(geometry, operands, dtype, layout=lambda tensor: tensor):
    """The output and the gradients, each operand in `layout`."""
    _, groups, _, _, _, _, stride, padding, dilation = geometry
    *inputs, grad = (layout(to_tx(values, dtype)) for values in operands)
    inputs = [tensor.detach().requires_grad_() for tensor in inputs]
    out = F.conv2d(*inputs, stride, padding, dilation, groups)
    return [out.detach(), *tx.autograd.grad(out, inputs, grad)]


def channels_last(tensor):
    if tensor.ndim != 4:
        return tensor
    return tensor.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


@pytest.mark.parametrize("seed", range(60))
def test_random_geometry(seed, threads):
    rng = random.Random(seed)
    geometry, dtype = draw_geometry(rng), DTYPES[seed % 4]
    arguments = operands(geometry, dtype, seed)
    results = convolve(geometry, arguments, dtype)
    # The rounding of a sum grows with its length, and with the size of what was summed.
    counts = 1, arguments[3].shape[1], arguments[3].size, arguments[3].size
    for result, wanted, count in zip(results, expected(geometry, *arguments), counts, strict=True):
        assert tuple(result.shape) == wanted.shape
        bound = EPSILON[dtype] * 8 * max(1.0, np.abs(wanted).max(initial=0), count**0.5)
        np.testing.assert_allclose(
            to_numpy(result).astype(np.float64), wanted, rtol=0, atol=bound, err_msg=f"{geometry}"
        )
    for count in (1, 2, 5):
        threads(count)
        assert all_bits(convolve(geometry, arguments, dtype)) == all_bits(results), (geometry, count)
    # On CUDA, the gradient of the bias is a sum in the order of memory.
    for layout in (channels_last, LAYOUTS["transposed"]) if Device.name == "cpu" else ():
        assert all_bits(convolve(geometry, arguments, dtype, layout)) == all_bits(results), geometry


def test_padding_is_zero_even_beside_infinity():
    """A border is 0 in every product, and no output meets what lies beside it in memory."""
    x = np.zeros((1, 1, 6, 5))
    x[..., 2, :] = np.inf
    out = to_numpy(F.conv2d(to_tx(x, "float32"), to_tx(np.ones((1, 1, 3, 3)), "float32"), padding=1))
    assert np.isinf(out[..., 1:4, :]).all() and (out[..., [0, 4, 5], :] == 0).all()


def test_a_tap_meets_only_its_own_inputs():
    """Rows lie one behind the other: what a tap does not reach must not get into its gradient, infinite or not."""
    x = np.zeros((1, 1, 6, 5))
    x[..., 0] = np.inf
    weight = to_tx(np.ones((1, 1, 3, 3)), "float32").requires_grad_()
    out = F.conv2d(to_tx(x, "float32"), weight, padding=1)
    (result,) = tx.autograd.grad(out, [weight], tx.ones_like(out))
    finite = np.isfinite(to_numpy(result))
    assert not finite[..., :2].any() and finite[..., 2].all()

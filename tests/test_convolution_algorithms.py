"""Every algorithm of a convolution: values and gradients against float64, the same bits for any number of threads."""

import random

import numpy as np
import pytest

import tensorx as tx
from support import LAYOUTS, all_bits, to_numpy, to_tx
from test_convolution import (
    DTYPES,
    EPSILON,
    convolve,
    draw_geometry,
    expected,
    operands,
)

F, conv = tx.nn.functional, tx.backends.conv

# The largest error allowed, in ULP of the largest result or of the square root of the terms of a sum. Measured: 7 for
# direct, implicit_gemm and fft, 8 for winograd_2x2, 44 for winograd_4x4, whose matrices have entries from 1/24 to 8.
BOUND = {"direct": 16, "implicit_gemm": 16, "winograd_2x2": 16, "winograd_4x4": 160, "fft": 16}
ON_CUDA = ("direct", "implicit_gemm")


def draw_for(algorithm, rng):
    """A random geometry that the algorithm can compute."""
    while True:
        batch, groups, channels, out_channels, image, kernel, stride, padding, dilation = draw_geometry(rng)
        if algorithm.startswith("winograd"):
            kernel, stride, dilation = (3, 3), (1, 1), (1, 1)
        elif algorithm == "fft":
            kernel, stride = rng.choice([kernel, kernel, (1, 9), (7, 7), (11, 5), (20, 3)]), (1, 1)
        if all(i + 2 * p > d * (k - 1) for i, p, d, k in zip(image, padding, dilation, kernel, strict=True)):
            return batch, groups, channels, out_channels, image, kernel, stride, padding, dilation


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("algorithm", conv.algorithms())
def test_values_gradients_and_bits(algorithm, seed, threads):
    rng = random.Random(seed)
    geometry, dtype = draw_for(algorithm, rng), DTYPES[seed % 4]
    arguments = operands(geometry, dtype, seed)
    with conv.flags(algorithm=algorithm):
        results = convolve(geometry, arguments, dtype)
        counts = 1, arguments[3].shape[1], arguments[3].size, arguments[3].size
        for result, wanted, count in zip(results, expected(geometry, *arguments), counts, strict=True):
            computed = "float64" if dtype == "float64" else "float32"
            size = max(1.0, np.abs(wanted).max(initial=0), count**0.5)
            bound = size * (BOUND[algorithm] * EPSILON[computed] + 8 * EPSILON[dtype])  # computed, and rounded
            np.testing.assert_allclose(
                to_numpy(result).astype(np.float64), wanted, rtol=0, atol=bound, err_msg=f"{geometry}"
            )
        for count in (1, 2, 5):
            threads(count)
            assert all_bits(convolve(geometry, arguments, dtype)) == all_bits(results), (geometry, count)
        assert all_bits(convolve(geometry, arguments, dtype, LAYOUTS["transposed"])) == all_bits(results), geometry


@pytest.mark.parametrize("kernel", [(31, 31), (1, 40), (13, 1), (48, 2)])
def test_fft_of_large_kernels(kernel):
    generator = np.random.default_rng(0)
    x, w = generator.standard_normal((2, 3, 50, 70)), generator.standard_normal((5, 3, *kernel))
    geometry = 2, 1, 3, 5, (50, 70), kernel, (1, 1), (2, 3), (1, 1)
    grad = generator.standard_normal((2, 5, 50 + 5 - kernel[0], 70 + 7 - kernel[1]))
    arguments = x, w, np.zeros(5), grad
    with conv.flags(algorithm="fft"):
        results = convolve(geometry, arguments, "float64")
    for result, wanted in zip(results, expected(geometry, *arguments), strict=True):
        np.testing.assert_allclose(
            to_numpy(result), wanted, rtol=0, atol=1e-14 * max(np.abs(wanted).max(), x.size**0.5)
        )


@pytest.mark.parametrize("algorithm", conv.algorithms())
def test_second_order_gradients(algorithm):
    generator = np.random.default_rng(3)
    x, w, b = (
        to_tx(generator.standard_normal(shape), "float64").requires_grad_()
        for shape in ((2, 4, 5, 6), (6, 2, 3, 3), (6,))
    )
    with conv.flags(algorithm=algorithm):
        assert tx.autograd.gradcheck(lambda x, w, b: F.conv2d(x, w, b, padding=1, groups=2), (x, w, b))
        assert tx.autograd.gradgradcheck(lambda x, w: F.conv2d(x, w, padding=1, groups=2), (x, w))


@pytest.mark.parametrize("algorithm", conv.algorithms())
def test_few_images_and_channels(algorithm):
    with conv.flags(algorithm=algorithm):
        assert F.conv2d(tx.ones(0, 2, 5, 5), tx.ones(3, 2, 3, 3)).shape == (0, 3, 3, 3)
        none = F.conv2d(tx.ones(2, 0, 5, 5), tx.ones(3, 0, 3, 3), tx.tensor([1.0, 2.0, 3.0]))
        assert none.shape == (2, 3, 3, 3) and none[1, :, 2, 1].tolist() == [1.0, 2.0, 3.0]
        one = F.conv2d(tx.ones(2, 5, 5), tx.ones(3, 2, 3, 3))
        assert one.shape == (3, 3, 3) and tx.allclose(one, tx.tensor(18.0))


@pytest.mark.parametrize("algorithm", ["direct", "implicit_gemm", "fft"])
def test_other_dimensions_and_transposed(algorithm):
    generator = np.random.default_rng(4)
    cases = [
        (F.conv1d, (2, 3, 30), (4, 3, 5)),
        (F.conv3d, (2, 3, 6, 7, 8), (4, 3, 3, 2, 3)),
        (F.conv_transpose2d, (2, 3, 6, 7), (3, 4, 3, 2)),
    ]
    for function, *shapes in cases:
        x, w = (to_tx(generator.standard_normal(shape), "float64") for shape in shapes)
        wanted = to_numpy(function(x, w))
        with conv.flags(algorithm=algorithm):
            np.testing.assert_allclose(to_numpy(function(x, w)), wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize("algorithm", ["direct", "implicit_gemm"])
def test_infinity_stays_where_it_belongs(algorithm):
    x = np.zeros((1, 1, 6, 5))
    x[..., 2, :] = np.inf
    with conv.flags(algorithm=algorithm):
        out = to_numpy(F.conv2d(to_tx(x, "float32"), to_tx(np.ones((1, 1, 3, 3)), "float32"), padding=1))
    assert np.isinf(out[..., 1:4, :]).all() and (out[..., [0, 4, 5], :] == 0).all()


@pytest.mark.parametrize("algorithm", ["winograd_2x2", "winograd_4x4", "fft"])
def test_nan_reaches_all_that_depends_on_it(algorithm):
    x = tx.zeros(1, 1, 40, 40)
    x[0, 0, 17, 21] = tx.nan
    with conv.flags(algorithm=algorithm):
        out = to_numpy(F.conv2d(x, tx.ones(1, 1, 3, 3), padding=1))
    assert np.isnan(out[0, 0, 16:19, 20:23]).all() and not np.isnan(out).all()


@pytest.mark.parametrize(
    "algorithm, shape, options, needs",
    [
        ("winograd_2x2", (1, 1, 5, 5), {}, "kernel 3x3, stride 1 and dilation 1"),
        ("winograd_4x4", (1, 1, 3, 3), {"stride": 2}, "kernel 3x3, stride 1 and dilation 1"),
        ("winograd_4x4", (1, 1, 3, 3), {"dilation": 2}, "kernel 3x3, stride 1 and dilation 1"),
        (
            "fft",
            (1, 1, 3, 3),
            {"stride": (1, 2)},
            "stride 1 and a kernel that covers, with its dilation, at most 48x48",
        ),
        ("fft", (1, 1, 49, 1), {}, "stride 1 and a kernel"),
        ("fft", (1, 1, 3, 3), {"dilation": 24}, "stride 1 and a kernel"),
    ],
)
def test_what_an_algorithm_needs(algorithm, shape, options, needs):
    x, w = tx.ones(1, 1, 60, 60), tx.ones(shape)
    with conv.flags(algorithm=algorithm), pytest.raises(RuntimeError, match=needs) as error:
        F.conv2d(x, w, **options)
    assert f"backends.conv.algorithm is '{algorithm}'" in str(error.value) and "set backends.conv.algorithm" in str(
        error.value
    )


def test_fft_has_a_limit_of_weights():
    with conv.flags(algorithm="fft"), pytest.raises(RuntimeError, match="at most 2\\^18 pairs"):
        F.conv2d(tx.ones(1, 1025, 1, 1), tx.ones(256, 1025, 1, 1))
    with conv.flags(algorithm="fft"), pytest.raises(RuntimeError, match="2\\^23 weights"):
        F.conv2d(tx.ones(1, 128, 33, 33), tx.ones(64, 128, 33, 33))


@pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")
@pytest.mark.parametrize("channels, out_channels", [(3, 5), (9, 10)])
@pytest.mark.parametrize("algorithm", conv.algorithms())
def test_on_cuda(algorithm, channels, out_channels):
    generator = np.random.default_rng(5)
    geometry = 2, 1, channels, out_channels, (6, 7), (3, 3), (1, 1), (1, 1), (1, 1)
    shapes = (2, channels, 6, 7), (out_channels, channels, 3, 3), (out_channels,), (2, out_channels, 6, 7)
    arguments = [generator.standard_normal(shape) for shape in shapes]
    with conv.flags(algorithm=algorithm):
        if algorithm not in ON_CUDA:
            with pytest.raises(RuntimeError, match="needs the CPU"):
                convolve(geometry, arguments, "float64", lambda tensor: tensor.cuda())
            return
        results = convolve(geometry, arguments, "float64", lambda tensor: tensor.cuda())
    for result, wanted in zip(results, expected(geometry, *arguments), strict=True):
        np.testing.assert_allclose(to_numpy(result.cpu()), wanted, rtol=0, atol=1e-13)

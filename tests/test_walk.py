"""How operands reach a row of an elementwise op: stepped, constant, in half types, and in outputs larger than a cache."""

import numpy as np
import pytest

import tensorx as tx

LENGTHS = [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 129, 1000, 4099]
HALF_VALUES = [0.0, -0.0, 1.0, -1.5, 65504.0, 6e-8, 1e-40, 3e38, float("inf"), float("-inf"), float("nan"), 1.00390625]


def values(n, dtype, seed=0):
    x = np.random.default_rng(seed).integers(-100, 100, n)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "float64"])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_steps(dtype, step):
    for n in LENGTHS:
        for first in (0, step - 1):  # with the latter, the last element ends the memory
            x = values(n * step, dtype)
            view, expected = tx.from_numpy(x.copy())[first::step], x[first::step]
            np.testing.assert_array_equal(view.contiguous().numpy(), expected)
            np.testing.assert_array_equal((view + view).numpy(), expected + expected)
            np.testing.assert_array_equal(tx.flip(view, (0,)).numpy(), expected[::-1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "lt", "eq"])
def test_half_types_compute_in_float(dtype, name):
    op, half = getattr(tx, name), getattr(tx, dtype)
    specials = tx.tensor(HALF_VALUES).to(half)
    for n in [*LENGTHS, 70000]:
        a, b = (
            (tx.randn(n).to(half), tx.randn(n).to(half))
            if n != 129
            else (specials.repeat(11)[:129], specials.repeat_interleave(11)[:129])
        )
        result, exact = op(a, b), op(a.float(), b.float())
        expected = exact if exact.dtype == tx.bool else exact.to(half)
        assert result.dtype == expected.dtype
        bits = (lambda x: x) if exact.dtype == tx.bool else (lambda x: x.view(tx.int16))
        assert bits(result).tolist() == bits(expected).tolist()
        wide = tx.stack((a, a), 1)  # the same from strided memory
        assert bits(op(wide[:, 0], b)).tolist() == bits(expected).tolist()


@pytest.mark.parametrize("n", [1, 5, 1024, 1025, 40000])
def test_constant_operands(n):
    x = values(n, "float32")
    a, one = tx.from_numpy(x), tx.tensor([3.0])
    np.testing.assert_array_equal((a * one).numpy(), x * 3)
    np.testing.assert_array_equal((one - a).numpy(), 3 - x)
    np.testing.assert_array_equal(tx.clamp(a, -2, 7).numpy(), x.clip(-2, 7))
    np.testing.assert_array_equal(tx.where(tx.tensor(True), a, one).numpy(), x)
    np.testing.assert_array_equal((one < a).numpy(), x > 3)


@pytest.mark.parametrize("shape", [(7, 1000), (300, 999), (4, 3, 200), (100, 40)])
def test_repeated_rows(shape):
    x, row = values(shape, "float32"), values(shape[-1], "float32", 1)
    np.testing.assert_array_equal((tx.from_numpy(x) + tx.from_numpy(row)).numpy(), x + row)
    np.testing.assert_array_equal((tx.from_numpy(x).double() + tx.from_numpy(row)).numpy(), x + row)


def test_outputs_larger_than_a_cache():
    n = 9_000_001
    x = values(n, "float32")
    a, out = tx.from_numpy(x), tx.zeros(n + 8)
    before = tx.get_num_threads()
    try:
        for threads in (1, 2):
            tx.set_num_threads(threads)
            np.testing.assert_array_equal((a + a).numpy(), x + x)
            np.testing.assert_array_equal((a * 2).numpy(), x * 2)
            tx.add(a, a, out=out[3 : n + 3])  # begins and ends within a line
            np.testing.assert_array_equal(out.numpy(), np.concatenate(([0] * 3, x + x, [0] * 5)))
            b = a.clone()
            b += a
            np.testing.assert_array_equal(b.numpy(), x + x)
    finally:
        tx.set_num_threads(before)

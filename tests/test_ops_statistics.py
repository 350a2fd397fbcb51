"""What the rows of the new ops do not say: gradients where values are equal or missing, NaN, several results, defaults."""

import numpy as np
import pytest

import tensorx as tx
from support import FLOATS, Device, to_numpy, to_tx
from tensorx.autograd import gradcheck

NAN, INF = float("nan"), float("inf")


def test_quantile_of_nan():
    x = to_tx([[1.0, NAN, 3.0], [2.0, 5.0, 4.0]], "float64")
    assert np.isnan(tx.quantile(x, 0.5).item())
    np.testing.assert_array_equal(to_numpy(tx.quantile(x, 0.5, 1)), [NAN, 4.0])
    assert tx.nanquantile(x, 0.5, 1).tolist() == [2.0, 4.0]
    levels = to_tx([0.0, 0.25, 1.0], "float64")
    np.testing.assert_allclose(
        to_numpy(tx.nanquantile(x, levels, 0)), np.nanquantile(to_numpy(x), to_numpy(levels), axis=0)
    )
    assert np.isnan(tx.nanquantile(to_tx([NAN, NAN], "float32"), 0.5).item())


def test_quantile_out_and_gradient_without_nan():
    x = to_tx([1.0, NAN, 3.0], "float64").requires_grad_()
    tx.nanquantile(x, 0.75).backward()
    np.testing.assert_allclose(to_numpy(x.grad), [0.25, 0.0, 0.75])
    out = tx.zeros((), device=Device.name)
    assert tx.quantile(to_tx([1.0, 2.0], "float32"), 0.5, out=out) is out and out.item() == 1.5
    with pytest.raises(RuntimeError, match="float or double"):
        tx.quantile(to_tx([1, 2], "int64"), 0.5)


def test_mode_gradient_goes_to_the_element_it_names():
    x = to_tx([[2.0, 1.0, 2.0], [3.0, 3.0, 1.0]], "float64").requires_grad_()
    values, indices = tx.mode(x, 1)
    assert values.tolist() == [2.0, 3.0] and indices.tolist() == [2, 1]
    values.sum().backward()
    assert x.grad.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert type(tx.mode(x)).__name__ == "mode"


def test_histc_leaves_out_nan_and_what_is_outside():
    x = to_tx([NAN, -5.0, 0.0, 0.5, 1.0, 9.0], "float32")
    assert tx.histc(x, 2, 0, 1).tolist() == [1.0, 2.0]
    assert tx.histc(to_tx([2.0, 2.0], "float32"), 3).tolist() == [0.0, 2.0, 0.0]
    assert tx.histc(to_tx([], "float32"), 3).tolist() == [0.0] * 3
    for bad in (NAN, INF):
        with pytest.raises(RuntimeError, match="not finite"):
            tx.histc(to_tx([bad, 1.0], "float32"), 3)


def test_histogram_of_equal_values_and_of_none():
    hist, edges = tx.histogram(to_tx([1.0, 1.0], "float32"), 2)
    assert hist.tolist() == [0.0, 2.0] and edges.tolist() == [0.5, 1.0, 1.5]
    made = tx.histogram(to_tx([], "float64"), 2)
    assert made.hist.tolist() == [0.0, 0.0] and made.bin_edges.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_to_num_by_default(dtype):
    info = tx.finfo(getattr(tx, dtype))
    x = to_tx([NAN, INF, -INF, 1.0], dtype)
    assert tx.nan_to_num(x).tolist() == [0.0, info.max, info.min, 1.0]
    y = x.float().requires_grad_()
    tx.nan_to_num(y).sum().backward()
    assert y.grad.tolist() == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float32"])
def test_float_power_is_in_double(dtype):
    made = tx.float_power(to_tx([1, 2, 3], dtype), 2)
    assert made.dtype is tx.float64 and made.tolist() == [1.0, 4.0, 9.0]
    assert tx.float_power(2, to_tx([1, 2], dtype)).tolist() == [2.0, 4.0]
    x = to_tx([1.0, 2.0], "float64")
    assert x.float_power_(3) is x and x.tolist() == [1.0, 8.0]


@pytest.mark.parametrize(("dtype", "numpy_dtype"), [("float16", "f2"), ("float32", "f4"), ("float64", "f8")])
def test_frexp_of_the_smallest_and_largest(dtype, numpy_dtype):
    info = np.finfo(numpy_dtype)
    x = np.array([info.smallest_subnormal, info.tiny, info.max, -info.max, 0.0, -0.0, INF, NAN, 1.0], numpy_dtype)
    mantissa, exponent = tx.frexp(to_tx(x, dtype))
    wanted, powers = np.frexp(x)
    np.testing.assert_array_equal(to_numpy(mantissa), wanted)
    np.testing.assert_array_equal(to_numpy(exponent)[np.isfinite(x)], powers[np.isfinite(x)])
    assert exponent.dtype is tx.int32 and mantissa.dtype is getattr(tx, dtype)
    np.testing.assert_array_equal(np.signbit(to_numpy(mantissa)[4:6]), [False, True])


def test_ldexp_of_negative_exponents():
    x = to_tx([1.0, 3.0], "float16").requires_grad_()
    made = tx.ldexp(x, to_tx([-2, 1], "int64"))
    assert made.dtype is tx.float16 and made.tolist() == [0.25, 6.0]
    made.sum().backward()
    assert x.grad.tolist() == [0.25, 2.0]
    assert x.detach().ldexp_(to_tx([1, -1], "int64")).tolist() == [2.0, 1.5]


def test_gcd_of_zeros_and_extremes():
    x = to_tx([0, -4, 12, 2**62, -(2**40)], "int64")
    y = to_tx([0, 0, -18, 2**61, 3], "int64")
    assert tx.gcd(x, y).tolist() == [0, 4, 6, 2**61, 1]
    assert tx.lcm(to_tx([0, -4, 6], "int64"), to_tx([5, 6, 0], "int64")).tolist() == [0, 12, 0]
    assert tx.gcd(to_tx([], "int64"), to_tx([], "int64")).shape == (0,)


def test_logit_outside_is_nan_and_has_eps():
    x = to_tx([-0.5, 0.0, 1.0, 1.5], "float32")
    np.testing.assert_array_equal(to_numpy(tx.logit(x)), [NAN, -INF, INF, NAN])
    assert np.isfinite(to_numpy(tx.logit(x, 1e-3))).all()
    y = to_tx([0.05, 0.5], "float64").requires_grad_()
    tx.logit(y, 0.1).sum().backward()
    assert y.grad.tolist() == [0.0, 4.0]


def test_index_reduce_in_place():
    x = to_tx([1.0, 2.0], "float64")
    assert x.index_reduce_(0, to_tx([0, 0], "int64"), to_tx([3.0, 4.0], "float64"), "amax") is x
    assert x.tolist() == [4.0, 2.0]
    with pytest.raises(RuntimeError, match="out of bounds"):
        x.index_reduce_(0, to_tx([2], "int64"), to_tx([3.0], "float64"), "amax")


def test_gradient_is_differentiable():
    x = tx.rand(4, 5, dtype=tx.float64, device=Device.name, requires_grad=True)
    at = to_tx([0.0, 1.0, 1.5, 3.0], "float64").requires_grad_()
    assert gradcheck(lambda x, at: tx.gradient(x, spacing=(at,), dim=0, edge_order=2)[0].sin(), (x, at))

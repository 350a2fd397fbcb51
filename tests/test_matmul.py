"""Matrix products of sizes at which the kernels change course: edges of tiles, strips and depth blocks, few vectors,
operands packed or read in place, one or several rectangles. Whole numbers make every sum exact, in any order."""

import warnings

import numpy as np
import pytest

import support
import tensorx as tx
import tensorx.nn.functional as F

# (m, k, n)
SIZES = [
    (1, 1, 1),
    (3, 0, 4),
    (20, 1, 40),
    (13, 7, 31),
    (14, 16, 32),
    (15, 17, 33),
    (29, 31, 65),
    (5, 64, 300),  # one row more than the vector kernels take
    (300, 63, 2),
    (300, 64, 2),
    (2, 700, 130),
    (4, 513, 257),
    (70, 4, 4),
    (127, 512, 129),  # depth blocks: one, just two, several
    (65, 513, 66),
    (9, 5000, 40),
    (257, 256, 1030),  # several rectangles, and more columns than are packed at a time
    (260, 1024, 300),  # rows of A a power of two apart
    (2060, 20, 40),
]
DTYPES = ["float32", "float64", "bfloat16", "float16", "int8", "int32", "int64"]


def whole(random, *shape):
    return random.integers(-2, 3, shape).astype(np.float64)


def tensor(values, dtype="float32"):
    return tx.tensor(values).to(getattr(tx, dtype))


def laid_out(x, layout):
    """The same values with other strides."""
    if layout == "transposed":
        return x.mT.contiguous().mT
    if layout == "strided":
        wide = tx.zeros((*x.shape[:-1], 2 * x.shape[-1] + 1), dtype=x.dtype)
        wide[..., 1::2] = x
        return wide[..., 1::2]
    if layout == "padded":
        wide = tx.zeros((*x.shape[:-1], x.shape[-1] + 3), dtype=x.dtype)
        wide[..., 3:] = x
        return wide[..., 3:]
    return x


def bits(x):
    return (x.float() if x.dtype in (tx.bfloat16, tx.float16) else x).numpy().tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_product_values(dtype):
    random = np.random.default_rng(1)
    for m, k, n in SIZES:
        a, b, bias = whole(random, m, k), whole(random, k, n), whole(random, n)
        ta, tb, tbias = tensor(a, dtype), tensor(b, dtype), tensor(bias, dtype)
        expected = tensor(a @ b, dtype)
        assert bits(ta @ tb) == bits(expected), (m, k, n)
        assert bits(tx.addmm(tbias, ta, tb)) == bits(tensor(a @ b + bias, dtype)), (m, k, n)
        linear = tx.nn.functional.linear(ta, tensor(b.T.copy(), dtype), tbias)
        assert bits(linear) == bits(tensor(a @ b + bias, dtype)), (m, k, n)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_product_layouts_and_threads(dtype, threads):
    random = np.random.default_rng(2)
    for m, k, n in SIZES:
        a, b = (tensor(random.standard_normal(s), dtype) for s in [(m, k), (k, n)])
        threads(1)
        expected = bits(a @ b)
        for count in (1, 2, 5):
            threads(count)
            assert bits(a @ b) == expected, (m, k, n, count)
        for left in ("", "transposed", "strided", "padded"):
            for right in ("", "transposed", "strided", "padded"):
                assert bits(laid_out(a, left) @ laid_out(b, right)) == expected, (m, k, n, left, right)


@pytest.mark.parametrize("shapes", [((5, 40, 30), (30, 50)), ((1, 40, 30), (6, 30, 50)), ((2, 1, 70, 80), (3, 80, 90))])
def test_product_broadcast_batch(shapes, threads):
    random = np.random.default_rng(3)
    a, b = (whole(random, *s) for s in shapes)
    for count in (1, 2):
        threads(count)
        for layout in ("", "transposed", "strided"):
            result = laid_out(tensor(a), layout) @ laid_out(tensor(b), layout)
            assert np.array_equal(result.numpy(), a @ b), layout


@pytest.mark.parametrize("size", [(5, 70, 40), (1, 70, 40), (150, 600, 300)])
def test_product_nan_and_infinity(size):
    """A NaN or an infinity reaches its row or column and nothing else, past the padding of tiles and strips as well."""
    m, k, n = size
    random = np.random.default_rng(4)
    for value in (np.nan, np.inf):
        a, b = whole(random, m, k), np.abs(whole(random, k, n)) + 1
        a[m - 1, k - 1] = value
        with np.errstate(invalid="ignore"):
            assert np.array_equal((tensor(a) @ tensor(b)).numpy(), a @ b, equal_nan=True)
        a, b = np.abs(whole(random, m, k)) + 1, whole(random, k, n)
        b[0, n - 1] = value
        with np.errstate(invalid="ignore"):
            assert np.array_equal((tensor(a) @ tensor(b)).numpy(), a @ b, equal_nan=True)


def test_product_into_out():
    random = np.random.default_rng(5)
    a, b = whole(random, 130, 70), whole(random, 70, 90)
    out = tx.full((130, 90), float("nan"))  # what it holds must not be read
    assert np.array_equal(tx.matmul(tensor(a), tensor(b), out=out).numpy(), a @ b)


ACTIVATIONS = {
    "relu": tx.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "sigmoid": tx.sigmoid,
    "tanh": tx.tanh,
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_within_a_product(device, name, dtype):
    """As behind it; the sum is rounded to a half type only once it has been activated."""
    random = np.random.default_rng(6)
    precise = {"float32": "float32", "float64": "float64"}.get(dtype, "float32")
    for m, k, n in [(1, 1, 1), (5, 64, 40), (70, 4, 4), (65, 130, 66), (3, 700, 200)]:
        bias, a, b = (
            random.standard_normal(shape) / scale for shape, scale in (((n,), 1), ((m, k), k**0.5), ((k, n), 1))
        )
        bias, a, b = (tensor(x, dtype).to(device) for x in (bias, a, b))
        made = tx._C.addmm_activation(bias, a, b, name)
        assert made.dtype == a.dtype and made.shape == (m, n)
        expected = ACTIVATIONS[name](tx.addmm(*(x.to(getattr(tx, precise)) for x in (bias, a, b))))
        support.assert_close(made.double().cpu().numpy(), expected.double().cpu().numpy(), dtype)


def test_addmm_activation():
    bias, a, b = tx.tensor([-3.0, 3.0]), tx.ones(1, 2), tx.ones(2, 2, requires_grad=True)
    assert tx._addmm_activation(bias, a, b.detach()).tolist() == [[0, 5]]
    assert tx._addmm_activation(bias, a, b.detach(), beta=2, alpha=0.5).tolist() == [[0, 7]]
    assert tx._addmm_activation(bias, a[:, :0], b[:0].detach()).tolist() == [[0, 3]]
    assert tx._addmm_activation(bias.long(), a.long(), b.detach().long()).tolist() == [[0, 5]]
    out = tx.empty(1, 2)
    assert tx._addmm_activation(bias, a, b.detach(), use_gelu=True, out=out) is out
    assert tx.equal(out, F.gelu(tx.addmm(bias, a, b.detach())))
    tx._addmm_activation(bias, a, b).sum().backward()
    assert b.grad.tolist() == [[0, 1], [0, 1]]
    with pytest.raises(RuntimeError, match="1x2 and 3x2"):
        tx._addmm_activation(bias, a, tx.ones(3, 2))
    with pytest.raises(ValueError, match="expected relu, gelu"):
        tx._C.addmm_activation(bias, a, b, "softplus")


def test_addmm_activation_for_each_example():
    bias, a, b = tx.randn(4), tx.randn(5, 2, 3), tx.randn(3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a call per example is warned of
        made = tx.func.vmap(tx._addmm_activation, (None, 0, None))(bias, a, b)
        assert tx.equal(made, tx.relu(a @ b + bias))

"""Indexing, masks, joining, ranges and random numbers on a CUDA device: the same elements as on the CPU."""

import numpy as np
import pytest

import tensorx as tx

pytestmark = pytest.mark.skipif(not tx.cuda.is_available(), reason="needs a CUDA device")

DTYPES = [tx.bool, tx.uint8, tx.int8, tx.int16, tx.int32, tx.int64, tx.float16, tx.bfloat16, tx.float32, tx.float64]
names = dict(ids=str)
rng = np.random.default_rng(3)


def numbers(shape, dtype):
    """Of few bits: sums and products of some are exact in no type but nearly so in all."""
    x = tx.tensor(np.array(rng.integers(-4, 5, shape) * 0.5 + 0.25))
    return (x > 0 if dtype == tx.bool else abs(x) if dtype == tx.uint8 else x).to(dtype)


def same(expected, result, tolerance=0):
    if isinstance(expected, (tuple, list)):
        assert len(expected) == len(result)
        for e, r in zip(expected, result):
            same(e, r, tolerance)
        return
    assert result.device.type == "cuda"
    assert result.shape == expected.shape and result.dtype == expected.dtype
    a, b = expected.double().numpy(), result.cpu().double().numpy()
    np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)
    if tolerance == 0 and expected.dtype.is_floating_point:
        np.testing.assert_array_equal(np.signbit(a[a == 0]), np.signbit(b[b == 0]))


def moved(x):
    return x.cuda() if isinstance(x, tx.Tensor) else [moved(y) for y in x] if isinstance(x, (list, tuple)) else x


def check(f, *args, tolerance=0):
    on_device = [moved(x) for x in args]
    same(f(*args), f(*on_device), tolerance)


def index(shape, size, dtype=tx.int64):
    return tx.tensor(np.array(rng.integers(-size, size, shape))).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_gather(dtype):
    for shape, dim in (((5,), 0), ((33, 7), 0), ((33, 7), 1), ((4, 129, 3), 1), ((2, 3, 1000), 2)):
        x = numbers(shape, dtype)
        sizes = list(shape)
        for n in (1, 31, 130):
            sizes[dim] = n
            i = index(sizes, shape[dim])
            check(lambda x, i: tx.gather(x, dim, i), x, i)
            check(lambda x, i: x.index_select(dim, i), x, index((n,), shape[dim]))
            check(lambda x, i: x.take(i), x, index((n, 2), x.numel()))
    x = numbers((6, 32, 16), dtype)
    check(lambda x, i: x.transpose(0, 2).index_select(1, i), x, index((40,), 32))
    check(lambda x, i: x[i], x, index((3, 5), 6))
    check(lambda x, i: x[:, i], x, index((3, 5), 32))
    check(lambda x, i, j: x[i, :, j], x, index((3, 5), 6), index((5,), 16))
    check(lambda x, i, j: x[i, j], x, index((3, 5), 6), index((3, 1), 32))
    check(lambda x, i: x.expand(3, 6, 32, 16)[:, i], x, index((9,), 6))
    check(lambda x, i: x[:, :, 1:15:2][i], x, index((9,), 6))
    check(lambda x, i: x.index_select(0, i), x, index((0,), 6))
    check(lambda x, i: x.reshape(-1)[1:].view(-1)[i], x, index((99,), 50))


@pytest.mark.parametrize("dtype", DTYPES, **names)
@pytest.mark.parametrize("reduce", ["set", "sum", "prod", "amax", "amin"])
def test_scatter(dtype, reduce):
    def scatter(x, dim, i, src):
        if reduce == "set":
            return x.scatter(dim, i, src)
        return x.scatter_reduce(dim, i, src, reduce)

    for shape, dim, n in (
        ((5,), 0, 3),
        ((5,), 0, 300),
        ((33, 7), 0, 20),
        ((33, 7), 0, 100),
        ((33, 7), 1, 40),
        ((4, 129, 3), 1, 70),
        ((300, 1), 1, 1),
        ((2, 5000), 1, 3000),
    ):
        sizes = list(shape)
        sizes[dim] = n
        check(
            lambda x, i, s: scatter(x, dim, i, s),
            numbers(shape, dtype),
            index(sizes, shape[dim]),
            numbers(sizes, dtype),
        )
    x, s = numbers((3, 40), dtype), numbers((50, 40), dtype)
    check(lambda x, i, s: scatter(x.t(), 1, i.t(), s.t()), x, index((50, 40), 3), s)


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_writes_through_indices(dtype):
    for shape, dim, n in (((5,), 0, 3), ((9,), 0, 1000), ((33, 32), 0, 100), ((33, 7), 1, 40), ((4, 12, 16), 1, 70)):
        sizes = list(shape)
        sizes[dim] = n
        x, i, s = numbers(shape, dtype), index((n,), shape[dim]), numbers(sizes, dtype)
        check(lambda x, i, s: x.index_add(dim, i, s), x, i, s)
        check(lambda x, i, s: x.index_copy(dim, i, s), x, i, s)
        check(lambda x, i: x.index_fill(dim, i, 1), x, i)
    x = numbers((6, 32, 16), dtype)
    for accumulate in (False, True):
        check(
            lambda x, i, v: x.index_put((i,), v, accumulate=accumulate),
            x,
            index((50,), 6),
            numbers((50, 32, 16), dtype),
        )
        check(
            lambda x, i, j, v: x.index_put((i, j), v, accumulate=accumulate),
            x,
            index((50, 4), 6),
            index((4,), 32),
            numbers((4, 16), dtype),
        )
        check(lambda x, i, v: x.clone().put_(i, v, accumulate), x, index((500,), 30), numbers((500,), dtype))
        check(lambda x, i, v: x.index_put((i,), v, accumulate=accumulate), x, index((50,), 6), numbers((), dtype))


def test_float_sums_are_in_index_order():
    x = tx.zeros(7)
    values = tx.tensor((rng.standard_normal(5000) * 10.0 ** rng.integers(-6, 7, 5000)).astype("float32"))
    i = index((5000,), 7)
    check(lambda x, i, v: x.index_add(0, i, v), x, i, values)
    check(lambda x, i, v: x.index_add(0, i, v), x, tx.zeros(5000, dtype=tx.int64), values)
    v = tx.tensor([float("nan"), 0.0, -0.0, 1.0] * 50)
    check(lambda x, i, v: x.scatter_reduce(0, i, v, "amax"), x, index((200,), 7), v)
    check(lambda x, i, v: x.scatter_reduce(0, i, v, "amin"), x, index((200,), 7), v)


def test_bad_indices():
    x = tx.zeros(5, 4).cuda()
    for f in (
        lambda i: x[i],
        lambda i: x.index_select(0, i),
        lambda i: x.take(i * 4),
        lambda i: x.index_fill(0, i, 1),
        lambda i: tx.gather(x, 0, i.reshape(-1, 1)),
    ):
        for bad in (5, -6):
            with pytest.raises((IndexError, RuntimeError), match=f"index {bad}|index {bad * 4}"):
                f(tx.tensor([0, 1, bad, 2]).cuda())


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_masks(dtype):
    for n in (1, 31, 127, 5000, 16384, 40001):
        for share in (0, 0.3, 1):
            x, mask = numbers((n,), dtype), tx.tensor(rng.random(n) < share)
            check(lambda x, m: x[m], x, mask)
            check(lambda m: m.nonzero(), mask)
            check(lambda x, m, s: x.masked_scatter(m, s), x, mask, numbers((n,), dtype))
    mask = tx.tensor(rng.random((9, 70, 50)) < 0.4)
    check(lambda m: m.nonzero(), mask)
    check(lambda m: m[:, 3:, 1:].nonzero(), mask)
    check(lambda x, m: x[m], numbers((9, 70, 50), dtype), mask)
    check(lambda x, m: x[m], numbers((9, 70, 50), dtype), tx.tensor(rng.random((9, 70)) < 0.4))
    x = numbers((3, 40, 50), dtype)
    for diagonal in (-60, -45, -3, 0, 2, 49, 60):
        check(lambda x: x.tril(diagonal), x)
        check(lambda x: x.triu(diagonal), x)
        check(lambda x: x.transpose(1, 2).triu(diagonal), x)


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_joining(dtype):
    for shapes, dim in (
        ([(3,), (4,)], 0),
        ([(3, 4), (3, 1), (3, 7)], 1),
        ([(2, 3), (5, 3)], 0),
        ([(2, 3, 4), (2, 1, 4)], 1),
        ([(1000, 8), (1000, 16)], 1),
        ([(5, 2)] * 70, 1),
    ):
        xs = [numbers(s, dtype) for s in shapes]
        check(lambda *xs: tx.cat(xs, dim), *xs)
        check(lambda *xs: tx.stack([xs[0], xs[0]], dim), *xs)
    x = numbers((40, 3), dtype)
    check(lambda x: tx.cat([x.reshape(-1)[1:8], x.reshape(-1)[3:]]), x)
    check(lambda x, r: x.repeat_interleave(r, 0), x, tx.tensor(rng.integers(0, 200, 40)))
    check(lambda x, r: x.repeat_interleave(r, 0), x, tx.zeros(40, dtype=tx.int64))
    check(lambda x: x.roll(3, 0), x)
    with pytest.raises(RuntimeError, match="negative"):
        x.cuda().repeat_interleave(tx.tensor([1, -1] * 20).cuda(), 0)


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_ranges(dtype):
    for n in (0, 1, 5, 100, 127):
        same(tx.arange(n, dtype=dtype), tx.arange(n, dtype=dtype, device="cuda"))
    if dtype != tx.bool:
        same(tx.arange(-3, 100, 7, dtype=dtype), tx.arange(-3, 100, 7, dtype=dtype, device="cuda"))
        same(tx.linspace(0, 10, 77, dtype=dtype), tx.linspace(0, 10, 77, dtype=dtype, device="cuda"))
        same(tx.logspace(0, 1, 77, dtype=dtype), tx.logspace(0, 1, 77, dtype=dtype, device="cuda"), 1e-6)


def test_triangle_indices():
    for offset in (-3, 0, 5):
        same(tx.tril_indices(7, 9, offset), tx.tril_indices(7, 9, offset, device="cuda"))
        same(tx.triu_indices(7, 9, offset), tx.triu_indices(7, 9, offset, device="cuda"))


def test_host_indices_of_a_device_tensor():
    """Lists, masks and index tensors on the CPU name elements of a CUDA tensor, as PyTorch has it; not the reverse."""
    x = tx.arange(12.0).view(3, 4)
    y = x.cuda()
    for index in (
        [2, 0], tx.tensor([1, 1]), tx.tensor([True, False, True]), x > 3, (tx.tensor(1), tx.tensor([0, 3])), ([0], slice(1, 3))
    ):  # fmt: skip
        assert tx.equal(y[index].cpu(), x[index])
        changed, expected = y.clone(), x.clone()
        changed[index] = tx.tensor(-1.0)
        expected[index] = -1
        assert tx.equal(changed.cpu(), expected)
    with pytest.raises(RuntimeError, match="cpu and cuda:0"):
        x[tx.tensor([0], device="cuda")]

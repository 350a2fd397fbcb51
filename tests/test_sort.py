"""Sorting, ranks, search and distinct values, against PyTorch where it is installed."""

import numpy
import pytest

import tensorx as tx
from test_join import DTYPES, both, gradients_match, pair, same

torch = pytest.importorskip("torch")

SPECIAL = [float("nan"), 1.0, -0.0, float("inf"), 0.0, float("-inf"), -2.5, float("nan"), 1.0, 3.0]


def special(dtype="float32"):
    return tx.tensor(SPECIAL, dtype=getattr(tx, dtype)), torch.tensor(SPECIAL, dtype=getattr(torch, dtype))


def same_nan(x, t):
    numpy.testing.assert_array_equal(x.tolist(), t.tolist())  # NaN equals NaN, and -0 equals 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("descending", [False, True])
def test_sort(dtype, descending):
    for shape, dim in [
        ((7,), 0),
        ((3, 50), 1),
        ((3, 50), -1),
        ((50, 3), 0),
        ((4, 5, 6), 1),
        ((2000,), 0),
        ((5, 700), 1),
        ((0, 3), 0),
        ((3, 0), 1),
        ((), 0),
    ]:
        x, t = pair(shape, dtype)
        for a, b in ((x, t), (x.transpose(0, -1), t.transpose(0, -1))) if len(shape) > 1 else ((x, t),):
            same(tuple(tx.sort(a, dim, descending)), tuple(torch.sort(b, dim=dim, descending=descending, stable=True)))
            same(tx.argsort(a, dim, descending), torch.argsort(b, dim=dim, descending=descending, stable=True))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("repeat", [1, 100])
def test_special_values(dtype, repeat):
    x, t = special(dtype)
    x, t = x.repeat(repeat), t.repeat(repeat)
    for descending in (False, True):
        a, b = tx.sort(x, descending=descending), torch.sort(t, descending=descending, stable=True)
        same_nan(a.values, b.values)
        same(a.indices, b.indices)
    same_nan(tx.topk(x, 5).values, torch.topk(t, 5).values)
    same_nan(tx.topk(x, 5, largest=False).values, torch.topk(t, 5, largest=False).values)
    same_nan(tx.median(x), torch.median(t))
    same_nan(tx.nanmedian(x), torch.nanmedian(t))
    same_nan(tx.kthvalue(x, 4).values, torch.kthvalue(t, 4).values)
    same_nan(tx.median(x, 0).values, torch.median(t, 0).values)
    same_nan(tx.unique(x), torch.unique(t))


def test_extreme_integers():
    for dtype in ("int8", "int16", "int32", "int64"):
        limits = torch.iinfo(getattr(torch, dtype))
        values = [0, limits.max, limits.min, -1, 1, limits.max, limits.min] * 60
        x, t = tx.tensor(values, dtype=getattr(tx, dtype)), torch.tensor(values, dtype=getattr(torch, dtype))
        same(tuple(tx.sort(x)), tuple(torch.sort(t, stable=True)))


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_topk(dtype):
    g = torch.Generator().manual_seed(0)
    for n, k in [(10, 3), (10, 10), (1, 1), (1000, 7), (5000, 600), (5000, 1), (10, 0)]:
        t = torch.randn((4, n), generator=g).mul(50).abs().to(getattr(torch, dtype))
        x = tx.tensor(t.tolist(), dtype=getattr(tx, dtype)).reshape(4, n)
        for largest in (True, False):
            a, b = tx.topk(x, k, largest=largest), torch.topk(t, k, largest=largest)
            same(a.values, b.values)
            same(x.gather(1, a.indices), b.values)  # which of equal ones is free in PyTorch
            same(tx.topk(x.t(), k, 0, largest).values, torch.topk(t.t(), k, 0, largest).values)


def test_topk_takes_the_first_of_equal_ones():
    assert tx.topk(tx.zeros(1000), 3).indices.tolist() == [0, 1, 2]
    assert tx.topk(tx.zeros(1000), 500).indices.tolist() == list(range(500))


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_ranks(dtype):
    for shape in [(5,), (4, 6), (2, 3, 7)]:
        for dim in (0, -1):
            for keepdim in (False, True):
                x, t = pair(shape, dtype)
                same(tx.median(x, dim, keepdim).values, torch.median(t, dim, keepdim).values)
                same(tx.kthvalue(x, 2, dim, keepdim).values, torch.kthvalue(t, 2, dim, keepdim).values)
                assert tx.kthvalue(x, 2, dim, keepdim).indices.shape == torch.kthvalue(t, 2, dim, keepdim).indices.shape
        same(tx.median(x), torch.median(t))
    same(tx.msort(x), torch.msort(t))


def test_gradients():
    x = pair((4, 6))
    gradients_match(lambda m, x: m.sort(x, 0)[0], x)
    gradients_match(lambda m, x: m.sort(x, stable=True, descending=True).values, x)
    gradients_match(
        lambda m, x: m.topk(x, 3).values,
        (x[0] + tx.arange(24).reshape(4, 6) / 64, x[1] + torch.arange(24).reshape(4, 6) / 64),
    )
    y = (x[0] + tx.arange(24).reshape(4, 6) / 64, x[1] + torch.arange(24).reshape(4, 6) / 64)
    gradients_match(lambda m, x: m.kthvalue(x, 3, 0)[0], y)
    gradients_match(lambda m, x: m.median(x, 1, True)[0], y)
    gradients_match(lambda m, x: m.median(x), y)
    z = tx.tensor([3.0, 1.0, 2.0], dtype=tx.float64, requires_grad=True)
    assert tx.autograd.gradgradcheck(lambda z: tx.sort(z * z)[0] ** 2, (z,))


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_searchsorted(dtype):
    x, t = pair((20,), dtype)
    s, u = pair((9,), dtype, 1)
    s, u = tx.sort(s).values, torch.sort(u).values
    for right in (False, True):
        same(tx.searchsorted(s, x, right=right), torch.searchsorted(u, t, right=right))
        same(tx.bucketize(x, s, right=right), torch.bucketize(t, u, right=right))
    x, t = pair((3, 20), dtype)
    s, u = pair((3, 9), dtype, 1)
    same(tx.searchsorted(tx.sort(s).values, x, side="right"), torch.searchsorted(torch.sort(u).values, t, side="right"))
    same(tx.searchsorted(s, x, sorter=tx.argsort(s)), torch.searchsorted(u, t, sorter=torch.argsort(u)))
    same(
        tx.searchsorted(s[0].sort().values, 5, out_int32=True),
        torch.searchsorted(u[0].sort().values, 5, out_int32=True),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_unique(dtype):
    options = {"return_inverse": True, "return_counts": True}
    for shape in [(30,), (5, 6), (0,), (1,), ()]:
        x, t = pair(shape, dtype)
        x, t = (x, t) if dtype == "bool" else (x // 20, torch.div(t, 20, rounding_mode="floor"))
        x = x if str(x.dtype)[8:] == dtype else x.to(getattr(tx, dtype))
        same(tx.unique(x, **options), torch.unique(t, **options))
        same(tx.unique_consecutive(x, **options), torch.unique_consecutive(t, **options))
    x, t = pair((40, 2), dtype)
    x, t = x != 0 if dtype == "bool" else x % 3, t != 0 if dtype == "bool" else t % 3
    for dim in (0, 1):
        same(tx.unique(x, dim=dim, **options), torch.unique(t, dim=dim, **options))
        same(tx.unique_consecutive(x, dim=dim, **options), torch.unique_consecutive(t, dim=dim, **options))
    same(tx.unique(x), torch.unique(t))


def test_isin():
    x, y = pair((4, 5), "int64"), pair((30,), "int64", 1)
    both(lambda m, x, y: (m.isin(x, y), m.isin(x, y, invert=True), m.isin(x, y[:0])), x, y)


def test_out_and_errors():
    values, indices = tx.empty(0), tx.empty(0, dtype=tx.int64)
    result = tx.sort(tx.tensor([2.0, 1.0]), out=(values, indices))
    assert result.values is values and values.tolist() == [1, 2] and indices.tolist() == [1, 0]
    x = tx.zeros(2, 3)
    for f in (
        lambda: tx.topk(x, 4),
        lambda: tx.topk(x, -1),
        lambda: tx.kthvalue(x, 0),
        lambda: tx.kthvalue(x, 4),
        lambda: tx.searchsorted(x, tx.zeros(3, 3)),
        lambda: tx.searchsorted(x[0], x, side="up"),
        lambda: tx.bucketize(x, x),
    ):
        with pytest.raises(RuntimeError):
            f()
    with pytest.raises(IndexError):
        tx.sort(x, 2)
    with pytest.raises(IndexError):
        tx.median(tx.zeros(0, 3), 0)
    with pytest.raises(IndexError):
        tx.searchsorted(x[0], x, sorter=tx.tensor([0, 1, 3]))


def test_large():
    g = torch.Generator().manual_seed(0)
    t = torch.randn(300000, generator=g)
    x = tx.tensor(t.tolist())
    a, b = tx.sort(x), torch.sort(t, stable=True)
    same(a.values, b.values), same(a.indices, b.indices)
    same(tx.topk(x, 20).indices, torch.topk(t, 20).indices)
    same(tx.sort(x.reshape(600, 500), 0).indices, torch.sort(t.reshape(600, 500), dim=0, stable=True).indices)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "int32", "float32", "int64"])
def test_every_length(dtype):
    """Lengths around those at which another way to sort begins; few different values, so that order shows."""
    for n in [1, 2, 3, 4, 7, 8, 9, 16, 31, 32, 33, 64, 100, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1024, 1025]:
        x = numpy.random.default_rng(n).integers(0, 1 + n // 3, (3, n)).astype(dtype)
        for descending in (False, True):
            order = numpy.argsort(x if not descending else -x.astype("int64"), 1, kind="stable")
            values, indices = tx.sort(tx.from_numpy(x), 1, descending)
            numpy.testing.assert_array_equal(indices.numpy(), order)
            numpy.testing.assert_array_equal(values.numpy(), numpy.take_along_axis(x, order, 1))
            for k in {1, min(n, 5), min(n, 40), n}:
                best = tx.topk(tx.from_numpy(x), k, 1, largest=descending)
                numpy.testing.assert_array_equal(best.indices.numpy(), order[:, :k])


@pytest.mark.parametrize("shape", [(0,), (7,), (2, 3)])
def test_out_takes_the_shape_of_the_result(shape):
    x = tx.tensor([[3.0, 1.0, 2.0], [5.0, 4.0, 6.0]])
    for call in (tx.sort, lambda x, out: tx.topk(x, 2, out=out), lambda x, out: tx.median(x, 1, out=out)):
        values, indices = call(x, out=None)
        out = tx.zeros(shape), tx.zeros(shape, dtype=tx.int64)
        assert call(x, out=out)[0] is out[0]
        assert out[0].tolist() == values.tolist() and out[1].tolist() == indices.tolist()

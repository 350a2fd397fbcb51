"""Sorting, searching and random numbers on a CUDA device: the same elements and positions as on the CPU."""

import numpy as np
import pytest

import tensorx as tx
from test_cuda_index import DTYPES, check, names, same

pytestmark = pytest.mark.skipif(not tx.cuda.is_available(), reason="needs a CUDA device")

rng = np.random.default_rng(4)


def values(shape, dtype, kinds=40):
    """With many equal elements, zeros of both signs, and, of floats, infinities and NaNs."""
    x = rng.integers(-kinds, kinds + 1, shape) * 0.25
    if dtype.is_floating_point:
        some = rng.random(shape)
        x[some < 0.05] = np.nan
        x[(some >= 0.05) & (some < 0.08)] = -0.0
        x[(some >= 0.08) & (some < 0.1)] = np.inf
        x[(some >= 0.1) & (some < 0.12)] = -np.inf
    elif dtype in (tx.bool, tx.uint8):
        x = abs(x)
    x = tx.tensor(x)
    return x > 1 if dtype == tx.bool else x.to(dtype)


SHAPES = ((1,), (2,), (31,), (3, 33), (700, 5), (5, 129), (3, 1000), (2, 2048), (2, 2049), (3, 4097), (1, 20000))


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_sort(dtype):
    for shape in SHAPES:
        x = values(shape, dtype)
        for descending in (False, True):
            check(lambda x: x.sort(-1, descending), x)
        check(lambda x: x.argsort(0), x)
    x = values((5, 300, 3), dtype)
    check(lambda x: x.sort(1), x)
    check(lambda x: x[:, ::2].sort(1), x)
    check(lambda x: x[:0].sort(1), x)
    check(lambda x: x[:, :0].sort(1), x)


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_topk(dtype):
    for shape in SHAPES:
        x, n = values(shape, dtype, 100), shape[-1]
        for k in {0, 1, min(n, 5), n // 5, n // 2, n}:
            for largest in (True, False):
                check(lambda x: x.topk(k, -1, largest), x)
    check(lambda x: x.topk(2500), values((12000,), dtype))


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_ranks(dtype):
    for shape in SHAPES:
        x, n = values(shape, dtype), shape[-1]
        for k in {1, (n + 1) // 2, n}:
            check(lambda x: x.kthvalue(k, -1), x)
        check(lambda x: x.median(-1), x)
        check(lambda x: x.nanmedian(-1), x)
        check(lambda x: x.median(0), x)
    if dtype.is_floating_point:
        for n in (40, 5000):
            x = values((4, n), dtype)
            x[1] = float("nan")
            x[2] = 1.0
            x[2, n // 2] = float("nan")
            check(lambda x: x.median(-1), x)
            check(lambda x: x.nanmedian(-1), x)
            check(lambda x: x.sort(-1), x)


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_search(dtype):
    for n, m in ((0, 5), (1, 3), (33, 100), (1000, 7)):
        sorted_, v = values((n,), dtype).sort()[0], values((m,), dtype)
        for right in (False, True):
            check(lambda s, v: tx.searchsorted(s, v, right=right), sorted_, v)
            check(lambda s, v: tx.searchsorted(s.expand(3, n), v.expand(3, m), right=right), sorted_, v)
    x, v = values((4, 50), dtype), values((4, 9), dtype)
    check(lambda x, v: tx.searchsorted(x, v, sorter=x.argsort(-1)), x, v)


@pytest.mark.parametrize("dtype", DTYPES, **names)
def test_unique(dtype):
    def unique(x, **options):
        return tx.unique(x, return_inverse=True, return_counts=True, **options)

    for shape in ((0,), (1,), (40,), (3000,), (30, 7), (300, 2), (1, 5)):
        x = values(shape, dtype, 6)
        check(unique, x)
        check(lambda x: tx.unique_consecutive(x, return_inverse=True, return_counts=True), x)
        if x.numel():
            for dim in range(x.ndim):
                check(lambda x: unique(x, dim=dim), x)


def drawn_alike(f, tolerance=0):
    tx.manual_seed(7)
    expected = f("cpu")
    tx.manual_seed(7)
    same(expected, f("cuda"), tolerance)


@pytest.mark.parametrize("dtype", [tx.float16, tx.bfloat16, tx.float32, tx.float64], **names)
@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 31, 33, 65, 1000, 4097])
def test_random(dtype, n):
    drawn_alike(lambda d: tx.empty(n, dtype=dtype, device=d).uniform_(-2, 3))
    drawn_alike(lambda d: tx.empty(n, dtype=dtype, device=d).normal_(1, 2))
    drawn_alike(lambda d: tx.empty(n + 1, dtype=dtype, device=d)[1:].normal_(1, 2))
    drawn_alike(lambda d: tx.empty(n, dtype=dtype, device=d).exponential_(1.5))
    drawn_alike(lambda d: tx.nn.functional.dropout(tx.arange(n + 1, dtype=dtype, device=d)[1:], 0.3, True))
    drawn_alike(lambda d: tx.poisson(tx.arange(n, dtype=dtype, device=d) * 0.3))
    drawn_alike(lambda d: tx.bernoulli(tx.empty(n, dtype=dtype, device=d), 0.3))


@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 31, 33, 65, 1000, 30001])
def test_random_integers_and_orders(n):
    drawn_alike(lambda d: tx.randint(-100, 1000, (n,), device=d))
    drawn_alike(lambda d: tx.empty(n, dtype=tx.int64, device=d).random_())
    drawn_alike(lambda d: tx.randperm(n, device=d))


@pytest.mark.parametrize("dtype", [tx.float16, tx.float32, tx.float64], **names)
def test_multinomial(dtype):
    for rows, categories in ((1, 1), (3, 7), (5, 300), (2, 3000)):
        weights = tx.tensor(rng.random((rows, categories))).to(dtype)
        if categories > 1:
            weights[:, categories // 2] = 0
        drawn_alike(lambda d: tx.multinomial(weights.to(d), 50, True))
        for k in {1, categories // 2, categories - 1} - {0}:
            drawn_alike(lambda d: tx.multinomial(weights.to(d), k))
    for bad in ([-1.0, 1], [0.0, 0], [float("inf"), 0], [0.0, 1]):
        messages = []
        for device in ("cpu", "cuda"):
            with pytest.raises(RuntimeError) as error:
                tx.multinomial(tx.tensor(bad, dtype=dtype, device=device), 2)
            messages.append(str(error.value))
        assert messages[0] == messages[1]
    with pytest.raises(RuntimeError, match="Poisson"):
        tx.poisson(tx.tensor([1.0, -1.0], dtype=dtype).cuda())

"""Reductions: the same bits for every layout and number of threads, accuracy, edge cases."""

import itertools
import math
import random

import pytest

import tensorx as tx
from tensorx import _C

np = pytest.importorskip("numpy")

FLOATS = {
    "sum": lambda x, dim: x.sum(dim),
    "mean": lambda x, dim: x.mean(dim),
    "prod": lambda x, dim: x.prod(dim),
    "var": lambda x, dim: x.var(dim),
    "norm": lambda x, dim: x.norm(2, dim),
    "norm 3": lambda x, dim: x.norm(3, dim),
    "logsumexp": lambda x, dim: x.logsumexp(tuple(range(x.ndim)) if dim is None else dim),
    "amax": lambda x, dim: x.amax(dim),
}
SHAPES = [
    (1000,),
    (300, 10),
    (10, 300),
    (257, 33),
    (33, 257),
    (5, 6, 7),
    (2, 129, 3),
    (4, 17, 31, 2),
    (40000, 2),
    (2, 40000),
    (700, 101),
]


def layouts(values):
    """The same values in other layouts: permuted, with gaps, in a part of a larger tensor."""
    order = list(range(values.ndim))
    random.Random(values.size).shuffle(order)
    inverse = [order.index(d) for d in range(values.ndim)]
    yield tx.tensor(np.ascontiguousarray(values.transpose(order))).permute(*inverse)
    wide = np.zeros([2 * s for s in values.shape], values.dtype)
    wide[tuple(slice(None, None, 2) for _ in values.shape)] = values
    x = tx.tensor(wide)
    yield x[tuple(slice(None, None, 2) for _ in values.shape)]
    padded = np.zeros((*values.shape[:-1], values.shape[-1] + 3), values.dtype)
    padded[..., 1:-2] = values
    yield tx.tensor(padded)[..., 1:-2]


def bits(x):
    return x.numpy().tobytes()


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_same_bits_for_every_layout(name, shape):
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = tx.tensor(values)
    dims = [None] + [d for k in range(1, len(shape) + 1) for d in itertools.combinations(range(len(shape)), k)]
    for other in layouts(values):
        for dim in dims:
            assert bits(FLOATS[name](other, dim)) == bits(FLOATS[name](x, dim)), dim


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("shape", [(1_000_003,), (1009, 997), (3, 300_000), (300_000, 3)])
def test_same_bits_for_every_number_of_threads(name, shape):
    x = tx.tensor(np.random.default_rng(1).standard_normal(shape).astype(np.float32))
    before = _C.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            _C.set_num_threads(threads)
            results.append([bits(FLOATS[name](x, dim)) for dim in [None, *range(x.ndim)]])
    finally:
        _C.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_sums_stay_accurate():
    x = tx.full((10_000_000,), 0.1)
    assert abs(x.sum().item() - 10_000_000 * float(np.float32(0.1))) < 1
    assert x.to(tx.float16)[:100_000].mean().item() == pytest.approx(0.1, rel=1e-3)
    offset = tx.tensor(np.random.default_rng(2).standard_normal(100_000).astype(np.float32) + np.float32(1e4))
    assert offset.var().item() == pytest.approx(np.var(offset.numpy().astype(np.float64), ddof=1), rel=1e-5)
    assert tx.ones(3, 70_000).to(tx.bool).sum(1).tolist() == [70_000] * 3


def test_reductions_of_nothing():
    x = tx.zeros(0, 3)
    assert x.sum(0).tolist() == [0.0] * 3 and x.prod(0).tolist() == [1.0] * 3 and x.sum(1).shape == (0,)
    assert math.isnan(x.mean().item()) and x.logsumexp(0).tolist() == [-math.inf] * 3
    assert not x.any().item() and x.all().item()
    with pytest.raises(IndexError):
        x.amax(0)
    with pytest.raises(RuntimeError):
        x.max()
    assert x.amax(1).shape == (0,)


def test_nan_and_ties():
    nan = math.nan
    x = tx.tensor([[1.0, nan, 5.0, nan], [2.0, 7.0, 7.0, 0.0]])
    values, indices = x.max(1)
    assert math.isnan(values[0].item()) and indices.tolist() == [1, 1]
    assert x.argmin(1).tolist() == [1, 3] and x.t().contiguous().t().argmax(1).tolist() == [1, 1]
    assert x.argmax().item() == 1
    long = tx.zeros(5000)
    long[[4000, 4321]] = 1.0
    assert long.argmax().item() == 4000


def test_errors():
    x = tx.ones(2, 3)
    with pytest.raises(IndexError):
        x.sum(2)
    with pytest.raises(RuntimeError, match="appears multiple times"):
        x.sum((0, -2))
    with pytest.raises(RuntimeError, match="floating point"):
        tx.ones(2, dtype=tx.int64).mean()
    with pytest.raises(RuntimeError):
        x.sum(0, out=tx.empty(2))

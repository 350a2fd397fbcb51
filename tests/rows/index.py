"""Rows of indexing, gathering, scattering, ordering and selection."""

import numpy as np

from cases import Case
from support import ALL, FLOATS, NUMBERS, call, index, mask, t

LARGE_INDEX = index(300, 433, high=300)
BAD = t(2, values=(0, 7), dtype="int64")
NEGATIVE = t(2, values=(0, -9), dtype="int64")


def _gather(x, dim, i):
    if x.ndim == 0:
        return x.reshape(i.shape)
    part = tuple(slice(None) if d == dim % x.ndim else slice(n) for d, n in enumerate(i.shape))
    return np.take_along_axis(x[part], i, dim)


def _getitem(x, key):
    return x[key]


def _masked_fill(x, m, value):
    return np.where(m, np.asarray(value, x.dtype), x)


def _sorted(x, dim=-1, descending=False, **_):
    x = x.astype(np.int64) if x.dtype.kind in "bu" else x
    order = np.argsort(-x if descending else x, axis=dim, kind="stable") if x.ndim else np.int64(0)
    return (np.take_along_axis(x, order, dim) if x.ndim else x), order


SORTS = [call(t(3, 4)), call(t(3, 4), 0), call(t(5), descending=True), call(t()), call(t(0, 3)), call(t(37), 0)]
STABLE = [
    call(c.args[0], **c.kwargs, **({"dim": c.args[1]} if len(c.args) > 1 else {}), stable=True) for c in SORTS
]  # ties keep their order
CUMULATIVE = [
    call(t(3, 4), 0),
    call(t(3, 4), 1),
    call(t(2, 3, 4), -2),
    call(t(), 0),
    call(t(0), 0),
    call(t(5, 0), 1),
    call(t(37), 0),
]
RANGE = [(call(t(3, 4), 2), IndexError, "")]
UNIQUE_INDEX = t(3, values=(2, 0, 1), dtype="int64")


def integers_widen(function):
    return lambda x, dim: function(
        x if x.dtype.kind == "f" else x.astype(np.int64), axis=dim if x.ndim else None
    ).reshape(x.shape)


def _into(x, view, source):
    x = x.copy()
    view(x)[...] = source
    return x


def _index_put(x, indices, values, accumulate=False):
    x = x.copy()
    if accumulate:
        np.add.at(x, tuple(indices), values)
    else:
        x[tuple(indices)] = values
    return x


def _masked_scatter(x, m, source):
    x = x.copy()
    x[np.broadcast_to(m, x.shape)] = source.reshape(-1)[: np.broadcast_to(m, x.shape).sum()]
    return x


ROWS = [
    Case(
        "gather",
        [
            call(t(3, 4), 1, index(3, 2, high=4)),
            call(t(3, 4), 0, index(2, 4, high=3)),
            call(t(5), 0, index(0, high=5)),
            call(t(4), 0, index(9, high=4)),
        ],
        _gather,
        large=call(t(300, 433), 0, LARGE_INDEX),
        errors=[
            (call(t(3), 0, BAD), (IndexError, RuntimeError), ""),
            (call(t(3), 0, NEGATIVE), (IndexError, RuntimeError), ""),
            (call(t(3), 1, BAD), IndexError, ""),
            (call(t(3), 0, t(2)), RuntimeError, ""),
            (call(t(3, 3), 0, BAD), RuntimeError, ""),
        ],
    ),
    Case(
        "take_along_dim",
        [call(t(3, 4), index(3, 2, high=4), 1)],
        lambda x, i, d: np.take_along_axis(x, i, d),
        why="gather beneath",
    ),
    Case(
        "index_select",
        [call(t(3, 4), 0, index(5, high=3)), call(t(3, 4), -1, index(2, high=4)), call(t(3), 0, index(0, high=3))],
        lambda x, d, i: np.take(x, i, axis=d),
        large=call(t(300, 433), 0, index(500, high=300)),
        errors=[
            (call(t(3), 0, BAD), (IndexError, RuntimeError), ""),
            (call(t(3), 0, t(2)), (RuntimeError, IndexError), ""),
            (call(t(3), 1, BAD), IndexError, ""),
        ],
    ),
    Case(
        "take",
        [call(t(3, 4), index(2, 2, high=12))],
        np.take,
        large=call(t(300, 433), index(90000, high=1000)),
        errors=[(call(t(3), BAD), (IndexError, RuntimeError), "")],
    ),
    Case(
        "scatter",
        [
            call(t(3, 4), 1, t(2, 2, values=(0, 3, 2, 1), dtype="int64"), t(2, 2)),
            call(t(3, 4), 0, t(1, 3, values=(0, 2, 1), dtype="int64"), 1),
        ],
        None,
        large=call(t(300, 433), 0, t(1, 433, values=(7,) * 433, dtype="int64"), t(1, 433)),
        errors=[
            (call(t(3), 0, BAD, t(2)), (IndexError, RuntimeError), ""),
            (call(t(3), 0, t(2), t(2)), RuntimeError, ""),
        ],
    ),
    Case(
        "scatter_add",
        [call(t(3, 4), 0, index(5, 4, high=3), t(5, 4)), call(t(4), 0, index(9, high=4), t(9))],
        None,
        ALL,
        large=call(t(300, 433), 0, LARGE_INDEX, t(300, 433)),
        errors=[(call(t(3), 0, BAD, t(2)), (IndexError, RuntimeError), "")],
    ),
    Case(
        "index_add",
        [call(t(3, 4), 0, index(5, high=3), t(5, 4)), call(t(3, 4), 1, index(2, high=4), t(3, 2), alpha=2)],
        None,
        NUMBERS,
        lenient=True,
        large=call(t(300, 433), 0, index(700, high=300), t(700, 433)),
        errors=[
            (call(t(3), 0, BAD, t(2)), (IndexError, RuntimeError), ""),
            (call(t(3), 0, index(2, high=3), t(3)), (IndexError, RuntimeError), ""),
        ],
    ),
    Case(
        "index_copy",
        [call(t(3, 4), 0, UNIQUE_INDEX, t(3, 4))],
        None,
        large=call(t(3, 43300), 0, UNIQUE_INDEX, t(3, 43300)),
        errors=[(call(t(3), 0, BAD, t(2)), (IndexError, RuntimeError), "")],
    ),
    Case(
        "index_fill",
        [call(t(3, 4), 0, index(2, high=3), 1), call(t(3, 4), 1, index(2, high=4), 0)],
        None,
        large=call(t(300, 433), 0, index(70, high=300), 1),
        errors=[(call(t(3), 0, BAD, 1), (IndexError, RuntimeError), "")],
    ),
    Case(
        "masked_fill",
        [call(t(3, 4), mask(3, 4), 1), call(t(3, 4), mask(4), 0), call(t(), mask(), 1), call(t(0, 2), mask(2), 1)],
        _masked_fill,
        large=call(t(300, 433), mask(433), 1),
        errors=[(call(t(3), mask(4), 1), RuntimeError, ""), (call(t(3), t(3), 1), RuntimeError, "")],
    ),
    Case(
        "masked_select",
        [call(t(3, 4), mask(3, 4)), call(t(3, 4), mask(4)), call(t(0), mask(0))],
        lambda x, m: x[np.broadcast_to(m, x.shape)],
        large=call(t(300, 433), mask(300, 433)),
        errors=[(call(t(3), mask(4)), RuntimeError, ""), (call(t(3), t(3)), RuntimeError, "")],
    ),
    Case(
        "getitem",
        [
            call(t(3, 4), 1),
            call(t(3, 4), (slice(None), slice(0, 4, 2))),
            call(t(3, 4), (Ellipsis, None, 0)),
            call(t(), ()),
        ],
        _getitem,
        function=lambda x, key: x[key],
        view=True,
        why="a view",
    ),
    Case(
        "index",
        [
            call(t(3, 4), index(5, high=3)),
            call(t(3, 4), (slice(None), index(2, 2, high=4))),
            call(t(3, 4), mask(3, 4)),
            call(t(3, 4, 5), (index(2, high=3), slice(None), index(2, high=5))),
            call(t(3, 4), (mask(3), 1)),
            call(t(3), index(0, high=3)),
        ],
        _getitem,
        function=lambda x, key: x[key],
        large=call(t(300, 433), index(500, high=300)),
        errors=[
            (call(t(3), BAD), IndexError, ""),
            (call(t(3), NEGATIVE), IndexError, ""),
            (call(t(3), mask(4)), IndexError, ""),
            (call(t(3), t(2)), IndexError, "tensors used as indices"),
        ],
    ),
    Case(
        "nonzero",
        [call(t(3, 4)), call(t(5)), call(t(0, 3)), call(t())],
        lambda x: np.argwhere(x),
        gradient=False,
        large=call(t(300, 433)),
    ),
    Case("argwhere", [call(t(3, 4))], np.argwhere, gradient=False, why="nonzero beneath"),
    Case("sort", STABLE, _sorted, large=call(t(90, 1433), 1), errors=RANGE),
    Case(
        "argsort",
        STABLE,
        lambda x, dim=-1, descending=False, stable=True: _sorted(x, dim, descending)[1],
        NUMBERS,
        gradient=False,
        large=call(t(90, 1433), 1),
        lenient=True,
    ),
    Case("msort", [call(t(3, 4))], lambda x: np.sort(x, axis=0), why="sort beneath"),
    Case(
        "topk",
        [call(t(3, 7), 3), call(t(7, 3), 2, 0), call(t(3, 7), 2, largest=False), call(t(5), 5), call(t(5), 0)],
        None,
        FLOATS,
        large=call(t(90, 1433), 30),
        errors=[
            (call(t(5), 6), RuntimeError, ""),
            (call(t(5), -1), RuntimeError, ""),
            (call(t(5), 1, 1), IndexError, ""),
        ],
        lenient=True,
    ),
    Case(
        "kthvalue",
        [call(t(3, 7), 3), call(t(7, 3), 2, 0)],
        None,
        FLOATS,
        large=call(t(90, 1433), 30),
        errors=[(call(t(5), 6), (RuntimeError, IndexError), ""), (call(t(5), 0), (RuntimeError, IndexError), "")],
        lenient=True,
    ),
    Case(
        "median",
        [call(t(3, 7), 1), call(t(6)), call(t(7, 3), 0)],
        None,
        FLOATS,
        large=call(t(90, 1433), 1),
        lenient=True,
    ),
    Case("cumsum", CUMULATIVE, integers_widen(np.cumsum), large=call(t(300, 433), 0), errors=RANGE),
    Case(
        "cumprod", CUMULATIVE, integers_widen(np.cumprod), large=call(t(300, 433, low=0.95, high=1.05), 0), errors=RANGE
    ),
    Case("cummax", [call(t(3, 7), 1), call(t(7, 3), 0)], None, FLOATS, lenient=True, large=call(t(300, 433), 0)),
    Case("cummin", [call(t(3, 7), 1), call(t(7, 3), 0)], None, FLOATS, lenient=True, large=call(t(300, 433), 0)),
    Case(
        "logcumsumexp",
        [call(t(3, 7), 1), call(t(7, 3), 0)],
        lambda x, d: np.log(np.cumsum(np.exp(x), axis=d)),
        FLOATS,
        lenient=True,
        large=call(t(300, 433), 0),
    ),
    Case(
        "unique",
        [call(t(9, low=-1, high=1), return_inverse=True, return_counts=True), call(t(3, 4)), call(t(0))],
        None,
        ALL,
        gradient=False,
        large=call(index(90000, high=1000)),
    ),
    Case(
        "unique_consecutive",
        [call(t(9, low=-1, high=1)), call(t(0))],
        None,
        ALL,
        gradient=False,
        large=call(index(90000, high=3)),
    ),
    Case(
        "tril",
        [call(t(3, 4)), call(t(2, 4, 3), 1), call(t(3, 3), -1), call(t(0, 3))],
        np.tril,
        large=call(t(300, 433)),
        errors=[(call(t(3)), RuntimeError, "")],
    ),
    Case(
        "triu",
        [call(t(3, 4)), call(t(2, 4, 3), 1), call(t(3, 3), -1), call(t(0, 3))],
        np.triu,
        large=call(t(300, 433)),
        errors=[(call(t(3)), RuntimeError, "")],
    ),
    Case(
        "diag",
        [call(t(3)), call(t(3, 4)), call(t(3), 1), call(t(3, 4), -1)],
        lambda x, k=0: np.diag(x, k),
        why="a view, or one copy",
    ),
    Case("diag_embed", [call(t(2, 3)), call(t(3), 1)], None, why="one copy"),
    Case(
        "searchsorted",
        [
            call(t(5, values=(1, 3, 5, 7, 9)), t(3, 2)),
            call(t(5, values=(1, 3, 5, 7, 9)), t(4, values=(1, 3, 4, 9)), right=True),
        ],
        None,
        NUMBERS,
        gradient=False,
        large=call(t(5, values=(-1.0, 0.0, 0.5, 1.0, 1.5)), t(300, 433)),
        lenient=True,
    ),
    Case(
        "bucketize",
        [call(t(3, 2), t(5, values=(1, 3, 5, 7, 9)))],
        None,
        NUMBERS,
        gradient=False,
        why="searchsorted beneath",
        lenient=True,
    ),
    Case(
        "bincount",
        [call(index(9, high=5)), call(index(9, high=5), minlength=8), call(index(0, high=1))],
        lambda x, minlength=0: np.bincount(x, minlength=minlength),
        ("int64",),
        lenient=True,
        gradient=False,
        large=call(index(200000, high=50)),
        errors=[
            (call(t(3, values=(0, -1, 2), dtype="int64")), RuntimeError, ""),
            (call(t(3, dtype="float32")), RuntimeError, ""),
        ],
    ),
    Case(
        "nn.functional.one_hot",
        [call(index(5, high=4), 4), call(index(2, 3, high=4), 5)],
        lambda x, n: np.eye(n, dtype=np.int64)[x],
        ("int64",),
        gradient=False,
        large=call(index(3000, high=50), 50),
        errors=[(call(BAD, 3), RuntimeError, "num_classes"), (call(NEGATIVE, 3), RuntimeError, "non-negative")],
        lenient=True,
    ),
    Case(
        "nn.functional.embedding",
        [call(index(2, 3, high=5), t(5, 4)), call(index(0, high=5), t(5, 4))],
        lambda i, w: w[i],
        FLOATS,
        large=call(index(900, high=50), t(50, 130)),
        errors=[(call(BAD, t(5, 4)), IndexError, ""), (call(NEGATIVE, t(5, 4)), IndexError, "")],
        lenient=True,
    ),
    Case(
        "scatter_reduce",
        [call(t(3, 4), 0, index(5, 4, high=3), t(5, 4), r) for r in ("sum", "prod", "mean", "amax", "amin")],
        None,
        NUMBERS,
        lenient=True,
        large=call(t(300, 433), 0, LARGE_INDEX, t(300, 433), "amax"),
        second=False,
        why="the product's second derivative divides by the input",
    ),
    Case(
        "index_put",
        [
            call(t(3, 4), (UNIQUE_INDEX,), t(3, 4)),
            call(t(3, 4), (index(5, high=3), index(5, high=4)), t(5), True),
            call(t(3, 4), (mask(3, 4),), t()),
        ],
        _index_put,
        large=call(t(300, 433), (index(700, high=300),), t(700, 433), True),
        errors=[(call(t(3), (BAD,), t(2)), IndexError, "")],
    ),
    Case(
        "put",
        [call(t(3, 4), t(3, values=(7, 0, 11), dtype="int64"), t(3))],
        None,
        large=call(t(300, 433), t(3, values=(7, 0, 11), dtype="int64"), t(3)),
    ),
    Case(
        "masked_scatter",
        [call(t(3, 4), mask(3, 4), t(12)), call(t(3, 4), mask(4), t(3, 4))],
        _masked_scatter,
        large=call(t(300, 433), mask(300, 433), t(300, 433)),
    ),
    Case("select_scatter", [call(t(3, 4), t(4), 0, 1)], lambda x, s, d, i: _into(x, lambda v: v[i], s), why="one copy"),
    Case(
        "slice_scatter",
        [call(t(5, 4), t(2, 4), 0, 1, 5, 2)],
        lambda x, s, d, a, b, c: _into(x, lambda v: v[a:b:c], s),
        why="one copy",
    ),
    Case("diagonal_scatter", [call(t(3, 4), t(3))], None, why="one copy"),
    Case("diagflat", [call(t(3)), call(t(2, 2), 1)], np.diagflat, why="one copy"),
    Case(
        "isin",
        [call(t(3, 4), t(5)), call(t(4, values=(1, 2, 3, 4)), t(2, values=(2, 4)))],
        np.isin,
        NUMBERS,
        gradient=False,
        lenient=True,
        large=call(index(300, 433, high=50), index(20, high=50)),
    ),
    Case(
        "isclose",
        [call(t(3, 4), t(3, 4)), call(t(3, values=(1, 2, 3)), t(3, values=(1, 2.00001, 4)))],
        None,
        FLOATS,
        gradient=False,
        lenient=True,
        large=call(t(300, 433), t(433)),
    ),
    Case(
        "allclose",
        [call(t(3, 4), t(3, 4)), call(t(3, values=(1, 2, 3)), t(3, values=(1, 2, 3)))],
        None,
        FLOATS,
        gradient=False,
        lenient=True,
        large=call(t(300, 433), t(433)),
    ),
    Case(
        "equal",
        [call(t(3, 4), t(3, 4)), call(t(3, values=(1, 0, 1)), t(3, values=(1, 0, 1))), call(t(3), t(4))],
        np.array_equal,
        gradient=False,
        large=call(t(300, 433), t(300, 433)),
    ),
    Case("nanmedian", [call(t(3, 7), 1), call(t(6))], None, FLOATS, lenient=True, large=call(t(90, 1433), 1)),
]

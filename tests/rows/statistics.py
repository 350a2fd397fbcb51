"""Rows of quantiles, histograms, modes, differences, and of reduction and copies by position."""

import numpy as np

from cases import Case
from support import ALL, INTEGERS, NUMBERS, call, index, t

WIDE = ("float32", "float64")
LEVELS = t(3, low=0, high=1)


def quantile(name, reference):
    def run(x, q, dim=None, keepdim=False, interpolation="linear"):
        return reference(x, q, axis=dim if x.ndim else None, keepdims=keepdim, method=interpolation)

    methods = ("lower", "higher", "midpoint", "nearest")
    return Case(
        name,
        [
            call(t(3, 4), 0.3),
            call(t(3, 4), LEVELS, 0),
            call(t(3, 4), 0.5, -1, True),
            call(t(2, 3, 4), LEVELS, 1, keepdim=True),
            call(t(), 0.5),
            call(t(37), 1.0, 0),
            *(call(t(3, 4), 0.4, 1, interpolation=m) for m in methods),
        ],
        run,
        WIDE,
        large=call(t(257, 301), 0.3, 1),
        errors=[
            (call(t(3), 1.5), RuntimeError, r"in the range \[0, 1\]"),
            (call(t(0), 0.5), RuntimeError, "must be non-empty"),
            (call(t(3), 0.5, interpolation="cubic"), RuntimeError, "interpolation must be one of"),
            (call(t(3), t(2, dtype="int64", values=(0, 1))), RuntimeError, "same dtype"),
            (call(t(3), 0.5, 1), IndexError, "out of range"),
        ],
    )


def _mode(x, dim=-1, keepdim=False):
    if x.ndim == 0:
        return x, np.int64(0)
    moved = np.moveaxis(x, dim, -1)
    values, places = np.empty(moved.shape[:-1], x.dtype), np.empty(moved.shape[:-1], np.int64)
    for at in np.ndindex(moved.shape[:-1]):
        found, counts = np.unique(moved[at], return_counts=True)
        values[at] = found[counts.argmax()]
        places[at] = np.nonzero(moved[at] == values[at])[0][-1]
    return tuple(np.expand_dims(a, dim) if keepdim else a for a in (values, places))


def _histc(x, bins=100, min=0, max=0):
    flat = x.reshape(-1).astype(np.float64)
    if min == max:
        min, max = flat.min(), flat.max()
    return np.histogram(flat, bins, (min, max))[0].astype(x.dtype)


def _histogram(x, bins, range=None, weight=None, density=False):
    weight = None if weight is None else weight.reshape(-1)
    return np.histogram(x.reshape(-1), bins, range, density, weight)


def _gradient(x, spacing=1, dim=None, edge_order=1):
    found = np.gradient(x, *(spacing if isinstance(spacing, tuple) else (spacing,)), axis=dim, edge_order=edge_order)
    return found if isinstance(found, (list, tuple)) else [found]


def _diff(x, n=1, dim=-1, prepend=None, append=None):
    extra = {k: v for k, v in (("prepend", prepend), ("append", append)) if v is not None}
    return np.diff(x, n, dim, **extra)


def _combined(x, dim, i, source, reduce, include_self=True):
    x, dim = x.copy(), dim % x.ndim
    x, source = np.moveaxis(x, dim, 0), np.moveaxis(source, dim, 0)
    for place in set(i.tolist()):
        parts = [*([x[place]] if include_self else []), *(source[k] for k in np.nonzero(i == place)[0])]
        if reduce == "mean":
            total = np.sum(parts, 0, dtype=x.dtype)
            x[place] = total / len(parts) if x.dtype.kind == "f" else total // len(parts)
        else:
            x[place] = {"prod": np.prod, "amax": np.max, "amin": np.min}[reduce](parts, 0)
    return np.moveaxis(x, 0, dim)


def _first_nonzero(x, size, fill_value=-1):
    found = np.argwhere(x)[:size]
    return np.concatenate([found, np.full((size - len(found), x.ndim), fill_value)])


def _diagonal(x, value, wrap=False):
    x = x.copy()
    if x.ndim == 2:
        np.fill_diagonal(x, value, wrap)
    else:
        x[tuple(np.arange(x.shape[0]) for _ in x.shape)] = value
    return x


EDGES = t(4, values=(-1.5, -0.5, 0.25, 2.0))
REPEATED = t(3, values=(1, 0, 1), dtype="int64")
FEW = t(4, 9, values=tuple(np.random.default_rng(0).integers(0, 4, 36).tolist()))

ROWS = [
    quantile("quantile", np.quantile),
    quantile("nanquantile", np.nanquantile),
    Case(
        "mode",
        [call(FEW), call(FEW, 0), call(FEW, -2, True), call(t()), call(t(9)), call(t(0, 3))],
        _mode,
        ALL,
        gradient=False,  # equal values: see test_ops_statistics.py
        large=call(t(257, 301, dtype="int64", low=0, high=9)),
        errors=[(call(t(3, 0)), IndexError, "non-zero size"), (call(t(3), 1), IndexError, "out of range")],
    ),
    Case(
        "histc",
        [call(t(3, 4), 5, -1, 1), call(t(37), 4), call(t(0), 3, 0, 1), call(t(), 2, -3, 3)],
        _histc,
        (*INTEGERS, *WIDE),
        lenient=True,  # torch rounds to half precision before it counts
        gradient=False,
        large=call(t(3, 257, 301), 10),
        errors=[
            (call(t(3), 0), RuntimeError, "bins must be > 0"),
            (call(t(3), 5, 2, 1), RuntimeError, "max must be larger than min"),
        ],
    ),
    Case(
        "histogram",
        [
            call(t(3, 4), 5),
            call(t(3, 4), 5, range=(-1.0, 1.0)),
            call(t(37), EDGES),
            call(t(37), EDGES, weight=t(37, low=0.5), density=True),
            call(t(0), 3, range=(0.0, 1.0)),
        ],
        _histogram,
        WIDE,
        gradient=False,
        large=call(t(3, 257, 301), 10),
        errors=[
            (call(t(3), 0), RuntimeError, "bins must be > 0"),
            (call(t(3), 2, weight=t(2)), RuntimeError, "same shape"),
            (call(t(3), t(2, 2)), RuntimeError, "one dimension"),
        ],
    ),
    Case(
        "diff",
        [
            call(t(3, 4)),
            call(t(3, 4), 2, 0),
            call(t(3, 4), 1, -2, t(1, 4), t(2, 4)),
            call(t(37), 3),
            call(t(3), 0),
            call(t(0)),
            call(t(1, 2), 1, 0),
        ],
        _diff,
        ALL,
        large=call(t(3, 257, 301)),
        errors=[
            (call(t()), RuntimeError, "at least one-dimensional"),
            (call(t(3), -1), RuntimeError, "non-negative"),
            (call(t(3), 1, 1), IndexError, "out of range"),
            (call(t(3), 1, 0, t(1, 1)), RuntimeError, "same dimension"),
        ],
    ),
    Case(
        "gradient",
        [
            call(t(3, 4)),
            call(t(5), spacing=0.5, edge_order=2),
            call(t(3, 4), spacing=2.0, dim=-1),
            call(t(4, 5), spacing=(t(4, values=(0.0, 0.5, 2.0, 2.5)), t(5, values=(-1.0, 0.5, 1.0, 1.25, 3.0)))),
            call(t(4, 3), spacing=(t(4, values=(0.0, 0.5, 2.0, 2.5)),), dim=0, edge_order=2),
            call(t(2)),
        ],
        _gradient,
        WIDE,
        lenient=True,
        large=call(t(3, 257, 301)),
        errors=[
            (call(t(1)), RuntimeError, "at least edge_order"),
            (call(t(4), edge_order=3), RuntimeError, "edge_order must be 1 or 2"),
            (call(t(4), dim=1), IndexError, "out of range"),
        ],
    ),
    Case(
        "trace",
        [call(t(3, 3)), call(t(2, 5)), call(t(0, 3)), call(t(5, 1))],
        lambda x: np.trace(x),
        NUMBERS,
        lenient=True,
        large=call(t(701, 301)),
        errors=[(call(t(3)), RuntimeError, "expected a matrix"), (call(t(2, 2, 2)), RuntimeError, "expected a matrix")],
    ),
    Case(
        "index_reduce",
        [
            *(call(t(3, 4, low=0.5), 0, REPEATED, t(3, 4, low=0.6), r) for r in ("prod", "mean", "amax", "amin")),
            call(t(3, 4, low=0.5), -1, REPEATED, t(3, 3, low=0.6), "mean", include_self=False),
            call(t(5), 0, index(7, high=5), t(7), "prod", include_self=False),
            call(t(0, 3), 1, REPEATED, t(0, 3), "amax"),
        ],
        _combined,
        NUMBERS,
        second=False,
        lenient=True,
        large=call(t(257, 301), 0, index(99, high=257), t(99, 301), "amax"),
        errors=[
            (call(t(3), 0, REPEATED, t(3), "sum"), RuntimeError, "to be one of"),
            (call(t(3), 1, REPEATED, t(3), "prod"), IndexError, "out of range"),
            (call(t(3, 4), 0, REPEATED, t(3, 3), "prod"), RuntimeError, "source must have the shape"),
            (call(t(3, 4), 0, t(1, 3, dtype="int64", values=(0, 0, 0)), t(3, 4), "prod"), IndexError, "vector"),
        ],
        why="second order: that of scatter_reduce, whose row tests it",
    ),
    Case(
        "narrow_copy",
        [call(t(3, 4), 1, 1, 2), call(t(3), 0, 0, 0)],
        lambda x, dim, start, length: np.take(x, range(start, start + length), dim),
        ALL,
        large=call(t(3, 257, 301), 1, 5, 250),
    ),
    Case(
        "nonzero_static",
        [call(t(3, 4), size=20), call(t(3, 4), size=2), call(t(37), size=40, fill_value=7), call(t(0, 2), size=2)],
        _first_nonzero,
        ALL,
        gradient=False,
        large=call(t(3, 257, 31), size=10),
        errors=[(call(t(3), size=-1), RuntimeError, "non-negative")],
    ),
    Case(
        "unravel_index",
        [call(index(3, 4, high=24), (2, 3, 4)), call(index(5, high=6), 6), call(index(high=6), (2, 3)), call(index(0, high=6), (2, 3))],
        lambda x, shape: np.unravel_index(x, shape),
        ("int64",),
        gradient=False,
        lenient=True,
        large=call(index(3, 257, 301, high=99), (10, 10)),
        errors=[(call(t(3, dtype="float32"), (2, 2)), TypeError, "to be integer"), (call(index(3, high=2), (-1, 2)), ValueError, "negative")],
    ),
    Case(
        "fill",
        [call(t(3, 4), 2), call(t(), 1), call(t(0, 3), 1), call(t(3), t())],
        lambda x, value: np.full_like(x, value),
        ALL,
        gradient=False,
        large=call(t(3, 257, 301), 3),
        errors=[(call(t(3), t(2)), RuntimeError, "0-dimension")],
    ),
    Case(
        "fill_diagonal_",
        [call(t(3, 4), 2), call(t(7, 2), 1), call(t(7, 2), 1, True), call(t(3, 3, 3), 2), call(t(0, 0), 1)],
        _diagonal,
        ALL,
        gradient=False,
        function=lambda x, *args: x.clone().fill_diagonal_(*args),
        large=call(t(701, 301), 2),
        errors=[(call(t(3), 1), RuntimeError, "larger than 1"), (call(t(2, 3, 3), 1), RuntimeError, "equal length")],
    ),
]  # fmt: skip

"""Rows of the reductions."""

import numpy as np

from cases import Case
from support import ALL, FLOATS, NUMBERS, D, call, t

LARGE = call(t(70, 50, 33), (0, 2))
DIMS = [
    call(t(3, 4)), call(t(3, 4), 1), call(t(3, 4), 0, True), call(t(2, 3, 4), (0, 2)), call(t(2, 3, 4), (-1, 1), keepdim=True),
    call(t()), call(t(), 0), call(t(5)), call(t(37), 0), call(t(3, 70), 1), call(t(70, 3), 0),
]  # fmt: skip
EMPTY = [call(t(0)), call(t(0, 3), 0), call(t(0, 3), 1), call(t(2, 0, 3), (0, 1))]
ONE_DIM = [c for c in DIMS if len(c.args) < 2 or isinstance(c.args[1], int)]
ERRORS = [
    (call(t(3, 4), 2), IndexError, "ange"),
    (call(t(3, 4), -3), IndexError, "ange"),
    (call(t(3), "x"), TypeError, ""),
]
TWICE = [(call(t(3, 4), (0, 0)), RuntimeError, "")]


def over(function, **fixed):
    """A NumPy reduction, called with dim and keepdim."""

    def reference(x, dim=None, keepdim=False, **others):
        x = np.asarray(x)
        if x.ndim == 0:
            x, dim = x.reshape(1), None
        return function(
            x, axis=dim if dim is None or isinstance(dim, int) else tuple(dim), keepdims=keepdim, **fixed, **others
        )

    return reference


def integers_widen(function):
    """Sums and products of integers and booleans are int64."""
    return over(lambda x, **kw: function(x if x.dtype.kind == "f" else x.astype(np.int64), **kw))


def _logsumexp(x, axis, keepdims):
    x = np.asarray(x, np.float64)
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def _variance(function):
    def reference(x, dim=None, unbiased=None, keepdim=False, correction=1):
        return over(function, ddof=correction)(x, dim, keepdim)

    return reference


def _with_indices(value, index):
    def reference(x, dim=None, keepdim=False):
        if dim is None:
            return value(x)
        x = np.asarray(x)
        if x.ndim == 0:
            return value(x), np.int64(0)
        return value(x, axis=dim, keepdims=keepdim), index(x, axis=dim, keepdims=keepdim)

    return reference


def _norm(x, p=2, dim=None, keepdim=False):
    p = 2.0 if p == "fro" else p
    magnitude = np.abs(x)
    axis = dim if dim is None or isinstance(dim, int) else tuple(dim)
    if p == np.inf:
        return magnitude.max(axis=axis, keepdims=keepdim)
    if p == -np.inf:
        return magnitude.min(axis=axis, keepdims=keepdim)
    if p == 0:
        return (x != 0).astype(np.float64).sum(axis=axis, keepdims=keepdim)
    return (magnitude**p).sum(axis=axis, keepdims=keepdim) ** (1 / p)


NORMS = [
    call(t(3, 4)), call(t(3, 4), 1, 1), call(t(3, 4), 3, 0, True), call(t(3, 4), float("inf"), 1), call(t(2, 3), float("-inf")),
    call(t(2, 3, 4), 2, (0, 2)), call(t(5), 0), call(t(0)), call(t(6), 2.5), call(t(70, 3), 2, 0),
]  # fmt: skip
WITH_NAN = t(3, 4, values=(1.0, float("nan"), 3.0, -1.0, 0.5, float("nan"), 2.0, -2.0, 1.5, 0.25, 0.75, float("nan")))
EXTREMA = ("ties are not shared alike by finite differences",)
MATCHING = [(call(t(0)), RuntimeError, ""), (call(t(0, 3), 0), IndexError, "")]

ROWS = [
    Case("sum", [*DIMS, *EMPTY, call(t(3, 4), dtype=D("float64"))], None, ALL, large=LARGE, errors=ERRORS + TWICE),
    Case("nansum", [*DIMS, *EMPTY, call(WITH_NAN, 1)], integers_widen(np.nansum), ALL, large=LARGE, errors=ERRORS),
    Case("mean", DIMS, over(np.mean), FLOATS, large=LARGE, errors=ERRORS),
    Case("nanmean", [*DIMS, call(WITH_NAN, 1)], over(np.nanmean), FLOATS, large=LARGE),
    Case(
        "prod",
        [*ONE_DIM, call(t(0)), call(t(2, 0), 1), call(t(2, 3, values=(1.0, 0.0, 2.0, 3.0, 2.0, 1.0)), 1)],
        integers_widen(np.prod),
        ALL,
        large=call(t(70, 50, 33, low=0.99, high=1.01), 1),
        errors=ERRORS,
    ),
    Case(
        "count_nonzero",
        [c for c in DIMS if not c.kwargs and len(c.args) < 3],
        over(lambda x, axis, keepdims: np.count_nonzero(x, axis=axis)),
        gradient=False,
        large=LARGE,
    ),
    Case(
        "logsumexp",
        [c for c in DIMS if len(c.args) > 1],
        over(_logsumexp),
        large=LARGE,
        errors=ERRORS,
    ),
    Case("norm", NORMS, _norm, FLOATS, shown="norm", large=call(t(70, 50, 33), 2, (0, 2))),
    Case(
        "dist",
        [call(t(3, 4), t(4)), call(t(3), t(3), 1), call(t(), t())],
        lambda a, b, p=2: _norm(a - b, p),
        FLOATS,
        lenient=True,
        large=call(t(300, 400), t(400)),
    ),
    *[
        Case(
            name,
            [*DIMS[:5], call(t(5)), call(t(3, 4), 1, correction=0), call(t(3, 4), correction=2), call(t(70, 3), 0)],
            _variance(function),
            FLOATS,
            large=LARGE,
            errors=ERRORS,
        )
        for name, function in (("var", np.var), ("std", np.std))
    ],
    *[
        Case(
            name,
            [call(t(3, 4)), call(t(3, 4), 1), call(t(2, 3, 4), (0, 2), keepdim=True), call(t(3, 4), 1, correction=0)],
            None,
            FLOATS,
            large=LARGE,
        )
        for name in ("var_mean", "std_mean")
    ],
    Case("amax", [*DIMS, call(t(0, 3), 1)], over(np.amax), ALL, large=LARGE, errors=ERRORS + MATCHING),
    Case("amin", [*DIMS, call(t(0, 3), 1)], over(np.amin), ALL, large=LARGE, errors=ERRORS + MATCHING),
    Case("max", ONE_DIM, _with_indices(np.max, np.argmax), ALL, large=call(t(300, 433), 0), errors=ERRORS + MATCHING),
    Case("min", ONE_DIM, _with_indices(np.min, np.argmin), ALL, large=call(t(300, 433), 0), errors=ERRORS + MATCHING),
    Case(
        "argmax",
        ONE_DIM,
        over(np.argmax),
        NUMBERS,
        lenient=True,
        gradient=False,
        large=call(t(300, 433), 0),
        errors=ERRORS + [(call(t(0)), (RuntimeError, IndexError), "")],
    ),
    Case(
        "argmin",
        ONE_DIM,
        over(np.argmin),
        NUMBERS,
        lenient=True,
        gradient=False,
        large=call(t(300, 433), 0),
        errors=ERRORS + [(call(t(0)), (RuntimeError, IndexError), "")],
    ),
    Case(
        "aminmax",
        [call(t(3, 4)), call(t(3, 4), dim=1), call(t(3, 4), dim=0, keepdim=True)],
        None,
        ALL,
        large=call(t(300, 433), dim=0),
    ),
    Case("any", [*DIMS, *EMPTY], over(np.any), gradient=False, large=LARGE, errors=ERRORS),
    Case("all", [*DIMS, *EMPTY], over(np.all), gradient=False, large=LARGE, errors=ERRORS),
]
SUM = ROWS[0]
SUM.reference = lambda x, dim=None, keepdim=False, dtype=None: integers_widen(np.sum)(x, dim, keepdim)

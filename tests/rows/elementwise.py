"""Rows of the elementwise functions of one tensor."""

import math

import numpy as np

from cases import Case
from support import ALL, FLOATS, INTEGRAL, NUMBERS, call, t

LARGE = call(t(3, 257, 301))


def _calls(low, high):
    shapes = [(3, 4), (), (0, 3), (2, 1, 3), (37,)]
    return [call(t(*shape, low=low, high=high)) for shape in shapes]


def real(function):
    """A floating-point function of anything: integers and booleans are converted first."""
    return lambda *args: function(*[np.asarray(a, np.float64) for a in args])


def unary(name, reference, low=-2.0, high=2.0, dtypes=ALL, **options):
    options = {"special": True, **options}
    return Case(name, _calls(low, high), reference, dtypes, large=call(t(3, 257, 301, low=low, high=high)), **options)


def each(function):
    """A function of Python numbers, applied to every element."""
    return lambda x: np.vectorize(function, otypes=[np.float64])(np.asarray(x, np.float64))


def _lgamma(x):
    if math.isinf(x) or (x <= 0 and x == int(x)):
        return math.inf
    return math.nan if math.isnan(x) else math.lgamma(x)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _sign(x):
    return np.where(np.isnan(x), 0, np.sign(x)) if x.dtype.kind == "f" else x if x.dtype == bool else np.sign(x)


def _keep_integers(function):
    """Rounding leaves integers as they are."""
    return lambda x: function(x) if x.dtype.kind == "f" else x


def flag(name, reference, **options):
    return unary(name, reference, gradient=False, **options)


ROWS = [
    unary("neg", np.negative, dtypes=NUMBERS),
    unary("positive", lambda x: x, dtypes=NUMBERS, shown="\\+"),
    unary("abs", np.abs, dtypes=NUMBERS),
    unary("sign", _sign),
    unary("square", np.square, dtypes=NUMBERS),
    unary("reciprocal", real(np.reciprocal), 0.2, 3),
    unary("sqrt", real(np.sqrt), 0.1, 4),
    unary("rsqrt", real(lambda x: 1 / np.sqrt(x)), 0.1, 4),
    unary("exp", real(np.exp)),
    unary("exp2", real(np.exp2)),
    unary("expm1", real(np.expm1)),
    unary("log", real(np.log), 0.1, 4),
    unary("log2", real(np.log2), 0.1, 4),
    unary("log10", real(np.log10), 0.1, 4),
    unary("log1p", real(np.log1p), -0.9, 4),
    unary("sin", real(np.sin), -6, 6),
    unary("cos", real(np.cos), -6, 6),
    unary("tan", real(np.tan), -1.3, 1.3),
    unary("asin", real(np.arcsin), -0.9, 0.9),
    unary("acos", real(np.arccos), -0.9, 0.9),
    unary("atan", real(np.arctan), -5, 5),
    unary("sinh", real(np.sinh)),
    unary("cosh", real(np.cosh)),
    unary("tanh", real(np.tanh)),
    unary("asinh", real(np.arcsinh), -5, 5),
    unary("acosh", real(np.arccosh), 1.1, 5),
    unary("atanh", real(np.arctanh), -0.9, 0.9),
    unary("erf", each(math.erf)),
    unary("erfc", each(math.erfc)),
    unary("erfinv", None, -0.9, 0.9),
    unary("lgamma", each(_lgamma), 0.2, 5),
    unary("digamma", None, 0.2, 5),
    unary("sigmoid", real(_sigmoid)),
    unary("floor", _keep_integers(np.floor), dtypes=NUMBERS),
    unary("ceil", _keep_integers(np.ceil), dtypes=NUMBERS),
    unary("trunc", _keep_integers(np.trunc), dtypes=NUMBERS),
    unary("frac", lambda x: x - np.trunc(x), dtypes=FLOATS, lenient=True),
    Case(
        "round",
        [*_calls(-2, 2), call(t(9, low=-30, high=30), decimals=-1), call(t(9), decimals=1)],
        lambda x, decimals=0: np.round(x, decimals) if x.dtype.kind == "f" else x,
        dtypes=NUMBERS,
        large=LARGE,
        special=True,
        tolerance={"float16": (4e-3, 4e-3), "bfloat16": (3e-2, 3e-2)},
        why="with decimals, halves are scaled, rounded and scaled back, each step in the half type",
    ),
    unary("bitwise_not", np.invert, dtypes=INTEGRAL, gradient=False, special=False),
    flag("isnan", np.isnan),
    flag("isinf", np.isinf),
    flag("isfinite", np.isfinite),
    flag("isposinf", lambda x: x == np.inf),
    flag("isneginf", lambda x: x == -np.inf),
    flag("signbit", lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0),
    flag("logical_not", np.logical_not),
]

"""Rows of the special functions. Values are those of test_special.py, and torch's in parity/."""

import numpy as np

from cases import Case
from support import ALL, FLOATS, call, t

from .elementwise import real, unary

S = "special."
HALVES = {"float16": (4e-3, 4e-3), "bfloat16": (3e-2, 3e-2)}


def special(name, low, high, reference=None, **options):
    """A function of one tensor that has no method, with torch as its reference."""
    return unary(S + name, reference, low, high, special=reference is not None, **options)


def two(name, limits, other_limits, **options):
    """A function of two tensors, each with its (low, high)."""
    (a, b), (c, d) = limits, other_limits
    shapes = [((3, 4), (3, 4)), ((3, 1), (4,)), ((), (5,)), ((0, 3), (3,))]
    calls = [call(t(*x, low=a, high=b), t(*y, low=c, high=d)) for x, y in shapes]
    large = call(t(257, 301, low=a, high=b), t(257, 301, low=c, high=d))
    return Case(name, calls, None, ALL, large=large, **options)


def polynomial(name, **options):
    calls = [
        call(t(3, 4), 3),
        call(t(5), 1),
        call(t(), 4),
        call(t(0, 3), 2),
        call(t(5), 0),
        call(t(4), t(4, values=(0, 3, 1, 5), dtype="int64")),
    ]
    return Case(S + name, calls, None, FLOATS, large=call(t(257, 301), 4), lenient=True, tolerance={**HALVES, "float32": (2e-5, 2e-5)},
                why="several half-precision steps in a row, whose order differs from torch's", **options)  # fmt: skip


BESSEL = {"tolerance": {"float64": (1e-6, 1e-6)}, "why": "PyTorch's are good to 1e-7; test_special.py asks for 1e-14"}


def _sinc(x):
    return np.where(np.isinf(x), np.nan, np.sinc(x))


def _logit(x, eps=None):
    x = np.asarray(x, np.float64)
    return np.log(
        (x if eps is None else np.clip(x, eps, 1 - eps)) / (1 - (x if eps is None else np.clip(x, eps, 1 - eps)))
    )


ROWS = [
    unary("sinc", real(_sinc), -3, 3),
    unary("i0", None, -4, 4, special=False),
    Case(
        "logit",
        [
            *[call(t(*shape, low=0.05, high=0.95)) for shape in ((3, 4), (), (0, 3), (37,))],
            call(t(9, low=-0.2, high=1.2), 0.1),
        ],
        real(_logit),
        large=call(t(257, 301, low=0.01, high=0.99)),
        special=True,
    ),
    Case(
        "mvlgamma",
        [call(t(3, 4, low=2.2, high=6), 3), call(t(5, low=0.5, high=4), 1), call(t(0, 3), 2)],
        None,
        FLOATS,
        large=call(t(257, 301, low=2.2, high=6), 3),
        lenient=True,
        tolerance=HALVES,
        why="a sum of terms, each rounded to half precision",
        errors=[(call(t(3), 0), RuntimeError, "p has to be")],
    ),
    Case(
        S + "polygamma",
        [
            call(1, t(3, 4, low=0.3, high=5)),
            call(0, t(5, low=0.3, high=5)),
            call(3, t(4, low=0.5, high=5)),
            call(2, t(0, 3)),
        ],
        None,
        large=call(1, t(257, 301, low=0.3, high=5)),
        tolerance={"float64": (1e-8, 1e-8)},
        why="PyTorch's trigamma is good to 1e-9; test_special.py asks for 1e-14",
        errors=[(call(-1, t(3)), RuntimeError, "negative n")],
    ),
    two("igamma", (0.3, 6), (0.2, 8), second=False, why="its slope in the first argument has no derivative"),
    two("igammac", (0.3, 6), (0.2, 8), second=False, why="its slope in the first argument has no derivative"),
    two(S + "xlog1py", (-2, 2), (-0.8, 3)),
    two(S + "zeta", (1.3, 6), (0.4, 6), gradient=False, why="no gradient passes to the first argument"),
    special("erfcx", -2, 3),
    special("ndtr", -3, 3),
    special("log_ndtr", -6, 3),
    special("ndtri", 0.02, 0.98),
    special("entr", 0.05, 3),
    special("i0e", -4, 4),
    special("i1", -4, 4),
    special("i1e", -4, 4),
    special("modified_bessel_k0", 0.2, 5),
    special("modified_bessel_k1", 0.2, 5),
    special("scaled_modified_bessel_k0", 0.2, 5),
    special("scaled_modified_bessel_k1", 0.2, 5),
    special("bessel_j0", -6, 6, **BESSEL),
    special("bessel_j1", -6, 6, **BESSEL),
    special("bessel_y0", 0.3, 12, **BESSEL),
    special("bessel_y1", 0.3, 12, **BESSEL),
    special("spherical_bessel_j0", -6, 6),
    special("airy_ai", -6, 6, gradient=False, **BESSEL),
    polynomial("chebyshev_polynomial_t"),
    polynomial("chebyshev_polynomial_u"),
    polynomial("chebyshev_polynomial_v"),
    polynomial("chebyshev_polynomial_w"),
    polynomial("shifted_chebyshev_polynomial_t"),
    polynomial("shifted_chebyshev_polynomial_u"),
    polynomial("shifted_chebyshev_polynomial_v"),
    polynomial("shifted_chebyshev_polynomial_w"),
    polynomial("hermite_polynomial_h"),
    polynomial("hermite_polynomial_he"),
    polynomial("laguerre_polynomial_l"),
    polynomial("legendre_polynomial_p"),
]

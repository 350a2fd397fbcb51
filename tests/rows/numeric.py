"""Rows of angles, exponents, common divisors and the replacement of NaN."""

import numpy as np

from cases import Case
from rows.arithmetic import binary
from rows.elementwise import real, unary
from support import ALL, FLOATS, INTEGERS, call, index, t


def _nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf) if x.dtype.kind == "f" else x


def divisor(name, reference):
    pairs = [((3, 4), (3, 4)), ((3, 4), (4,)), ((), (3,)), ((0, 3), (1, 3)), ((), ()), ((37,), (1,))]
    return Case(
        name,
        [call(t(*a, low=-2.5, high=2.5), t(*b, low=-2.5, high=2.5)) for a, b in pairs],
        reference,
        INTEGERS,
        gradient=False,
        large=call(t(3, 25, 301, dtype="int64", low=-99, high=99), t(25, 1, dtype="int64", low=-99, high=99)),
        errors=[(call(t(3, dtype="float32"), t(3)), RuntimeError, "integers")],
    )


ROWS = [
    unary("deg2rad", real(np.deg2rad)),
    unary("rad2deg", real(np.rad2deg)),
    binary("logaddexp2", real(np.logaddexp2), scalar=None, shown="logaddexp"),
    Case(
        "float_power",
        [call(t(3, 4, low=0.3, high=2), t(4)), call(t(5, low=0.3, high=2), 2), call(2.5, t(3)), call(t(0, 3), 2)],
        real(np.power),
        ("float64",),
        lenient=True,
        large=call(t(3, 257, 301, low=0.3, high=2), 1.5),
        errors=[(call(2, 3), TypeError, "at least one must be a Tensor")],
    ),
    Case(
        "ldexp",
        [call(t(3, 4), index(4, high=4)), call(t(2, 1), index(3, high=4)), call(t(), index(high=3)), call(t(0, 3), index(3, high=2))],
        real(lambda x, e: x * 2.0**e),
        ALL,
        large=call(t(3, 257, 301), index(301, high=4)),
    ),
    Case(
        "frexp",
        [call(t(3, 4, low=-9, high=9)), call(t()), call(t(0, 3)), call(t(37, low=0.001, high=0.002))],
        lambda x: np.frexp(x),
        FLOATS,
        large=call(t(3, 257, 301)),
    ),
    divisor("gcd", np.gcd),
    divisor("lcm", np.lcm),
    Case(
        "nan_to_num",
        [call(t(3, 4), 0.5, 1.0, -1.0), call(t()), call(t(0, 3)), call(t(37), posinf=2.0)],
        _nan_to_num,
        ALL,
        special=True,
        large=call(t(3, 257, 301)),
    ),
]  # fmt: skip

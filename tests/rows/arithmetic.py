"""Rows of the elementwise functions of two and three tensors."""

import numpy as np

from cases import Case
from rows.elementwise import real
from support import ALL, FLOATS, INTEGERS, INTEGRAL, NUMBERS, call, mask, t

PAIRS = [((3, 4), (3, 4)), ((3, 4), (4,)), ((), (3,)), ((2, 1, 3), (4, 1)), ((0, 3), (1, 3)), ((), ()), ((37,), (1,))]


def binary(name, reference, a=(-2.0, 2.0), b=(-2.0, 2.0), dtypes=ALL, scalar=2, **options):
    calls = [call(t(*p, low=a[0], high=a[1]), t(*q, low=b[0], high=b[1])) for p, q in PAIRS]
    if scalar is not None:
        calls.append(call(t(5, low=a[0], high=a[1]), scalar))
    shown = options.get("shown", name)
    errors = [(call(t(3), t(4)), RuntimeError, shown), (call(t(3), "x"), TypeError, "must be Tensor or number")]
    options = {"special": True, "errors": errors, **options}
    large = call(t(3, 257, 301, low=a[0], high=a[1]), t(257, 1, low=b[0], high=b[1]))
    return Case(name, calls, reference, dtypes, large=large, **options)


def flag(name, reference, **options):
    """A comparison: no gradient. Small integer-like values, so that some are equal."""
    case = binary(name, reference, gradient=False, **options)
    case.calls.append(call(t(4, values=(1, 2, 3, 0)), t(4, values=(1, 3, 2, 0))))
    return case


def _floor_divide(a, b):
    if np.asarray(a).dtype.kind == "f" or np.asarray(b).dtype.kind == "f":
        return np.floor(a / b)
    return a // b


def _div(a, b, rounding_mode=None):
    quotient = np.asarray(a, np.float64) / np.asarray(b, np.float64)
    if rounding_mode is None:
        return quotient
    rounded = np.floor(quotient) if rounding_mode == "floor" else np.trunc(quotient)
    return rounded if np.asarray(a).dtype.kind == "f" else rounded.astype(np.asarray(a).dtype)


def _xlogy(a, b):
    with np.errstate(all="ignore"):
        product = np.asarray(a, np.float64) * np.log(np.asarray(b, np.float64))
    return np.where(np.isnan(b), np.nan, np.where(np.asarray(a) == 0, 0.0, product))


def _copysign(a, b):
    return np.copysign(np.asarray(a, np.float64), np.asarray(b, np.float64))


def _lerp(a, b, w):
    return a + w * (b - a)


def _clamp(x, min=None, max=None):
    low = x if min is None else np.where(np.isnan(x) | np.isnan(min), x + min, np.maximum(x, min))
    return low if max is None else np.where(np.isnan(low) | np.isnan(max), low + max, np.minimum(low, max))


def _addcmul(x, a, b, value=1):
    return x + value * a * b


def _addcdiv(x, a, b, value=1):
    return x + value * a / b


ABOVE = (0.3, 3.0)  # divisors: away from 0
CLAMPS = [
    call(t(3, 4), min=0, max=1), call(t(3, 4), 0), call(t(3, 4), max=0), call(t(4), t(4, high=0), t(4, low=0)),
    call(t(3, 4), min=t(4, low=-1, high=0)), call(t(0, 3), 0, 1), call(t(), 0, 1), call(t(37), max=t(1)),
]  # fmt: skip
TERNARY = [((3, 4), (3, 4), (3, 4)), ((2, 3), (3,), (2, 1)), ((), (), ()), ((0, 3), (3,), (1, 3))]

ROWS = [
    binary("add", lambda a, b, alpha=1: a + alpha * b if alpha != 1 else np.add(a, b)),
    binary("sub", lambda a, b, alpha=1: a - alpha * b, dtypes=NUMBERS),
    binary("rsub", lambda a, b, alpha=1: b - alpha * a, dtypes=NUMBERS, shown="sub"),
    binary("mul", np.multiply),
    binary("true_divide", _div, b=ABOVE, shown="div"),
    Case(
        "div",
        [
            call(t(3, 4), t(4, low=0.3, high=3)),
            call(t(3, 4), t(4, low=0.3, high=3), rounding_mode="floor"),
            call(t(3, 4), 2, rounding_mode="trunc"),
            call(t(0, 2), 2),
        ],
        _div,
        dtypes=FLOATS,
        lenient=True,
        large=call(t(3, 257, 301), t(257, 1, low=0.3, high=3), rounding_mode="floor"),
        errors=[(call(t(3), 2, rounding_mode="up"), RuntimeError, "rounding_mode")],
    ),
    binary("floor_divide", _floor_divide, b=ABOVE, dtypes=NUMBERS, special=False),
    binary("remainder", np.remainder, b=ABOVE, dtypes=NUMBERS, special=False),
    binary("fmod", np.fmod, b=ABOVE, dtypes=NUMBERS, special=False),
    binary("pow", np.power, a=(0.3, 2), b=(0.2, 1.5), dtypes=NUMBERS),
    binary("atan2", real(np.arctan2)),
    binary("hypot", real(np.hypot)),
    binary("logaddexp", real(np.logaddexp)),
    binary("xlogy", _xlogy, b=ABOVE),
    binary("maximum", np.maximum, scalar=None),
    binary("minimum", np.minimum, scalar=None),
    binary("fmax", np.fmax, scalar=None),
    binary("fmin", np.fmin, scalar=None),
    binary("copysign", _copysign),
    binary("nextafter", None, dtypes=FLOATS, lenient=True, gradient=False, scalar=None),
    binary("heaviside", None, dtypes=NUMBERS, gradient=False, scalar=None),
    binary("bitwise_and", np.bitwise_and, dtypes=INTEGRAL, special=False),
    binary("bitwise_or", np.bitwise_or, dtypes=INTEGRAL, special=False),
    binary("bitwise_xor", np.bitwise_xor, dtypes=INTEGRAL, special=False),
    binary("bitwise_left_shift", np.left_shift, b=(0, 0.7), dtypes=INTEGERS, special=False),
    binary("bitwise_right_shift", np.right_shift, b=(0, 0.7), dtypes=INTEGERS, special=False),
    flag("eq", np.equal),
    flag("ne", np.not_equal),
    flag("lt", np.less),
    flag("le", np.less_equal),
    flag("gt", np.greater),
    flag("ge", np.greater_equal),
    flag("logical_and", np.logical_and, scalar=None),
    flag("logical_or", np.logical_or, scalar=None),
    flag("logical_xor", np.logical_xor, scalar=None),
    Case(
        "where",
        [
            call(mask(3, 4), t(3, 4), t(3, 4)),
            call(mask(4), t(3, 4), t(3, 1)),
            call(mask(3), t(3), 0),
            call(mask(), t(), t()),
            call(mask(0, 2), t(2), t(1)),
        ],
        np.where,
        large=call(mask(257, 301), t(3, 257, 301), t(301)),
        errors=[(call(mask(3), t(4), t(4)), RuntimeError, "where")],
    ),
    Case(
        "lerp",
        [call(t(*a), t(*b), t(*w)) for a, b, w in TERNARY] + [call(t(3, 4), t(4), 0.3)],
        _lerp,
        dtypes=FLOATS,
        lenient=True,
        large=call(t(3, 257, 301), t(301), 0.3),
    ),
    Case(
        "addcmul",
        [call(t(*a), t(*b), t(*c)) for a, b, c in TERNARY] + [call(t(3), t(3), t(3), value=2)],
        _addcmul,
        dtypes=NUMBERS,
        large=call(t(3, 257, 301), t(301), t(257, 1), value=3),
    ),
    Case(
        "addcdiv",
        [call(t(*a), t(*b), t(*c, low=0.3)) for a, b, c in TERNARY] + [call(t(3), t(3), t(3, low=0.3), value=2)],
        _addcdiv,
        dtypes=FLOATS,
        lenient=True,
        large=call(t(3, 257, 301), t(301), t(257, 1, low=0.3)),
    ),
    Case(
        "clamp",
        CLAMPS,
        _clamp,
        dtypes=NUMBERS,
        lenient=True,
        large=call(t(3, 257, 301), -1, 1),
        special=True,
        errors=[(call(t(3)), RuntimeError, "clamp")],
    ),
    binary("clamp_min", lambda x, m: _clamp(x, min=m), dtypes=NUMBERS, shown="maximum", lenient=True),
    binary("clamp_max", lambda x, m: _clamp(x, max=m), dtypes=NUMBERS, shown="minimum", lenient=True),
]

"""Elementwise functions made of others: angles, exponents, common divisors, replacement of NaN."""

from math import log, pi

from .. import _C
from .arithmetic import pow, where
from .define import function, in_place, method, op
from .elementwise import sigmoid
from .into import into

__all__ = [
    "deg2rad", "float_power", "frexp", "gcd", "lcm", "ldexp", "logaddexp2", "nan_to_num", "rad2deg",
]  # fmt: skip

_HALVES = (_C.float16, _C.bfloat16)


def _in_float(forward):
    """`forward` computed in float32 for half types, so that only the result is rounded."""

    def run(input, *rest):
        if getattr(input, "dtype", None) not in _HALVES:
            return forward(input, *rest)
        wide = [_C.cast(x, _C.float32) if getattr(x, "dtype", None) in _HALVES else x for x in rest]
        return _C.cast(forward(_C.cast(input, _C.float32), *wide), input.dtype)

    return run


def _into(forward):
    """The in-place form of a forward: its result, checked to fit, copied into the first argument."""

    def run(input, *rest):
        result = forward(input, *rest)
        if not _C.can_cast(result.dtype, input.dtype):
            raise RuntimeError(
                f"result type {result.dtype} can't be cast to the desired output type {input.dtype}: "
                "use the form that is not in place, or convert the input first"
            )
        if result.shape != input.shape:
            raise RuntimeError(
                f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(result.shape)}"
            )
        return _C.copy_into(input, result, False)

    return run


# ---- angles


def _scaled(factor):
    return lambda input: _C.mul(input, factor)


@op(_scaled(pi / 180), broadcasts=True, input=lambda g: g * (pi / 180))
def deg2rad(input):
    """Degrees as radians.

    >>> import tensorx as tx
    >>> tx.deg2rad(tx.tensor([0.0, 180.0]))
    tensor([0.0000, 3.1416])
    """


@op(_scaled(180 / pi), broadcasts=True, input=lambda g: g * (180 / pi))
def rad2deg(input):
    """Radians as degrees.

    >>> import tensorx as tx
    >>> tx.rad2deg(tx.tensor([0.0, 3.14159265]))
    tensor([  0., 180.])
    """


deg2rad_ = in_place(deg2rad, forward=_into(_scaled(pi / 180)))
rad2deg_ = in_place(rad2deg, forward=_into(_scaled(180 / pi)))


# ---- exponents


def _logaddexp2_forward(input, other):
    return _C.div(_C.logaddexp(_C.mul(input, log(2)), _C.mul(other, log(2))), log(2))


@op(
    _in_float(_logaddexp2_forward),
    broadcasts=True,
    input=lambda g, input, other: g * sigmoid((input - other) * log(2)),
    other=lambda g, input, other: g * sigmoid((other - input) * log(2)),
)
def logaddexp2(input, other):
    """log2(2**input + 2**other), without overflow.

    >>> import tensorx as tx
    >>> tx.logaddexp2(tx.tensor([1000.0]), tx.tensor([1000.0]))
    tensor([1001.])
    """


@function
def float_power(input, exponent, *, out=None):
    """input to the power of exponent, computed in float64; either may be a number.

    >>> import tensorx as tx
    >>> tx.float_power(tx.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=tensorx.float64)
    """
    if not any(isinstance(x, _C.TensorBase) for x in (input, exponent)):
        raise TypeError("float_power(): input and exponent are both numbers: at least one must be a Tensor")
    return pow(_double(input), _double(exponent), out=out)


def _double(x):
    if not isinstance(x, (_C.TensorBase, int, float)):
        raise TypeError(f"float_power(): input and exponent must be Tensor or number, not {type(x).__name__}")
    return x.to(_C.float64) if isinstance(x, _C.TensorBase) else float(x)


@method
def float_power_(input, exponent):
    """In-place form of `float_power`, for float64 tensors."""
    if input.dtype is not _C.float64:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {input.dtype} but the operation's result requires dtype "
            "tensorx.float64"
        )
    return input.pow_(_double(exponent))


@function
def ldexp(input, other, *, out=None):
    """input * 2**other.

    >>> import tensorx as tx
    >>> tx.ldexp(tx.tensor([1.0]), tx.tensor([1, 2, 3]))
    tensor([2., 4., 8.])
    """
    made = input * pow(2.0, other)
    if input.dtype.is_floating_point and not other.dtype.is_floating_point:
        made = made.to(input.dtype)
    return into(out, made)


@method
def ldexp_(input, other):
    """In-place form of `ldexp`."""
    return input.mul_(pow(2.0, other))


# (integer dtype, bits of the fraction, bits of the exponent set, exponent of 1.0) of the formats taken apart
_FORMATS = {_C.float32: (_C.int32, 23, 0xFF, 127), _C.float64: (_C.int64, 52, 0x7FF, 1023)}


@op(method=False, nondifferentiable=True)
def _exponent(input):
    """The power of 2 by which frexp divides: 0 for 0, infinities and NaN."""
    integer, fraction, ones, one = _FORMATS[input.dtype]
    # Subnormal numbers have no exponent of their own: scaled up, they are normal ones.
    tiny = _C.lt(_C.abs(input), 2.0 ** (1 - one))
    scaled = _C.where(tiny, _C.mul(input, 2.0**fraction), input)
    bits = _C.bitwise_and(_C.bitwise_right_shift(_C.view_dtype(scaled, integer), fraction), ones)
    exponent = _C.sub(_C.sub(bits, one - 1), _C.mul(_C.cast(tiny, integer), fraction))
    plain = _C.logical_or(_C.eq(input, 0), _C.logical_not(_C.isfinite(input)))
    return _C.masked_fill(exponent, plain, 0)


def _power_of_two(exponent, dtype):
    """2**exponent, exactly, for the exponents of normal numbers."""
    _, fraction, _, one = _FORMATS[dtype]
    return _C.view_dtype(_C.bitwise_left_shift(_C.add(exponent, one), fraction), dtype)


@function
def frexp(input, *, out=None):
    """Each element as mantissa * 2**exponent, with a mantissa in [0.5, 1): (mantissa, exponent as int32).

    >>> import tensorx as tx
    >>> mantissa, exponent = tx.frexp(tx.tensor([6.0, 0.0]))
    >>> mantissa, exponent
    (tensor([0.7500, 0.0000]), tensor([3, 0], dtype=tensorx.int32))
    """
    from .. import return_types

    if not input.dtype.is_floating_point:
        raise RuntimeError(f"frexp(): input must have a floating point dtype, but got {input.dtype}")
    x = input.to(_C.float32) if input.dtype in _HALVES else input
    exponent = _exponent(x)
    first = _C.bitwise_right_shift(exponent, 1)  # in two steps, neither of which overflows
    mantissa = x * _power_of_two(_C.neg(first), x.dtype) * _power_of_two(_C.sub(first, exponent), x.dtype)
    return into(out, return_types.frexp(mantissa.to(input.dtype), _C.cast(exponent, _C.int32)), resize=True)


# ---- common divisors


def _integers(name, input, other):
    for x in (input, other):
        if x.dtype.is_floating_point or x.dtype is _C.bool:
            raise RuntimeError(f"{name}(): expected tensors of integers, but got {x.dtype}")


def _gcd_forward(input, other):
    """Euclid's algorithm for all elements at once: as many steps as the slowest pair needs, at most about 90."""
    _integers("gcd", input, other)
    a, b = _C.abs(input), _C.abs(other)
    dtype = _C.result_type(a, b)
    a, b = _C.cast(a, dtype), _C.cast(b, dtype)
    while _C.any(b, None, False).item():
        done = _C.eq(b, 0)
        a, b = _C.where(done, a, b), _C.where(done, b, _C.fmod(a, _C.where(done, 1, b)))
    return _C.clone(_C.expand(a, _C.broadcast_shape([a, b]), False))


def _lcm_forward(input, other):
    _integers("lcm", input, other)
    divisor = _gcd_forward(input, other)
    return _C.abs(_C.mul(_C.trunc_divide(input, _C.where(_C.eq(divisor, 0), 1, divisor)), other))


@op(_gcd_forward, nondifferentiable=True)
def gcd(input, other):
    """The greatest common divisor of each pair of integers; gcd(0, 0) is 0.

    >>> import tensorx as tx
    >>> tx.gcd(tx.tensor([12, 18]), tx.tensor([8]))
    tensor([4, 2])
    """


@op(_lcm_forward, nondifferentiable=True)
def lcm(input, other):
    """The least common multiple of each pair of integers; 0 where one is 0.

    >>> import tensorx as tx
    >>> tx.lcm(tx.tensor([4, 0]), tx.tensor([6]))
    tensor([12,  0])
    """


gcd_ = in_place(gcd, forward=_into(_gcd_forward))
lcm_ = in_place(lcm, forward=_into(_lcm_forward))


# ---- NaN


def _nan_to_num_forward(input, nan, posinf, neginf):
    if not input.dtype.is_floating_point:
        return _C.clone(input)
    from ..dtypes import finfo

    limits = finfo(input.dtype)
    result = _C.where(_C.isnan(input), 0.0 if nan is None else nan, input)
    result = _C.where(_C.isposinf(input), limits.max if posinf is None else posinf, result)
    return _C.where(_C.isneginf(input), limits.min if neginf is None else neginf, result)


@op(_nan_to_num_forward, input=lambda g, input: where(input.isfinite(), g, 0.0))
def nan_to_num(input, nan=None, posinf=None, neginf=None):
    """Numbers in the place of NaN (0), inf and -inf (the largest and smallest finite ones, unless given).

    >>> import tensorx as tx
    >>> tx.nan_to_num(tx.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """


nan_to_num_ = in_place(nan_to_num, forward=_into(_nan_to_num_forward))

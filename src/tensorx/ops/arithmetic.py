"""Elementwise functions of two or three tensors: arithmetic, comparison, selection."""

from .. import _C
from .define import alias, function, in_place, methods, op
from .elementwise import digamma, exp, log, log2, sigmoid, sign  # noqa: F401

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "arctan2",
    "atan2",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "clamp",
    "clamp_",
    "clamp_max",
    "clamp_min",
    "clip",
    "clip_",
    "copysign",
    "div",
    "divide",
    "eq",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "heaviside",
    "hypot",
    "le",
    "lerp",
    "less",
    "less_equal",
    "logaddexp",
    "logical_and",
    "logical_or",
    "logical_xor",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "ne",
    "nextafter",
    "not_equal",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
    "where",
    "xlogy",
]


def _scaled(other, alpha):
    return other if alpha == 1 else _C.mul(other, alpha)


def _scale_gradient(g, alpha):
    return g if alpha == 1 else g * alpha


@op(_C.add, broadcasts=True, method=False, node_name="AddBackward0", input=lambda g: g, other=lambda g: g)
def _add(input, other):
    """The sum, without alpha."""


@op(_C.sub, broadcasts=True, method=False, node_name="SubBackward0", input=lambda g: g, other=lambda g: -g)
def _sub(input, other):
    """The difference, without alpha."""


@op(_C.add_scaled, broadcasts=True, input=lambda g: g, other=lambda g, alpha: _scale_gradient(g, alpha))
def add(input, other, *, alpha=1):
    """input + alpha * other.

    Args:
        input, other: tensors of shapes that broadcast, or numbers.
        alpha: a number; an integer when the result is one.

    >>> import tensorx as tx
    >>> tx.add(tx.tensor([1, 2]), 10)
    tensor([11, 12])
    """


@op(_C.sub_scaled, broadcasts=True, input=lambda g: g, other=lambda g, alpha: _scale_gradient(-g, alpha))
def sub(input, other, *, alpha=1):
    """input - alpha * other."""


@op(_C.mul, broadcasts=True, input=lambda g, other: g * other, other=lambda g, input: g * input)
def mul(input, other):
    """The product of each pair of elements."""


@op(
    _C.div,
    broadcasts=True,
    node_name="DivBackward0",
    method=False,
    input=lambda g, other: g / other,
    other=lambda g, input, other: -g * (input / other / other),
)
def true_divide(input, other):
    """The quotient; integers divide to the default floating type."""


@op(_C.floor_divide, broadcasts=True, input=lambda g: g * 0, other=lambda g: g * 0)
def floor_divide(input, other):
    """The quotient rounded down."""


@op(_C.trunc_divide, broadcasts=True, method=False, input=lambda g: g * 0, other=lambda g: g * 0)
def trunc_divide(input, other):
    """The quotient rounded towards 0."""


_DIVISIONS = {None: true_divide, "floor": floor_divide, "trunc": trunc_divide}


def _division(rounding_mode):
    if rounding_mode not in _DIVISIONS:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _DIVISIONS[rounding_mode]


@function
def div(input, other, *, rounding_mode=None, out=None):
    """input / other; rounding_mode "floor" or "trunc" rounds the quotient down or towards 0.

    >>> import tensorx as tx
    >>> tx.div(tx.tensor([7.0, -7.0]), 2, rounding_mode="floor")
    tensor([ 3., -4.])
    """
    return _division(rounding_mode)(input, other, out=out)


@op(_C.remainder, broadcasts=True, input=lambda g: g, other=lambda g, input, other: -g * floor_divide(input, other))
def remainder(input, other):
    """The remainder of division, with the sign of the divisor, as Python's %."""


@op(_C.fmod, broadcasts=True, input=lambda g: g, other=lambda g, input, other: -g * trunc_divide(input, other))
def fmod(input, other):
    """The remainder of division, with the sign of the dividend, as C's fmod."""


def _pow_base(g, input, exponent):
    if not isinstance(exponent, _C.TensorBase):
        if exponent == 0:
            return g * 0
        if exponent == 1:
            return g
        return g * (input * 2) if exponent == 2 else g * (input ** (exponent - 1) * exponent)
    return where(exponent == 0, 0.0, g * (exponent * input ** (exponent - 1)))


def _pow_exponent(g, input, exponent, out):
    if out.dtype.is_complex:
        base = input if isinstance(input, _C.TensorBase) else _C.full((), input, out.dtype, out.device)
        return where(base == 0, 0.0, g * (out * log(base.to(out.dtype))))
    if not isinstance(input, _C.TensorBase):
        from math import inf
        from math import log as number_log

        factor = number_log(input) if input > 0 else (-inf if input == 0 else float("nan"))
        if input == 0:
            return where(exponent >= 0, 0.0, g * (out * factor))
        return g * (out * factor)
    return where((input == 0) & (exponent >= 0), 0.0, g * (out * log(input)))


@op(_C.pow, broadcasts=True, input=_pow_base, exponent=_pow_exponent)
def pow(input, exponent):
    """input to the power of exponent."""


@op(
    _C.atan2,
    broadcasts=True,
    input=lambda g, input, other: g * (other / (input * input + other * other)),
    other=lambda g, input, other: g * (-input / (input * input + other * other)),
)
def atan2(input, other):
    """The angle of the point (other, input), in (-pi, pi]."""


@op(
    _C.hypot,
    broadcasts=True,
    input=lambda g, input, out: g * (input / out),
    other=lambda g, other, out: g * (other / out),
)
def hypot(input, other):
    """The length of the hypotenuse: sqrt(input^2 + other^2), without overflow."""


@op(
    _C.logaddexp,
    broadcasts=True,
    input=lambda g, input, out: g * exp(input - out),
    other=lambda g, other, out: g * exp(other - out),
)
def logaddexp(input, other):
    """log(exp(input) + exp(other)), without overflow."""


@op(
    _C.xlogy,
    broadcasts=True,
    input=lambda g, input, other: where((input == 0) & (other <= 0), 0.0, g * log(other)),
    other=lambda g, input, other: g * (input / other),
)
def xlogy(input, other):
    """input * log(other), and 0 where input is 0."""


def _share_ties(g, input, other, wins):
    """Gradient of the larger (or smaller); equal elements share it."""
    return where(input == other, g / 2, where(wins, g, 0.0))


@op(
    _C.maximum,
    broadcasts=True,
    input=lambda g, input, other: _share_ties(g, input, other, input > other),
    other=lambda g, input, other: _share_ties(g, input, other, input < other),
)
def maximum(input, other):
    """The larger of each pair; NaN if either is. Equal elements share the gradient."""


@op(
    _C.minimum,
    broadcasts=True,
    input=lambda g, input, other: _share_ties(g, input, other, input < other),
    other=lambda g, input, other: _share_ties(g, input, other, input > other),
)
def minimum(input, other):
    """The smaller of each pair; NaN if either is. Equal elements share the gradient."""


@op(
    _C.fmax,
    broadcasts=True,
    input=lambda g, input, other: where((input >= other) | isnan_(other), g, 0.0),
    other=lambda g, input, other: where((input >= other) | isnan_(other), 0.0, g),
)
def fmax(input, other):
    """The larger of each pair, ignoring NaN."""


@op(
    _C.fmin,
    broadcasts=True,
    input=lambda g, input, other: where((input <= other) | isnan_(other), g, 0.0),
    other=lambda g, input, other: where((input <= other) | isnan_(other), 0.0, g),
)
def fmin(input, other):
    """The smaller of each pair, ignoring NaN."""


def isnan_(x):
    return x != x


@op(
    _C.copysign,
    broadcasts=True,
    input=lambda g, input, out: where(input == 0, 0.0, g * (sign(input) * sign(out))),
    other=lambda g: g * 0,
)
def copysign(input, other):
    """The magnitude of input with the sign of other."""


@op(_C.nextafter)
def nextafter(input, other):
    """The next representable number after input in the direction of other."""


@op(_C.heaviside)
def heaviside(input, values):
    """0 where input < 0, values where it is 0, else 1."""


@op(_C.bitwise_and)
def bitwise_and(input, other):
    """Bits set in both; the logical and of booleans."""


@op(_C.bitwise_or)
def bitwise_or(input, other):
    """Bits set in either; the logical or of booleans."""


@op(_C.bitwise_xor)
def bitwise_xor(input, other):
    """Bits set in exactly one."""


@op(_C.bitwise_left_shift)
def bitwise_left_shift(input, other):
    """input * 2**other, by shifting bits."""


@op(_C.bitwise_right_shift)
def bitwise_right_shift(input, other):
    """input shifted right by other bits; the sign is kept."""


@op(_C.eq)
def eq(input, other):
    """True where the elements are equal."""


@op(_C.ne)
def ne(input, other):
    """True where the elements differ."""


@op(_C.lt)
def lt(input, other):
    """True where input < other."""


@op(_C.le)
def le(input, other):
    """True where input <= other."""


@op(_C.gt)
def gt(input, other):
    """True where input > other."""


@op(_C.ge)
def ge(input, other):
    """True where input >= other."""


@op(_C.logical_and)
def logical_and(input, other):
    """True where both are nonzero."""


@op(_C.logical_or)
def logical_or(input, other):
    """True where either is nonzero."""


@op(_C.logical_xor)
def logical_xor(input, other):
    """True where exactly one is nonzero."""


@op(
    _C.where,
    broadcasts=True,
    method=False,
    node_name="WhereBackward0",
    input=lambda g, condition: _where(condition, g, 0.0),
    other=lambda g, condition: _where(condition, 0.0, g),
)
def _where(condition, input, other):
    """The three-argument form."""


def where(condition, input=None, other=None, *, out=None):
    """input where condition holds, else other; with the condition alone, the indices where it holds (as a tuple).

    Args:
        condition: a boolean tensor. input, other: tensors or numbers. All shapes broadcast.

    >>> import tensorx as tx
    >>> x = tx.tensor([-1.0, 2.0])
    >>> tx.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    return _where(condition, input, other, out=out)


def _where_method(self, condition, other):
    """The tensor where condition holds, else other; see `tensorx.where`."""
    return where(condition, self, other)


_where_method.__name__ = _where_method.__qualname__ = "where"
methods["where"] = _where_method


@op(
    _C.lerp,
    broadcasts=True,
    input=lambda g, weight: g * (1 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, input, end: g * (end - input),
)
def lerp(input, end, weight):
    """input + weight * (end - input)."""


def _addcmul(input, tensor1, tensor2, value):
    return _C.addcmul(input, tensor1 if value == 1 else _C.mul(tensor1, value), tensor2)


@op(
    broadcasts=True,
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: _scale_gradient(g * tensor2, value),
    tensor2=lambda g, tensor1, value: _scale_gradient(g * tensor1, value),
)
def addcmul(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 * tensor2."""
    return _addcmul(input, tensor1, tensor2, value)


@op(
    broadcasts=True,
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: _scale_gradient(g / tensor2, value),
    tensor2=lambda g, tensor1, tensor2, value: _scale_gradient(-g * (tensor1 / (tensor2 * tensor2)), value),
)
def addcdiv(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 / tensor2."""
    return _C.addcdiv(input, tensor1 if value == 1 else _C.mul(tensor1, value), tensor2)


@op(
    _C.clamp,
    broadcasts=True,
    method=False,
    node_name="ClampBackward1",
    input=lambda g, input, min, max: where((input >= min) & (input <= max), g, 0.0),
    min=lambda g, input, min, max: where((min > input) & (min < max), g, 0.0),
    max=lambda g, input, min, max: where((input > max) | (max < min), g, 0.0),
)
def _clamp(input, min, max):
    """Both bounds given."""


def _at_least(input, min):
    return _C.maximum(input, min)


@op(
    _C.maximum,
    broadcasts=True,
    input=lambda g, input, min: where(input >= min, g, 0.0),
    min=lambda g, input, min: where(min > input, g, 0.0),
)
def clamp_min(input, min):
    """Each element, but at least `min`."""


@op(
    _C.minimum,
    broadcasts=True,
    input=lambda g, input, max: where(input <= max, g, 0.0),
    max=lambda g, input, max: where(input > max, g, 0.0),
)
def clamp_max(input, max):
    """Each element, but at most `max`."""


@function
def clamp(input, min=None, max=None, *, out=None):
    """Each element limited to [min, max]; either bound may be None, a number or a tensor.

    >>> import tensorx as tx
    >>> tx.clamp(tx.tensor([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("clamp(): at least one of 'min' or 'max' must not be None")
    if max is None:
        return clamp_min(input, min, out=out)
    if min is None:
        return clamp_max(input, max, out=out)
    return _clamp(input, min, max, out=out)


_clamp_ = in_place(_clamp, "_clamp_", method=False)
clamp_min_ = in_place(clamp_min)
clamp_max_ = in_place(clamp_max)


@function
def clamp_(input, min=None, max=None):
    """In-place form of `clamp`."""
    if min is None and max is None:
        raise RuntimeError("clamp_(): at least one of 'min' or 'max' must not be None")
    if max is None:
        return clamp_min_(input, min)
    if min is None:
        return clamp_max_(input, max)
    return _clamp_(input, min, max)


def _addc_into(kernel):
    def forward(input, tensor1, tensor2, value):
        return kernel(input, tensor1 if value == 1 else _C.mul(tensor1, value), tensor2, input)

    return forward


_IN_PLACE = (
    add, sub, mul, floor_divide, remainder, fmod, pow, atan2, hypot, xlogy, copysign, nextafter, heaviside, bitwise_and,
    bitwise_or, bitwise_xor, bitwise_left_shift, bitwise_right_shift, eq, ne, lt, le, gt, ge, logical_and, logical_or,
    logical_xor, lerp,
)  # fmt: skip
in_place_forms = {made.name + "_": in_place(made) for made in _IN_PLACE}
true_divide_ = in_place(true_divide, "true_divide_")
trunc_divide_ = in_place(trunc_divide, "trunc_divide_", method=False)
addcmul_ = in_place(addcmul, forward=_addc_into(_C.addcmul))
addcdiv_ = in_place(addcdiv, forward=_addc_into(_C.addcdiv))
methods["true_divide"] = true_divide


@function
def div_(input, other, *, rounding_mode=None):
    """In-place form of `div`."""
    _division(rounding_mode)
    return {None: true_divide_, "floor": in_place_forms["floor_divide_"], "trunc": trunc_divide_}[rounding_mode](
        input, other
    )


@function
def rsub(input, other, *, alpha=1):
    """other - alpha * input."""
    return sub(other, input, alpha=alpha)


subtract = alias("subtract", sub)
multiply = alias("multiply", mul)
divide = alias("divide", div)
greater = alias("greater", gt)
greater_equal = alias("greater_equal", ge)
less = alias("less", lt)
less_equal = alias("less_equal", le)
not_equal = alias("not_equal", ne)
arctan2 = alias("arctan2", atan2)
clip = alias("clip", clamp)
clip_ = alias("clip_", clamp_)

for _slot, _op in {
    "add": _add,
    "sub": _sub,
    "mul": mul,
    "true_divide": true_divide,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "pow": pow,
    "bitwise_and": bitwise_and,
    "bitwise_or": bitwise_or,
    "bitwise_xor": bitwise_xor,
    "lshift": bitwise_left_shift,
    "rshift": bitwise_right_shift,
    "eq": eq,
    "ne": ne,
    "lt": lt,
    "le": le,
    "gt": gt,
    "ge": ge,
}.items():
    _C.set_slot(_slot, _op)
for _slot, _name in {
    "add_": "add_",
    "sub_": "sub_",
    "mul_": "mul_",
    "floor_divide_": "floor_divide_",
    "remainder_": "remainder_",
    "pow_": "pow_",
    "bitwise_and_": "bitwise_and_",
    "bitwise_or_": "bitwise_or_",
    "bitwise_xor_": "bitwise_xor_",
    "lshift_": "bitwise_left_shift_",
    "rshift_": "bitwise_right_shift_",
}.items():
    _C.set_slot(_slot, in_place_forms[_name])
_C.set_slot("true_divide_", true_divide_)

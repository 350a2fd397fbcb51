"""Limits of the dtypes, and their short names."""

from __future__ import annotations

from . import _C
from .ops.convert import dtype_name

__all__ = ["cdouble", "cfloat", "double", "finfo", "float", "half", "iinfo", "int", "long", "short"]

float, double, half = _C.float32, _C.float64, _C.float16
int, long, short = _C.int32, _C.int64, _C.int16
cfloat, cdouble = _C.complex64, _C.complex128

# dtype: bits of the exponent, stored bits of the mantissa, decimal digits that are exact
_FLOATS = {_C.float16: (5, 10, 3), _C.bfloat16: (8, 7, 2), _C.float32: (8, 23, 6), _C.float64: (11, 52, 15)}


class finfo:
    """The limits of a float dtype (default: the default dtype): bits, eps, max, min, tiny, smallest_normal, resolution.

    Of a complex dtype: those of its parts.
    """

    def __init__(self, type: _C.dtype | None = None) -> None:
        type = _C.get_default_dtype() if type is None else type
        if isinstance(type, _C.dtype):
            type = type.to_real()
        if type not in _FLOATS:
            raise TypeError(
                f"tensorx.finfo() requires a floating point input type, not {type}. Use tensorx.iinfo for integers"
            )
        exponent, mantissa, digits = _FLOATS[type]
        bias = (1 << (exponent - 1)) - 1
        self.bits = 8 * type.itemsize
        self.dtype = dtype_name(type)
        self.eps = 2.0**-mantissa
        self.max = (2.0 - self.eps) * 2.0**bias
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - bias)
        self.resolution = 10.0**-digits

    def __repr__(self) -> str:
        shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{n}={getattr(self, n):.6g}' for n in shown)}, dtype={self.dtype})"

    def __eq__(self, other):
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)


def promotion_table() -> str:
    """The dtype that two tensors' dtypes promote to, as a Markdown table; empty where there is none."""
    dtypes = sorted((v for v in vars(_C).values() if isinstance(v, _C.dtype)), key=lambda dtype: dtype._number)

    def promoted(first, second):
        try:
            return dtype_name(_C.promote_types(first, second))
        except RuntimeError:
            return ""

    names = [dtype_name(dtype) for dtype in dtypes]
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for name, first in zip(names, dtypes, strict=True):
        lines.append(f"| **{name}** | {' | '.join(promoted(first, second) for second in dtypes)} |")
    return "\n".join(lines)


class iinfo:
    """The limits of an integer dtype: bits, max, min."""

    def __init__(self, type: _C.dtype) -> None:
        if not isinstance(type, _C.dtype) or type._differentiable or type is _C.bool:
            raise TypeError(f"tensorx.iinfo() requires an integer input type, not {type}. Use tensorx.finfo for floats")
        self.bits = 8 * type.itemsize
        self.dtype = dtype_name(type)
        self.min = -(1 << (self.bits - 1)) if type.is_signed else 0
        self.max = (1 << (self.bits - type.is_signed)) - 1

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other):
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)

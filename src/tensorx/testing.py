"""Comparison of results in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import _C
from .creation import tensor
from .ops.layout import strided
from .tensor import Tensor

__all__ = ["assert_close"]

# Relative and absolute tolerance by dtype, PyTorch's; others are compared exactly.
_TOLERANCES = {
    _C.float16: (1e-3, 1e-5), _C.bfloat16: (1.6e-2, 1e-5), _C.float32: (1.3e-6, 1e-5), _C.float64: (1e-7, 1e-7),
    _C.complex64: (1.3e-6, 1e-5), _C.complex128: (1e-7, 1e-7),
}  # fmt: skip
_NUMBER_TYPES = {bool: _C.bool, int: _C.int64, float: _C.float64, complex: _C.complex128}


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True,
    check_stride: bool = False, msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """Raise AssertionError, which says where and by how much, unless |actual - expected| <= atol + rtol |expected| everywhere.

    actual, expected: tensors, numbers, NumPy arrays, None, or sequences and mappings of these, of the same structure.
    rtol, atol: both or neither; by default those of the dtype (float32: 1.3e-6 and 1e-5; integers: 0), the larger of the two
    sides. equal_nan: NaN equals NaN. check_device, check_dtype, check_layout, check_stride: whether tensors have to agree in
    these as well. msg: another message, or a function that makes one of the message. TypeError: for what cannot be compared.

    >>> import tensorx as tx
    >>> tx.testing.assert_close(tx.tensor([1.0, 2.0]), tx.tensor([1.0, 2.0000001]))
    >>> tx.testing.assert_close([1, 2], [1, 3])
    Traceback (most recent call last):
        ...
    AssertionError: Scalars are not equal!
    <BLANKLINE>
    Expected 3 but got 2.
    Absolute difference: 1
    Relative difference: 0.3333333333333333
    <BLANKLINE>
    The failure occurred for item [1]
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    checks = [
        name for name, wanted in [("device", check_device), ("dtype", check_dtype), ("layout", check_layout)] if wanted
    ]
    for place, a, e in _pairs(actual, expected, "", allow_subclasses, msg):
        if isinstance(a, Tensor):
            _check_attributes(a, e, checks, check_stride, place, msg)
        _check_values(a, e, rtol, atol, equal_nan, place, msg)


def _fail(message: str, place: str, msg: str | Callable[[str], str] | None) -> None:
    if place:
        message += f"\n\nThe failure occurred for item {place}"
    raise AssertionError(msg(message) if callable(msg) else message if msg is None else msg)


def _pairs(a: Any, e: Any, place: str, allow_subclasses: bool, msg: Any) -> Iterator[tuple[str, Any, Any]]:
    """(place, actual, expected) of every two tensors and numbers; arrays become tensors."""
    related = isinstance(a, type(e)) or isinstance(e, type(a)) if allow_subclasses else type(a) is type(e)
    if a is None or e is None:
        if a is not e:
            _fail(f"None mismatch: {a} is not {e}", place, msg)
    elif isinstance(a, Tensor) and isinstance(e, Tensor) and related:
        yield place, a, e
    elif isinstance(a, np.ndarray) and isinstance(e, np.ndarray):
        yield place, tensor(a), tensor(e)
    elif isinstance(a, (int, float, complex)) and isinstance(e, (int, float, complex)):
        yield place, a, e
    elif isinstance(a, Mapping) and isinstance(e, Mapping):
        missing, additional = [k for k in e if k not in a], [k for k in a if k not in e]
        if missing or additional:
            text = "The keys of the mappings do not match:"
            text += f"\nMissing keys in the actual mapping: {missing}" if missing else ""
            text += f"\nAdditional keys in the actual mapping: {additional}" if additional else ""
            _fail(text, place, msg)
        for key in a:
            yield from _pairs(a[key], e[key], f"{place}[{key!r}]", allow_subclasses, msg)
    elif isinstance(a, Sequence) and isinstance(e, Sequence) and not isinstance(a, str) and not isinstance(e, str):
        if len(a) != len(e):
            _fail(f"The length of the sequences mismatch: {len(a)} != {len(e)}", place, msg)
        for i in range(len(a)):
            yield from _pairs(a[i], e[i], f"{place}[{i}]", allow_subclasses, msg)
    else:
        raise TypeError(f"No comparison pair was able to handle inputs of type {type(a)} and {type(e)}.")


def _check_attributes(a: Tensor, e: Tensor, checks: list[str], check_stride: bool, place: str, msg: Any) -> None:
    found = [("shape", a.shape, e.shape), *((name, getattr(a, name), getattr(e, name)) for name in checks)]
    if check_stride and a.layout is strided and e.layout is strided:
        found.append(("stride()", a.stride(), e.stride()))
    for name, one, other in found:
        if one != other:
            _fail(f"The values for attribute '{name}' do not match: {one} != {other}.", place, msg)


def _check_values(
    a: Any, e: Any, rtol: float | None, atol: float | None, equal_nan: bool, place: str, msg: Any
) -> None:
    scalar = isinstance(a, (int, float, complex))
    if scalar and type(a) is not type(e):
        _fail(f"The (d)types do not match: {type(a)} != {type(e)}.", place, msg)
    if rtol is None or atol is None:
        rtol, atol = (max(both) for both in zip(_tolerances(a), _tolerances(e), strict=True))
    x, y = _array(a), _array(e)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        difference = np.abs(x - y)
        close = (x == y) | (np.isfinite(y) & (difference <= atol + rtol * np.abs(y)))
        if equal_nan:
            close |= np.isnan(x) & np.isnan(y)
        if close.all():
            return
        difference, relative = np.where(close, 0, difference), np.where(close, 0, difference / np.abs(y))
    word, allowed = ("close", " (up to {} allowed)") if rtol or atol else ("equal", "")
    if x.ndim == 0:
        text = f"Scalars are not {word}!\n\nExpected {_plain(y[()])} but got {_plain(x[()])}.\n"
        text += f"Absolute difference: {_plain(difference[()])}{allowed.format(atol)}\n"
        text += f"Relative difference: {_plain(relative[()])}{allowed.format(rtol)}"
    else:
        wrong = int((~close).sum())
        text = f"Tensor-likes are not {word}!\n\nMismatched elements: {wrong} / {x.size} ({wrong / x.size:.1%})"
        for kind, values, limit in (("absolute", difference, atol), ("relative", relative, rtol)):
            at = np.unravel_index(values.argmax(), values.shape)
            index = tuple(int(i) for i in at)
            text += f"\nGreatest {kind} difference: {_plain(values[at])} at index {index}{allowed.format(limit)}"
    _fail(text, place, msg)


def _tolerances(x: Any) -> tuple[float, float]:
    dtype = x.dtype if isinstance(x, Tensor) else _NUMBER_TYPES.get(type(x), _C.float64)
    return _TOLERANCES.get(dtype, (0.0, 0.0))


def _array(x: Any) -> Any:
    """In the widest type of its kind: differences of integers are exact and do not wrap around."""
    if isinstance(x, Tensor):
        x = x.detach().to("cpu")
        x = x if x.layout is strided else x.to_dense()
        x = (x.float() if x.dtype is _C.bfloat16 else x).numpy()
    x = np.asarray(x)
    return x.astype({"c": np.complex128, "f": np.float64}.get(x.dtype.kind, np.longdouble))


def _plain(value: Any) -> Any:
    """As Python prints it. A longdouble came from integers."""
    if isinstance(value, np.longdouble) and value.is_integer():
        return int(value)
    return complex(value) if isinstance(value, np.complexfloating) else float(value)

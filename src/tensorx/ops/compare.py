"""Comparing whole tensors, and elements up to a tolerance."""

from .. import _C
from .define import function

__all__ = ["allclose", "equal", "isclose"]


@function
def equal(input, other):
    """True when both tensors have the same shape and equal elements; NaN equals nothing.

    >>> import tensorx as tx
    >>> tx.equal(tx.tensor([1, 2]), tx.tensor([1, 2]))
    True
    """
    return input.shape == other.shape and bool(_C.all(_C.eq(input, other), None, False).item())


@function
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """For each pair of elements whether |input - other| <= atol + rtol * |other|; `equal_nan` makes NaNs equal.

    >>> import tensorx as tx
    >>> tx.isclose(tx.tensor([1.0, 2.0]), tx.tensor([1.0 + 1e-7, 2.1]))
    tensor([ True, False])
    """
    if input.dtype != other.dtype:
        raise RuntimeError(f"isclose(): expected tensors of the same dtype, got {input.dtype} and {other.dtype}")
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"isclose(): rtol and atol must be greater than or equal to zero, got {rtol} and {atol}")
    input, other = input.detach(), other.detach()
    close = input == other
    if equal_nan:
        close = close | (input.isnan() & other.isnan())
    if not input.dtype._differentiable:
        input, other = input.to(_C.float64), other.to(_C.float64)
    error = (input - other).abs()
    return close | (error.isfinite() & (error <= (other * rtol).abs() + atol))


@function
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """True when `isclose` holds for all elements.

    >>> import tensorx as tx
    >>> tx.allclose(tx.tensor([1.0]), tx.tensor([1.0 + 1e-7]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())

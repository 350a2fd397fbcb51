"""autograd.Function within autocast regions: decorators of `forward` and `backward`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial, wraps

from .._C import dtype as dtype_class
from .autocast_mode import _checked, autocast, get_autocast_dtype, is_autocast_enabled
from .casting import cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: dtype_class | None = None
) -> Any:
    """Decorate the `forward` of an autograd.Function that is used within autocast regions. Goes with `custom_bwd`.

    Without `cast_inputs` the ops of `forward` run by autocast's rules. With it the floating-point tensors among its arguments
    (float64 excepted) are cast to that dtype and it runs without autocast. Outside of a region it does nothing.

    >>> import tensorx as tx
    >>> class Square(tx.autograd.Function):
    ...     @staticmethod
    ...     @tx.amp.custom_fwd(device_type="cpu", cast_inputs=tx.float32)
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     @tx.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * g
    >>> with tx.autocast("cpu"):
    ...     Square.apply(tx.ones(2, dtype=tx.bfloat16))
    tensor([1., 1.])
    """
    _checked("custom_fwd", device_type)
    if fwd is None:
        return partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @wraps(fwd)
    def forward(ctx, *args, **kwargs):
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = is_autocast_enabled(device_type) and cast_inputs is None
        if cast_inputs is None or not is_autocast_enabled(device_type):
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            args, kwargs = _cast_all((args, kwargs), device_type, cast_inputs)
            return fwd(ctx, *args, **kwargs)

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorate the `backward` of an autograd.Function: it runs with the autocast that `forward` ran with (`custom_fwd`)."""
    _checked("custom_bwd", device_type)
    if bwd is None:
        return partial(custom_bwd, device_type=device_type)

    @wraps(bwd)
    def backward(ctx, *args, **kwargs):
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *args, **kwargs)

    return backward


def _cast_all(value, device_type, dtype):
    """The tensors in nested containers cast."""
    if isinstance(value, Mapping):
        return {name: _cast_all(x, device_type, dtype) for name, x in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_cast_all(x, device_type, dtype) for x in value])
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) and not hasattr(value, "dtype"):  # an array
        return (_cast_all(x, device_type, dtype) for x in value)
    return cast(value, device_type, dtype)

"""`tensorx.amp` for CUDA tensors, by its old names."""

from __future__ import annotations

import warnings

from .. import amp
from .._C import dtype as dtype_class
from .._C import float16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class autocast(amp.autocast):
    """`tensorx.autocast('cuda', ...)`."""

    def __init__(self, enabled: bool = True, dtype: dtype_class = float16, cache_enabled: bool = True) -> None:
        _deprecated("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`tensorx.amp.GradScaler('cuda', ...)`."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("GradScaler")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: dtype_class | None = None) -> Any:
    """`tensorx.amp.custom_fwd(device_type='cuda')`."""
    _deprecated("custom_fwd")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Any:
    """`tensorx.amp.custom_bwd(device_type='cuda')`."""
    _deprecated("custom_bwd")
    return amp.custom_bwd(bwd, device_type="cuda")


def _deprecated(name):
    warnings.warn(
        f"tensorx.cuda.amp.{name}(...) is deprecated. Use tensorx.amp.{name}('cuda', ...) instead.",
        FutureWarning,
        stacklevel=3,
    )

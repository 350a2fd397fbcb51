"""`tensorx.amp` for CPU tensors, by its old names."""

from __future__ import annotations

import warnings

from .. import amp
from .._C import bfloat16
from .._C import dtype as dtype_class


class autocast(amp.autocast):
    """`tensorx.autocast('cpu', ...)`."""

    def __init__(self, enabled: bool = True, dtype: dtype_class = bfloat16, cache_enabled: bool = True) -> None:
        _deprecated("autocast")
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`tensorx.amp.GradScaler('cpu', ...)`."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("GradScaler")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def _deprecated(name):
    warnings.warn(
        f"tensorx.cpu.amp.{name}(...) is deprecated. Use tensorx.amp.{name}('cpu', ...) instead.",
        FutureWarning,
        stacklevel=3,
    )

"""PyTorch's switches for how numbers are computed."""

from __future__ import annotations

from . import _C
from .backends import conv
from .backends.settings import boolean

_PRECISIONS = ("highest", "high", "medium")
_state = {"precision": "highest", "deterministic": False, "warn_only": False}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for algorithms that give the same bits every time. All of tensorx's do, so nothing becomes slower or raises.

    Between algorithms of convolution, whose results differ in the last bits, `backends.conv.benchmark` chooses by time; `mode`
    is also `backends.conv.deterministic`, which keeps it from that.

    >>> import tensorx as tx
    >>> tx.use_deterministic_algorithms(True)
    >>> tx.are_deterministic_algorithms_enabled(), tx.backends.conv.deterministic
    (True, True)
    >>> tx.use_deterministic_algorithms(False)
    """
    mode = boolean("use_deterministic_algorithms: mode", mode)
    _state.update(deterministic=mode, warn_only=boolean("use_deterministic_algorithms: warn_only", warn_only) and mode)
    conv.deterministic = mode


def are_deterministic_algorithms_enabled() -> bool:
    """What use_deterministic_algorithms was last given.

    >>> import tensorx as tx
    >>> tx.are_deterministic_algorithms_enabled()
    False
    """
    return bool(_state["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether use_deterministic_algorithms was last given warn_only=True.

    >>> import tensorx as tx
    >>> tx.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return bool(_state["warn_only"])


def set_float32_matmul_precision(precision: str) -> None:
    """How exact products of float32 matrices are: 'highest' (exact float32), 'high' or 'medium'.

    Below 'highest', CUDA devices multiply on tensor cores, several times as fast: factors are rounded to TF32, which has the
    range of float32 and 10 bits of mantissa (3 digits), and sums are kept in float32. Rows or columns that cannot be read 16
    bytes at a time, and a few vectors, are multiplied exactly even so. The CPU is always exact. Convolutions too.

    >>> import tensorx as tx
    >>> tx.set_float32_matmul_precision("high")
    >>> tx.get_float32_matmul_precision()
    'high'
    >>> tx.set_float32_matmul_precision("highest")
    """
    if precision not in _PRECISIONS:
        raise ValueError(f"set_float32_matmul_precision: expected one of {', '.join(_PRECISIONS)}, got {precision!r}")
    _state["precision"] = precision
    _C.allow_tf32(precision != "highest")


def get_float32_matmul_precision() -> str:
    """What set_float32_matmul_precision, or `backends.cuda.matmul.allow_tf32` (True: 'high'), was last given.

    >>> import tensorx as tx
    >>> tx.get_float32_matmul_precision()
    'highest'
    """
    return str(_state["precision"])

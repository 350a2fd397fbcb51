"""PyTorch's settings of CUDA. Most switch nothing, as there is one implementation of each: they are kept for who asks.

- `matmul.allow_tf32`: products of float32 on tensor cores, as `tx.set_float32_matmul_precision("high")` allows it.
- `matmul.allow_*_reduction`: permissions that nothing makes use of. Products of half types are summed in float32.
- The kinds of attention that `sdp_kernel` and `enable_*_sdp` name: `scaled_dot_product_attention` is one formula.

>>> import tensorx as tx
>>> tx.backends.cuda.matmul.allow_tf32 = True
>>> tx.get_float32_matmul_precision()
'high'
>>> tx.backends.cuda.matmul.allow_tf32 = False
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import _C, numerics
from .settings import boolean, group, remembered


def _allow_tf32(allowed: bool) -> None:
    numerics.set_float32_matmul_precision("high" if boolean("backends.cuda.matmul.allow_tf32", allowed) else "highest")


matmul = group(
    "backends.cuda.matmul",
    "What products of matrices are allowed.",
    allow_tf32=(lambda: numerics.get_float32_matmul_precision() != "highest", _allow_tf32),
    **{
        name: remembered(f"backends.cuda.matmul.{name}", default)
        for name, default in (
            ("allow_fp16_reduced_precision_reduction", True),
            ("allow_bf16_reduced_precision_reduction", True),
        )
    },
)

_flash = remembered("flash_sdp_enabled", True)
_efficient = remembered("mem_efficient_sdp_enabled", True)
_math = remembered("math_sdp_enabled", True)
_cudnn = remembered("cudnn_sdp_enabled", True)


def is_built() -> bool:
    """Whether this build of tensorx has CUDA; whether there is a GPU for it, `tx.cuda.is_available()` says."""
    return _C.cuda_is_built()


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` was given last; True at first."""
    return _flash[0]()


def enable_flash_sdp(enabled: bool) -> None:
    """Kept for `flash_sdp_enabled`; switches nothing."""
    _flash[1](enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` was given last; True at first."""
    return _efficient[0]()


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Kept for `mem_efficient_sdp_enabled`; switches nothing."""
    _efficient[1](enabled)


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` was given last; True at first."""
    return _math[0]()


def enable_math_sdp(enabled: bool) -> None:
    """Kept for `math_sdp_enabled`; switches nothing: the formula is always available."""
    _math[1](enabled)


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` was given last; True at first."""
    return _cudnn[0]()


def enable_cudnn_sdp(enabled: bool) -> None:
    """Kept for `cudnn_sdp_enabled`; switches nothing."""
    _cudnn[1](enabled)


@contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[None]:
    """These four for a `with` block. Attention is computed in the same way in it.

    >>> import tensorx as tx
    >>> with tx.backends.cuda.sdp_kernel(enable_flash=False):
    ...     tx.backends.cuda.flash_sdp_enabled()
    False
    """
    kinds = (_flash, _math, _efficient, _cudnn)
    before = [get() for get, _ in kinds]
    try:
        for (_, assign), value in zip(
            kinds, (enable_flash, enable_math, enable_mem_efficient, enable_cudnn), strict=True
        ):
            assign(value)
        yield
    finally:
        for (_, assign), value in zip(kinds, before, strict=True):
            assign(value)

"""How nn.functional.scaled_dot_product_attention is computed: which of the ways to do it may be taken.

There are two: all attention weights at once (MATH), and a block of queries at a time, in memory that is linear in the
length of the sequences, which goes by any of PyTorch's names for that.
"""

from __future__ import annotations

from contextlib import contextmanager
from enum import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(IntEnum):
    """The ways of computing attention that PyTorch has. MATH is the plain one; those that follow it take blocks."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __repr__(self):
        return f"<SDPBackend.{self.name}: {self.value}>"

    def __str__(self):
        return f"SDPBackend.{self.name}"


_ALL = frozenset(SDPBackend) - {SDPBackend.ERROR}
_allowed = _ALL


@contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[dict]:
    """Within the block, scaled_dot_product_attention is computed in one of these ways.

    Args:
        backends: one, or a list. With MATH alone all weights exist at once; with any other, as without this block, long
            sequences are computed a block of queries at a time.
        set_priority: the order of the list is one of preference. Accepted; results do not depend on it.

    >>> import tensorx as tx
    >>> from tensorx.nn.attention import SDPBackend, sdpa_kernel
    >>> x = tx.ones(1, 4, 2)
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     tx.nn.functional.scaled_dot_product_attention(x, x, x).shape
    tensorx.Size([1, 4, 2])
    """
    global _allowed
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(chosen, list) or not all(isinstance(b, SDPBackend) for b in chosen):
        raise AssertionError(
            "sdpa_kernel: Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{backends!r} of type {type(backends).__name__}"
        )
    before, _allowed = _allowed, frozenset(chosen)
    try:
        yield {}
    finally:
        _allowed = before


def whole():
    """Whether all attention weights are to be computed at once."""
    if not _allowed & _ALL:
        raise RuntimeError(
            "scaled_dot_product_attention: No viable backend was found: sdpa_kernel() turned all of them off"
        )
    return _allowed == {SDPBackend.MATH}

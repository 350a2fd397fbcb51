"""Ranges and marks that NVIDIA's profilers show on the time line of a program, under PyTorch's names.

Made of the package `nvtx` (`pip install nvtx`); without a profiler around the program they cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_depth = 0


def _package() -> Any:
    try:
        import nvtx
    except ImportError:
        raise ModuleNotFoundError("tensorx.cuda.nvtx needs the package nvtx: pip install nvtx") from None
    return nvtx


def range_push(msg: str) -> int:
    """Begin a range within the one that is open; the number of open ones before."""
    global _depth
    _package().push_range(msg)
    _depth += 1
    return _depth - 1


def range_pop() -> int:
    """End the range that began last; the number of those that are still open."""
    global _depth
    _package().pop_range()
    _depth -= 1
    return _depth


def range_start(msg: str) -> Any:
    """Begin a range that any thread may end, with what this returns."""
    return _package().start_range(msg)


def range_end(range_id: Any) -> None:
    """End a range that range_start began."""
    _package().end_range(range_id)


def mark(msg: str) -> None:
    """Mark an instant."""
    _package().mark(msg)


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A range around a block or a function. msg is formatted with the other arguments.

    >>> import tensorx as tx
    >>> with tx.cuda.nvtx.range("step {}", 3):  # doctest: +SKIP
    ...     y = model(x)
    """
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()

"""record_function: names for parts of a program in a profile."""

from __future__ import annotations

from functools import wraps

from . import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class record_function:
    """Show a block, or the calls of a function, under a name of its own in the profile. Without a profiler it does nothing.

    >>> import tensorx as tx
    >>> with tx.profiler.profile() as prof:
    ...     with tx.profiler.record_function("square"):
    ...         _ = tx.ones(3) * tx.ones(3)
    >>> [e.key for e in prof.key_averages()]
    ['square', 'mul']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._spans: list[recorder.Span | None] = []

    def __enter__(self) -> record_function:
        name = self.name if self.args is None else f"{self.name}({self.args})"
        self._spans.append(None if recorder.active is None else recorder.active.open(name))
        return self

    def __exit__(self, *error: object) -> None:
        span = self._spans.pop()
        if span is not None:
            span.close()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args, **kwargs):
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return wrapper

"""The recorder behind the profilers: when every call of an op, every node of backward and every named block began and ended.

While one is active it is told of every call through `watching.watch_calls`, and of every node through the engine's
`watchers`. Times are those of the CPU; with `device_time`, a pair of CUDA events measures each call that has a CUDA tensor
among its arguments on the stream it runs on.
"""

from __future__ import annotations

import sys
from _thread import _local, get_ident
from time import perf_counter_ns

from .. import _C
from ..autograd import engine
from ..watching import watch_calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

active: Recorder | None = None


class Span:
    """Something that took time: a call, a node, a block. Nanoseconds, bytes."""

    name: str
    thread: int
    parent: Span | None
    recorder: Recorder
    start: int
    end: int  # 0 while it is open
    shapes: list[Any] | None
    stack: list[str] | None
    events: tuple[Any, Any] | None  # of CUDA, around it
    device_ns: int
    cpu_memory: int  # while it is open: what was allocated before it
    device_memory: int

    __slots__ = tuple(__annotations__)

    def close(self):
        """It ends now."""
        self.end = perf_counter_ns()
        self.recorder.closed(self)


class _Open(_local):
    def __init__(self):
        self.spans = []


class Recorder:
    """Records from `start()` to `stop()`; one at a time. `spans` are then in the order of their beginnings."""

    def __init__(self, shapes=False, memory=False, stack=False, device_time=False):
        self.with_shapes, self.with_memory, self.with_stack, self.device_time = shapes, memory, stack, device_time
        self.spans: list[Span] = []
        self._open = _Open()

    def start(self):
        global active
        if active is not None:
            raise RuntimeError("a profiler is running already: stop it before another one starts")
        active = self
        self._watching = watch_calls(self._before_call)
        engine.watchers.append(self._around_node)

    def stop(self):
        global active
        if active is not self:
            raise RuntimeError("this profiler is not running")
        active = None
        self._watching.remove()
        engine.watchers.remove(self._around_node)
        self.spans = [span for span in self.spans if span.end]
        if self.device_time:
            from .. import cuda

            cuda.synchronize()
            for span in self.spans:
                if span.events is not None:
                    span.device_ns = int(span.events[0].elapsed_time(span.events[1]) * 1e6)
                    span.events = None

    def open(self, name: str, arguments: Any = ()) -> Span:
        """Begin a span within the one that is open in this thread."""
        span, spans = Span(), self._open.spans
        span.name, span.thread, span.recorder = name, get_ident(), self
        span.parent = spans[-1] if spans else None
        span.shapes = _shapes(arguments) if self.with_shapes else None
        span.stack = _stack() if self.with_stack else None
        span.events = None
        span.end = span.device_ns = span.cpu_memory = span.device_memory = 0
        if self.with_memory:
            span.cpu_memory, span.device_memory = self._allocated()
        if self.device_time and _on_device(arguments):
            from ..cuda.streams import Event

            span.events = Event(enable_timing=True), Event(enable_timing=True)
            span.events[0].record()
        self.spans.append(span)
        spans.append(span)
        span.start = perf_counter_ns()
        return span

    def closed(self, span: Span) -> None:
        spans = self._open.spans
        while spans and spans.pop() is not span:  # those within it that were never closed
            pass
        if span.events is not None:
            span.events[1].record()
        if self.with_memory:
            cpu, device = self._allocated()
            span.cpu_memory, span.device_memory = cpu - span.cpu_memory, device - span.device_memory

    def _allocated(self):
        device = _C.cuda_memory_held(_C.cuda_current_device())[0] if self.device_time else 0
        return _C.memory_stats()["allocated"], device

    def _before_call(self, op, arguments):
        return self.open(op.name.lstrip("_"), arguments).close

    def _around_node(self, gradients, node, g):
        span = self.open(node.name(), g if isinstance(g, (tuple, list)) else (g,))
        try:
            return gradients(node, g)
        finally:
            span.close()


def _shapes(arguments):
    """Per argument its shape, [] for what is no tensor; a list of tensors gives a list of shapes."""
    return [
        list(x.shape) if isinstance(x, _C.TensorBase) else _shapes(x) if isinstance(x, (tuple, list)) else []
        for x in arguments
    ]


def _on_device(arguments):
    return any(
        x.device.type == "cuda" if isinstance(x, _C.TensorBase) else isinstance(x, (tuple, list)) and _on_device(x)
        for x in arguments
    )


def _stack():
    """The lines that led here, innermost first."""
    lines, frame = [], sys._getframe(3)
    while frame is not None:
        code = frame.f_code
        lines.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return lines

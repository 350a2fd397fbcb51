"""`autograd.profiler`: PyTorch's older name for the profiler, with the table and the sums on the profiler itself."""

from __future__ import annotations

from ..profiler import EventList, FunctionEvent, FunctionEventAvg, record_function
from ..profiler.recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "profile", "record_function"]


class profile:
    """Records every op within the block; see `tensorx.profiler.profile`, which can do more.

    Args:
        enabled: False makes it do nothing.
        use_device: "cuda" to measure time on the device, too; use_cuda=True is its older form.
        record_shapes, profile_memory, with_stack: what else to keep.
        with_modules, use_cpu, use_kineto: accepted for PyTorch's sake.

    >>> import tensorx as tx
    >>> with tx.autograd.profiler.profile() as prof:
    ...     _ = tx.ones(3).exp()
    >>> [e.name for e in prof.function_events]
    ['exp']
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
    ) -> None:
        if use_device not in (None, "cuda"):
            raise ValueError(f"profile(): use_device must be 'cuda' or None, but got {use_device!r}")
        self.enabled = enabled
        self._recorder = Recorder(record_shapes, profile_memory, with_stack, use_cuda or use_device == "cuda")
        self._events: EventList | None = None

    def __enter__(self) -> profile:
        if self.enabled:
            self._recorder.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.enabled:
            made = self._recorder
            made.stop()
            self._events = EventList.from_spans(made.spans, made.device_time, made.with_memory)

    @property
    def function_events(self) -> EventList:
        """All events. RuntimeError while the block has not ended."""
        if self._events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self._events

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The events added up by name; see EventList.key_averages."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n)

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """All events as a table; see EventList.table."""
        return self.function_events.table(sort_by, row_limit, **options)

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events for chrome://tracing or ui.perfetto.dev."""
        self.function_events.export_chrome_trace(path)

    def export_stacks(self, path: Any, metric: str = "self_cpu_time_total") -> None:
        """Write the stacks with their times, for a flame graph."""
        self.function_events.export_stacks(path, metric)

    def total_average(self) -> FunctionEventAvg:
        """All events in one sum."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events together."""
        return self.function_events.self_cpu_time_total

    def __str__(self) -> str:
        return "<unfinished profiler.profile>" if self._events is None else str(self._events)

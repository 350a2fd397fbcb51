"""What a profiler recorded: events, their sums per name, tables of them, and traces for other programs."""

from __future__ import annotations

from .recorder import Span
from .table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Interval:
    """A span of time, in microseconds from the start of the recording."""

    __slots__ = ("end", "start")

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long it is."""
        return self.end - self.start

    def __repr__(self) -> str:
        return f"Interval(start={self.start:.1f}, end={self.end:.1f})"


class _Figures:
    """The figures that an event and a sum of events both have: totals, in microseconds and bytes, and averages."""

    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    device_time_total: float
    self_device_time_total: float
    cpu_memory_usage: int
    self_cpu_memory_usage: int
    device_memory_usage: int
    self_device_memory_usage: int

    @property
    def cpu_time(self) -> float:
        """Average time per call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        """Average time on the device per call."""
        return self.device_time_total / self.count if self.count else 0.0

    # The older names of PyTorch's.
    cuda_time = property(lambda self: self.device_time)
    cuda_time_total = property(lambda self: self.device_time_total)
    self_cuda_time_total = property(lambda self: self.self_device_time_total)
    cuda_memory_usage = property(lambda self: self.device_memory_usage)
    self_cuda_memory_usage = property(lambda self: self.self_device_memory_usage)


SUMS = (
    "cpu_time_total",
    "self_cpu_time_total",
    "device_time_total",
    "self_device_time_total",
    "cpu_memory_usage",
    "self_cpu_memory_usage",
    "device_memory_usage",
    "self_device_memory_usage",
)


class FunctionEvent(_Figures):
    """One call of an op, one node of backward or one named block.

    `name`; `time_range`, an Interval; `thread`; `cpu_parent` and `cpu_children`; `input_shapes`, `stack` if recorded. Times in
    microseconds: `cpu_time_total` with what it called, `self_cpu_time_total` without; likewise `device_time_total`. Memory in
    bytes, gained minus given back: `cpu_memory_usage`, `self_cpu_memory_usage` and `device_memory_usage`.
    """

    def __init__(self, id: int, span: Span, origin: int) -> None:
        self.id, self.name, self.thread = id, span.name, span.thread
        self.time_range = Interval((span.start - origin) / 1e3, (span.end - origin) / 1e3)
        self.input_shapes, self.stack = span.shapes, span.stack
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.count = 1
        self.cpu_time_total = self.time_range.elapsed_us()
        self._device_time = span.device_ns / 1e3
        self.cpu_memory_usage, self.device_memory_usage = span.cpu_memory, span.device_memory

    @property
    def key(self) -> str:
        """What events are summed by."""
        return self.name

    @property
    def device_time_total(self) -> float:  # type: ignore[override]
        # Measured for a call of an op; a block or node takes what is within it.
        return max(self._device_time, sum(e.device_time_total for e in self.cpu_children))

    def _own(self, figure: str) -> Any:
        return getattr(self, figure) - sum(getattr(e, figure) for e in self.cpu_children)

    self_cpu_time_total = property(lambda self: self._own("cpu_time_total"))
    self_device_time_total = property(lambda self: self._own("device_time_total"))
    self_cpu_memory_usage = property(lambda self: self._own("cpu_memory_usage"))
    self_device_memory_usage = property(lambda self: self._own("device_memory_usage"))

    def __repr__(self) -> str:
        return f"<FunctionEvent {self.name} {self.cpu_time_total:.1f}us>"


class FunctionEventAvg(_Figures):
    """Events of one name (and shapes, and stack, if grouped by them) added up: `key`, `count`, and the figures of events."""

    def __init__(self, key: str, input_shapes: Any, stack: Any) -> None:
        self.key, self.input_shapes, self.stack = key, input_shapes, stack
        self.count = 0
        for name in SUMS:
            setattr(self, name, 0)

    @property
    def name(self) -> str:
        return self.key

    def add(self, event: FunctionEvent, is_counted: bool = False) -> None:
        """Count an event in; if `is_counted`, its totals are part of another event's that is counted in."""
        self.count += 1
        for name in SUMS:
            if not is_counted or name.startswith("self_"):
                setattr(self, name, getattr(self, name) + getattr(event, name))

    def __repr__(self) -> str:
        return f"<FunctionEventAvg {self.key} x{self.count} cpu {self.cpu_time_total:.1f}us>"


class EventList(list):
    """Events, or their sums, with ways to show them. `str()` is the table."""

    has_device = has_memory = False
    total_us = 0.0  # of the whole recording's events, without double counting

    @classmethod
    def from_spans(cls, spans: Iterable[Span], has_device: bool, has_memory: bool) -> EventList:
        """The events of a recording."""
        events = cls()
        spans = list(spans)
        origin = spans[0].start if spans else 0
        made = {id(span): FunctionEvent(i, span, origin) for i, span in enumerate(spans)}
        for span in spans:
            event, parent = made[id(span)], made.get(id(span.parent))
            if parent is not None:
                event.cpu_parent = parent
                parent.cpu_children.append(event)
            events.append(event)
        events._describe(has_device, has_memory, sum(e.cpu_time_total for e in events if e.cpu_parent is None))
        return events

    def _describe(self, has_device, has_memory, total_us):
        self.has_device, self.has_memory, self.total_us = has_device, has_memory, total_us

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events together."""
        return sum(e.self_cpu_time_total for e in self)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """Events added up by name and, if asked for, by the shapes of their inputs and the innermost n lines of their stack."""
        sums: dict[Any, FunctionEventAvg] = {}
        for event in self:
            shapes = event.input_shapes if group_by_input_shape else None
            stack = (event.stack or [])[:group_by_stack_n] if group_by_stack_n else None
            key = (event.name, str(shapes), str(stack))
            if key not in sums:
                sums[key] = FunctionEventAvg(event.name, shapes, stack)
            sums[key].add(event, _has_parent(event, event.name))
        averages = EventList(sums.values())
        averages._describe(self.has_device, self.has_memory, self.total_us)
        return averages

    def total_average(self) -> FunctionEventAvg:
        """All events in one sum."""
        total = FunctionEventAvg("Total", None, None)
        for event in self:
            total.add(event, event.cpu_parent is not None)
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """A table, one line per event or sum.

        Args:
            sort_by: a figure, the largest first: "self_cpu_time_total", "cpu_time_total", "cpu_time", "count",
                "cpu_memory_usage", "self_cpu_memory_usage" or those with "device" (or "cuda") for "cpu".
            row_limit: lines at most; -1 for all.
            top_level_events_only: leave out events within other events.
            time_unit: "s", "ms" or "us" instead of what suits each time.

        ValueError for a `sort_by` or `time_unit` that is not known.
        """
        return format_table(
            self,
            sort_by,
            row_limit,
            (max_src_column_width, max_name_column_width, max_shapes_column_width),
            header,
            top_level_events_only,
            time_unit,
        )

    def __str__(self) -> str:
        return self.table()

    def export_chrome_trace(self, path: Any, metadata: dict[str, Any] | None = None) -> None:
        """Write the events for chrome://tracing or ui.perfetto.dev; compressed if the path ends in .gz."""
        import json

        events = [
            {
                "ph": "X",
                "cat": "cpu_op",
                "name": e.name,
                "pid": 0,
                "tid": e.thread,
                "ts": e.time_range.start,
                "dur": e.time_range.elapsed_us(),
                "args": _arguments(e),
            }
            for e in self
        ]
        text = json.dumps({"schemaVersion": 1, "displayTimeUnit": "ms", **(metadata or {}), "traceEvents": events})
        if str(path).endswith(".gz"):
            import gzip

            with gzip.open(path, "wt") as file:
                file.write(text)
        else:
            with open(path, "w") as file:
                file.write(text)

    def export_stacks(self, path: Any, metric: str = "self_cpu_time_total") -> None:
        """Write "outer;...;inner number" per event with a stack: what flame graph programs read."""
        if metric not in ("self_cpu_time_total", "self_cuda_time_total", "self_device_time_total"):
            raise ValueError("metric should be one of: ['self_cpu_time_total', 'self_cuda_time_total']")
        with open(path, "w") as file:
            for event in self:
                value = int(getattr(event, metric))
                if event.stack and value > 0:
                    lines = (line.translate({ord(c): "_" for c in " ;\t\n"}) for line in reversed(event.stack))
                    file.write(f"{';'.join(lines)} {value}\n")


def _has_parent(event, name):
    """Whether the event lies within one of this name: a recursive call."""
    above = event.cpu_parent
    while above is not None and above.name != name:
        above = above.cpu_parent
    return above is not None


def _arguments(event):
    found = {"External id": event.id}
    if event.input_shapes is not None:
        found["Input Dims"] = event.input_shapes
    if event.stack is not None:
        found["Call stack"] = ";".join(reversed(event.stack))
    for name in ("device_time_total", "cpu_memory_usage", "device_memory_usage"):
        if getattr(event, name):
            found[name] = getattr(event, name)
    return found

"""The profiler that people use: what to record, when, and where it goes."""

from __future__ import annotations

from enum import Enum

from .. import _C
from .blocks import record_function
from .events import EventList
from .recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class ProfilerActivity(Enum):
    """What to measure: time on the CPU, time on CUDA devices."""

    CPU = 0
    CUDA = 2


class ProfilerAction(Enum):
    """What a profiler does in a step of a schedule. WARMUP records nothing here: this profiler needs none."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """What can be measured on this machine."""
    return {ProfilerActivity.CPU} | ({ProfilerActivity.CUDA} if _C.cuda_device_count() else set())


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A function from a step's number to what is done in it: after `skip_first` steps, cycles of `wait` steps of nothing,
    `warmup` steps of warming up and `active` steps of recording, `repeat` times (0: for ever).

    With skip_first_wait=1 the first cycle has no `wait` steps.

    >>> import tensorx as tx
    >>> plan = tx.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise ValueError(
            "schedule(): wait, warmup, repeat and skip_first must not be negative, and active must be positive, but got "
            f"wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}"
        )

    def plan(step):
        if step < 0:
            raise ValueError(f"schedule(): step must not be negative, but got {step}")
        step -= skip_first
        if step >= 0 and skip_first_wait:
            step += wait
        cycle, at = divmod(step, wait + warmup + active)
        if step < 0 or (repeat and cycle >= repeat) or at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < wait + warmup + active - 1 else ProfilerAction.RECORD_AND_SAVE

    return plan


def _always(step):
    return ProfilerAction.RECORD


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """For `on_trace_ready`: writes each trace into a folder, in files named as TensorBoard's profiler plugin expects.

    The files are Chrome traces; ui.perfetto.dev shows them too.
    """
    import os
    import socket
    import time

    os.makedirs(dir_name, exist_ok=True)

    def handler(prof):
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler


class profile:
    """Records every op, every node of backward and every `record_function` block: time, and on request memory and shapes.

    A context manager, or `start()` and `stop()`.

    Args:
        activities: of ProfilerActivity; default: all that this machine can measure.
        schedule: a function from step number to ProfilerAction, as `schedule(...)` gives; call `step()` after each step of
            the program. Default: record everything.
        on_trace_ready: called with this profiler whenever a recording is complete.
        record_shapes: keep the shapes of inputs, for `key_averages(group_by_input_shape=True)`.
        profile_memory: keep how much memory each call gained or gave back.
        with_stack: keep the lines of Python that led to each call.
        acc_events: keep the events of earlier cycles of the schedule, too.
        with_modules, experimental_config, execution_trace_observer: accepted for PyTorch's sake.

    Only one profiler runs at a time (RuntimeError). While none runs, an op pays one branch.

    >>> import tensorx as tx
    >>> x = tx.ones(8, 8, requires_grad=True)
    >>> with tx.profiler.profile(record_shapes=True) as prof:
    ...     (x @ x).sum().backward()
    >>> sorted(e.key for e in prof.key_averages())[:2]
    ['MmBackward0', 'SumBackward0']
    >>> print(prof.key_averages().table(sort_by="cpu_time_total", row_limit=3))  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        acc_events: bool = False,
        experimental_config: object = None,
        execution_trace_observer: object = None,
    ) -> None:
        self.activities = set(supported_activities() if activities is None else activities)
        if not self.activities or not all(isinstance(a, ProfilerActivity) for a in self.activities):
            raise ValueError(
                "profile(): activities must name at least one of ProfilerActivity.CPU, ProfilerActivity.CUDA"
            )
        self.schedule, self.on_trace_ready = schedule or _always, on_trace_ready
        self.names_steps = schedule is not None
        self.record_shapes, self.profile_memory, self.with_stack = record_shapes, profile_memory, with_stack
        self.acc_events = acc_events
        self.step_num = 0
        self.metadata: dict[str, Any] = {}
        self._action = ProfilerAction.NONE
        self._recorder: Recorder | None = None
        self._step: record_function | None = None
        self._spans: list[Any] = []
        self._events: EventList | None = None

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, with the schedule's first step."""
        self._go_to(self.schedule(self.step_num))

    def stop(self) -> None:
        """End; a recording that is under way is complete."""
        if self._action is ProfilerAction.RECORD:
            self._action = ProfilerAction.RECORD_AND_SAVE
        self._go_to(ProfilerAction.NONE)

    def step(self) -> None:
        """A step of the program is over: do what the schedule says of the next."""
        self._end_step()
        self.step_num += 1
        self._go_to(self.schedule(self.step_num))

    def _go_to(self, action):
        self._end_step()
        before, self._action = self._action, action
        if before is ProfilerAction.RECORD_AND_SAVE or (before in _RECORDING and action not in _RECORDING):
            self._end_recording()
            if before is ProfilerAction.RECORD_AND_SAVE and self.on_trace_ready is not None:
                self.on_trace_ready(self)
        if action in _RECORDING:
            if self._recorder is None:
                self._begin_recording()
            if self.names_steps:
                self._step = record_function(f"ProfilerStep#{self.step_num}")
                self._step.__enter__()

    def _end_step(self):
        if self._step is not None:
            self._step.__exit__()
            self._step = None

    def _begin_recording(self):
        on_device = ProfilerActivity.CUDA in self.activities and _C.cuda_device_count() > 0
        made = Recorder(self.record_shapes, self.profile_memory, self.with_stack, on_device)
        made.start()
        self._recorder = made

    def _end_recording(self):
        recorder, self._recorder = self._recorder, None
        recorder.stop()
        self._spans = [*self._spans, *recorder.spans] if self.acc_events else recorder.spans
        self._events = EventList.from_spans(self._spans, recorder.device_time, recorder.with_memory)

    def events(self) -> EventList:
        """The events of the last recording (of all, with acc_events). RuntimeError while there is none."""
        if self._events is None:
            raise RuntimeError("Profiler didn't finish running: its events are there when a recording has ended")
        return self._events

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The events added up by name and, if asked for, by input shapes and the innermost lines of the stack."""
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events for chrome://tracing or ui.perfetto.dev; compressed if the path ends in .gz."""
        self.events().export_chrome_trace(path, self.metadata)

    def export_stacks(self, path: Any, metric: str = "self_cpu_time_total") -> None:
        """Write the stacks (recorded by with_stack=True) with their times, for a flame graph."""
        self.events().export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Note something in the exported trace."""
        self.metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Note something, given as JSON text, in the exported trace."""
        import json

        self.metadata[key] = json.loads(value)

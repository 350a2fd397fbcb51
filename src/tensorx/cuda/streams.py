"""Streams: queues of work, each in order and beside the others; events: points in them."""

from __future__ import annotations

from typing import Any

from .. import _C
from ..types import Device as DeviceLike
from .device import index_of


class Stream:
    """A queue of work on a device.

    Args:
        device: where; the current device by default.
        priority: lower numbers come first; 0 is the default, -1 high.

    Work given to two streams may run in any order, unless one waits for the other (`wait_stream`, `wait_event`).
    A tensor used by a stream other than the one it was made on needs `tensor.record_stream(stream)`, lest its memory be
    reused too early.
    """

    def __init__(self, device: DeviceLike | int | None = None, priority: int = 0, **given: Any) -> None:
        self.device_index = index_of(device)
        handle = given.pop("stream_ptr", None)
        if given:
            raise TypeError(f"Stream() got an unexpected keyword argument '{next(iter(given))}'")
        self.cuda_stream: int = _C.cuda_new_stream(self.device_index, priority) if handle is None else handle

    @property
    def device(self) -> _C.device:
        """The device it belongs to."""
        return _C.device("cuda", self.device_index)

    def query(self) -> bool:
        """Whether all work given to it is done."""
        return _C.cuda_query_stream(self.cuda_stream)

    def synchronize(self) -> None:
        """Wait for all work given to it."""
        _C.cuda_synchronize_stream(self.cuda_stream)

    def record_event(self, event: Event | None = None) -> Event:
        """Put an event, a new one by default, behind the work given to it so far."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Work given to it from now on waits for the event; the program does not."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Work given to it from now on waits for what the other stream has been given so far."""
        self.wait_event(stream.record_event())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and (self.cuda_stream, self.device_index) == (
            other.cuda_stream,
            other.device_index,
        )

    def __hash__(self) -> int:
        return hash((self.cuda_stream, self.device_index))

    def __repr__(self) -> str:
        return f"<tensorx.cuda.Stream device=cuda:{self.device_index} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """A stream that another library made, by its handle."""

    def __init__(self, stream_ptr: int, device: DeviceLike | int | None = None) -> None:
        super().__init__(device, stream_ptr=stream_ptr)


class Event:
    """A point in a stream: to wait for, to ask about, and to measure between two of them.

    Args:
        enable_timing: whether `elapsed_time` may be asked.
        blocking: whether `synchronize` lets the processor go while it waits.
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        if interprocess:
            raise ValueError("Event(interprocess=True): events are not shared between processes")
        self._timing, self._blocking = enable_timing, blocking
        self.cuda_event = 0  # made when it is recorded, on the device of the stream

    def record(self, stream: Stream | None = None) -> None:
        """Put it behind the work given so far to a stream, the current one by default."""
        stream = current_stream() if stream is None else stream
        if not self.cuda_event:
            self.cuda_event = _C.cuda_new_event(stream.device_index, self._timing, self._blocking)
        _C.cuda_record_event(self.cuda_event, stream.cuda_stream)

    def wait(self, stream: Stream | None = None) -> None:
        """Work given to a stream from now on waits for it."""
        stream = current_stream() if stream is None else stream
        if self.cuda_event:
            _C.cuda_stream_wait_event(stream.cuda_stream, self.cuda_event)

    def query(self) -> bool:
        """Whether the work before it is done; True before it is recorded."""
        return not self.cuda_event or _C.cuda_query_event(self.cuda_event)

    def synchronize(self) -> None:
        """Wait for the work before it."""
        if self.cuda_event:
            _C.cuda_synchronize_event(self.cuda_event)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to a later one. Both must have been made with enable_timing, recorded and reached."""
        for event in (self, end_event):
            if not event._timing:
                raise ValueError("elapsed_time(): both events must be made with enable_timing=True")
            if not event.cuda_event:
                raise ValueError("elapsed_time(): both events must be recorded before the time between them is asked")
        return _C.cuda_elapsed_time(self.cuda_event, end_event.cuda_event)

    def __del__(self) -> None:
        if getattr(self, "cuda_event", 0):
            _C.cuda_delete_event(self.cuda_event)

    def __repr__(self) -> str:
        return f"<tensorx.cuda.Event {self.cuda_event or 'not recorded'}>"


def current_stream(device: DeviceLike | int | None = None) -> Stream:
    """The stream that this thread's work on a device goes to."""
    index = index_of(device)
    return Stream(index, stream_ptr=_C.cuda_current_stream(index))


def default_stream(device: DeviceLike | int | None = None) -> Stream:
    """The stream that work on a device goes to unless another was chosen."""
    index = index_of(device)
    return Stream(index, stream_ptr=_C.cuda_default_stream(index))


def set_stream(stream: Stream | None) -> None:
    """Make a stream the one that this thread's work on its device goes to."""
    if stream is not None:
        _C.cuda_set_stream(stream.device_index, stream.cuda_stream)


def get_stream_from_external(data_ptr: int, device: DeviceLike | int | None = None) -> ExternalStream:
    """A stream that another library made, by its handle."""
    return ExternalStream(data_ptr, device)


class StreamContext:
    """A block whose work goes to a stream."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self._device = _C.cuda_current_device()
            self._before = current_stream(self.stream.device_index)
            _C.cuda_set_device(self.stream.device_index)
            set_stream(self.stream)

    def __exit__(self, *exception: object) -> None:
        if self.stream is not None:
            set_stream(self._before)
            _C.cuda_set_device(self._device)


def stream(stream: Stream | None) -> StreamContext:
    """A block whose work goes to a stream: `with tx.cuda.stream(s): ...`; nothing for None."""
    return StreamContext(stream)

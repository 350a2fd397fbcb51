"""Channel: a connection to another process that carries Python objects, and their tensors without a copy.

A message is a header and a pickle. Each large tensor in it is a file in shared memory (`utils/_shared_memory.py`),
whose descriptor travels beside the bytes; the receiver maps it. Small tensors are part of the pickle, because copying
them costs less than mapping.

No end ever blocks in writing alone: while the other one does not read, it reads what the other one writes. So the two
cannot wait for each other, however large the messages are.
"""

from __future__ import annotations

import os
import pickle
import select
import socket
import struct
from array import array
from collections import deque
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from weakref import WeakSet

from ... import _C, Tensor, strided
from .._failure import Failure
from .._shared_memory import check_sendable, nameless_file, over_memory, receive, segments
from .collate import SMALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FILES = 64  # at most, beside one message; the system refuses 254, and a process has 1024 descriptors in all
_READ = 1 << 18
_HEADER = struct.Struct("<qQ?B")  # tag, bytes of the pickle, whether they are in a file, number of files

_open: WeakSet[Channel] = WeakSet()


class Channel:
    """One end of a connection. Messages have a tag, a number that says what they are about."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._bytes, self._files = bytearray(), deque[int]()
        self._ended = False
        _open.add(self)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
        while self._files:
            os.close(self._files.popleft())

    def send(self, tag: int, value: Any) -> None:
        """BrokenPipeError or ConnectionResetError if the other end is gone; what pickle raises if it cannot be sent."""
        buffer = BytesIO()
        pickler = _Pickler(buffer)
        pickler.dump(value)
        data, files = buffer.getbuffer(), [_C.shared_file(each) for each in pickler.memory]
        for each in pickler.memory:
            _C.lend_shared(each)
        if len(data) <= SMALL:
            self._write(_HEADER.pack(tag, len(data), False, len(files)) + data, files)
            return
        file = nameless_file(len(data))
        try:
            _write_file(file, data)
            self._write(_HEADER.pack(tag, len(data), True, len(files) + 1), [*files, file])
        finally:
            os.close(file)

    def receive(self, timeout: float | None = 0) -> list[tuple[int, Any]]:
        """The messages that have arrived whole; waits up to `timeout` seconds (None: for ever) for the first bytes.

        EOFError if the other end is gone. A message that cannot be read is a Failure.
        """
        if timeout != 0:
            self._wait(select.POLLIN, timeout)
        self._read()
        messages = []
        while len(self._bytes) >= _HEADER.size:
            tag, length, in_file, count = _HEADER.unpack_from(self._bytes)
            end = _HEADER.size + (0 if in_file else length)
            if len(self._bytes) < end:
                break
            data = bytes(memoryview(self._bytes)[_HEADER.size : end])
            del self._bytes[:end]
            messages.append((tag, _load(data, length, in_file, [self._files.popleft() for _ in range(count)])))
        if self._ended and not messages:
            raise EOFError("the other process has closed the connection")
        return messages

    def _wait(self, events, timeout):
        poller = select.poll()
        poller.register(self._socket, events)
        poller.poll(None if timeout is None else timeout * 1000)

    def _write(self, data, files):
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", files))] if files else []
        view = memoryview(data)
        while view:
            try:
                sent = self._socket.sendmsg([view], beside, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._wait(select.POLLIN | select.POLLOUT, None)
                self._read()
            else:
                view, beside = view[sent:], []

    def _read(self):
        space = socket.CMSG_SPACE(_FILES * array("i").itemsize)
        try:
            data, beside, flags, _ = self._socket.recvmsg(_READ, space, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data, beside, flags = b"", [], 0
        for level, kind, content in beside:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._files.extend(array("i", content[: len(content) // 4 * 4]))
        if flags & socket.MSG_CTRUNC:
            raise RuntimeError(
                "received a batch without all of its descriptors: this process has too many open files. Raise the limit "
                "(ulimit -n), or use a smaller prefetch_factor"
            )
        self._bytes += data
        self._ended = self._ended or not data


class _Pickler(ForkingPickler):
    """Takes large tensors out of the pickle. They are its out-of-band buffers: `memory` lists their storages in order."""

    def __init__(self, file):
        self.memory = []
        self._place = pickle.PickleBuffer(bytearray())  # stands for a storage; buffers of others stay within the pickle
        super().__init__(file, 5, True, lambda buffer: buffer is not self._place)

    def reducer_override(self, value):
        if not isinstance(value, Tensor) or value.layout is not strided:
            return NotImplemented
        check_sendable(value)
        has_file = _C.shared_file(value) >= 0
        if value.is_cuda or (value.nbytes < SMALL and not has_file) or len(self.memory) == _FILES - 1:
            return value.__reduce_ex__(5)
        shared = value if has_file else segments.empty(value.shape, value.dtype).copy_(value.detach())
        self.memory.append(_C.storage_bytes(shared))
        layout = tuple(shared.shape), shared.stride(), shared.storage_offset()
        arguments = type(value), self._place, value.dtype, *layout, value.requires_grad
        return over_memory, arguments, value.__dict__ or None


def _load(data, length, in_file, files):
    try:
        if in_file:
            data = _read_file(files[-1], length)
            os.close(files.pop())
        memory = []
        while files:
            memory.append(receive(files.pop(0)))
        return pickle.loads(data, buffers=memory)
    except Exception as error:
        return Failure(error, "in reading what another process sent")
    finally:
        for file in files:
            os.close(file)


def _write_file(file, data):
    while data:
        data = data[os.write(file, data) :]
    os.lseek(file, 0, os.SEEK_SET)  # the receiver's descriptor has the same position


def _read_file(file, length):
    data = bytearray()
    while len(data) < length and (part := os.read(file, length - len(data))):
        data += part
    return data


def _close_inherited():
    """A child has its parent's ends too; as long as it did, nobody would see that the parent is gone."""
    for channel in _open:
        channel.close()


os.register_at_fork(after_in_child=_close_inherited)

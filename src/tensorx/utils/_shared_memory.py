"""Memory that several processes see: files without a name, mapped.

The files are made by `memfd_create` and travel as descriptors over Unix sockets. POSIX shared memory (/dev/shm), the
usual choice, was not taken: Docker gives it 64 MB, and a process that writes more dies of a bus error; and its files have
names, which stay behind when a process is killed between making and unlinking one. A file without a name is limited by
the machine's memory alone and is gone with the last process that has it. Where there is no `memfd_create`, a temporary
file that is unlinked at once does the same.
"""

import errno
import os
from math import prod

from .. import _C, Tensor
from ..ops.reshape_in_place import _contiguous_strides

_PAGE = 4096
_COUNT = 8  # bytes at the end of the memory, which count the borrowers
_KEPT = 32  # segments lent out that a process remembers: what a receiver keeps for good is forgotten by and by


def nameless_file(nbytes):
    """The descriptor of a new file of `nbytes` zeros that nobody else can open. RuntimeError if there is no room."""
    descriptor = None
    try:
        descriptor = _new_file()
        if nbytes:
            os.posix_fallocate(descriptor, 0, nbytes)  # an error here, and no bus error when it is written
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        raise RuntimeError(f"unable to allocate {nbytes} bytes of shared memory: {_reason(error)}") from error
    return descriptor


def _new_file():
    if hasattr(os, "memfd_create"):
        try:
            return os.memfd_create("tensorx", os.MFD_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
    from tempfile import mkstemp

    descriptor, path = mkstemp(prefix="tensorx-")
    os.unlink(path)
    return descriptor


def _reason(error):
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"{error.strerror}; raise the limit (ulimit -n), or keep fewer tensors in shared memory"
    if error.errno in (errno.ENOSPC, errno.ENOMEM):
        return f"{error.strerror}; use smaller batches, fewer workers, or a smaller prefetch_factor"
    return error.strerror


def create(nbytes):
    """At least `nbytes` bytes of new shared memory as a tensor. It keeps the descriptor, to be sent on by."""
    size = _file_size(nbytes)
    return _C.map_shared(nameless_file(size), size, False)


def _file_size(nbytes):
    return -(-(nbytes + _COUNT) // _PAGE) * _PAGE


def receive(descriptor):
    """The bytes of a file that another process has lent to this one, as a tensor; takes the descriptor over."""
    memory = _C.map_shared(descriptor, os.fstat(descriptor).st_size, True)
    _C.close_shared_file(memory)
    return memory


def over_memory(cls, memory, dtype, shape, strides, offset, requires_grad):
    """A tensor of some class over the bytes of another."""
    made = _C.over_storage(memory, dtype, shape, strides, offset)
    if cls is not Tensor:
        made = _C.make_subclass(cls, made)
    made.requires_grad = requires_grad
    return made


def check_sendable(tensor):
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "cannot send a non-leaf tensor that requires a gradient to another process: its graph stays here. Send "
            "x.detach(), or make it within tx.no_grad()"
        )


class Segments:
    """The shared memory in which a process sends its batches. What the receiver has let go of is used again.

    That is most of the speed: the pages of fresh memory cost several times what it takes to copy a batch into them.
    """

    def __init__(self):
        self._kept = []

    def empty(self, shape, dtype):
        """A contiguous tensor in shared memory, not filled."""
        memory = self._take(prod(shape) * dtype.itemsize)
        return _C.over_storage(memory, dtype, tuple(shape), tuple(_contiguous_strides(shape)), 0)

    def _take(self, nbytes):
        size = _file_size(nbytes)
        for segment in self._kept:
            if size <= segment.numel() <= 2 * size and _C.shared_is_free(segment):
                return segment
        self._kept = [segment for segment in self._kept if not _C.shared_is_free(segment)][-_KEPT:]
        self._kept.append(create(nbytes))
        return self._kept[-1]

    def forget(self):
        self._kept = []


# Of this process. After a fork both sides have the same memory, so that neither can tell whether it is free.
segments = Segments()
os.register_at_fork(after_in_parent=segments.forget, after_in_child=segments.forget)

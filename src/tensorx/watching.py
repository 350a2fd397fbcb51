"""Watching the calls of ops: for the profiler, and for whoever must act before a tensor is changed in place.

While nobody watches, a call pays one branch (`op_call` in csrc/python/op.cpp).
"""

from . import _C
from .autograd.hooks import RemovableHandle


class Watching(RemovableHandle):
    """What `watch_calls` returns: `remove()` ends the watching."""

    __slots__ = ()

    def remove(self):
        super().remove()
        _tell_c()


_watchers: dict = {}


def watch_calls(watcher):
    """From now on call watcher(op, arguments) before every call of an op, in all threads. What it returns, unless None, is
    called at the call's end. Returns a handle."""
    handle = Watching(_watchers)
    _watchers[handle.id] = watcher
    _tell_c()
    return handle


def _tell_c():
    watchers = list(_watchers.values())
    _C.set_hook("watch", None if not watchers else watchers[0] if len(watchers) == 1 else _tell_all)


def _tell_all(op, arguments):
    ends = [watcher(op, arguments) for watcher in list(_watchers.values())]

    def end_all():
        for end in reversed(ends):
            if end is not None:
                end()

    return end_all

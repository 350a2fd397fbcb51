"""RemovableHandle under PyTorch's name, and registration at either end of a table of hooks."""

from ..autograd.hooks import RemovableHandle as RemovableHandle
from ..autograd.hooks import add_hook as _append


def add_hook(table, hook, prepend=False):
    """Put `hook` into `table` (id -> hook), last or first; returns a RemovableHandle.

    >>> from tensorx.utils.hooks import add_hook
    >>> table = {}
    >>> with add_hook(table, print):
    ...     len(table)
    1
    >>> len(table)
    0
    """
    handle = _append(table, hook)
    if prepend:
        del table[handle.id]
        others = dict(table)
        table.clear()
        table[handle.id] = hook
        table.update(others)
    return handle

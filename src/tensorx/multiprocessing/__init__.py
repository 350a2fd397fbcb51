"""The standard library's multiprocessing, with tensors that processes share instead of copying.

Everything of `multiprocessing` is here under its name. Once this module is imported, a tensor that goes through a queue or
a pipe, or to a new process as an argument, is moved to shared memory, and the receiver has the same memory: a change by
one is seen by the other. (Other tensors that were views of its old memory stay there.) `Tensor.share_memory_()` and
`Module.share_memory()` do that beforehand, which a process started by fork needs.

A receiver must take a tensor out of a queue while the sender is still running, and tensors on CUDA devices are copied.

>>> import tensorx as tx
>>> queue = tx.multiprocessing.get_context("fork").SimpleQueue()
>>> x = tx.zeros(3)
>>> queue.put(x)
>>> queue.get()[1] = 7
>>> x
tensor([0., 7., 0.])
"""

import multiprocessing as _multiprocessing
from multiprocessing import *

from . import sharing as _sharing
from .spawning import ProcessContext, ProcessException, ProcessExitedException, ProcessRaisedException, SpawnContext
from .spawning import spawn, start_processes

__all__ = [
    *_multiprocessing.__all__, "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException",
    "SpawnContext", "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn", "start_processes",
]  # fmt: skip

_sharing.register()


def get_all_sharing_strategies() -> set[str]:
    """The ways in which tensors can be shared: one, by the descriptors of files that have no name."""
    return {"file_descriptor"}


def get_sharing_strategy() -> str:
    """How tensors are shared."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Choose how tensors are shared; ValueError for a way that there is not."""
    if new_strategy not in get_all_sharing_strategies():
        raise ValueError(f"the sharing strategy is one of {get_all_sharing_strategies()}, got {new_strategy!r}")

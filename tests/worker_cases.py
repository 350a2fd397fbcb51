"""Data sets for the tests of worker processes (at the top level, so that they can be pickled), and a count of what leaks."""

import gc
import os
import time
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

import pytest

import tensorx as tx
from tensorx.utils.data import Dataset, IterableDataset, get_worker_info

LARGE = 40_000  # float32 elements: more than what is copied into a message


class Rows(Dataset):
    """Example i: a tensor of `size` times i, and i."""

    def __init__(self, count=20, size=4):
        self.count, self.size = count, size

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return tx.full((self.size,), float(index)), index


class Calls(Dataset):
    """Example i is what a function makes of i, in the worker."""

    def __init__(self, function, count=8):
        self.function, self.count = function, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.function(index)


class Sharded(IterableDataset):
    """0 to count - 1, each worker its part."""

    def __init__(self, count=10):
        self.count = count

    def __iter__(self):
        info = get_worker_info()
        return iter(range(self.count)) if info is None else iter(range(info.id, self.count, info.num_workers))


def values(loader):
    """What a loader of Rows gives, as numbers."""
    return [(x[:, 0].tolist(), y.tolist()) for x, y in loader]


def children(pid="self"):
    """The processes that a process has started and that are still there, but for multiprocessing's own helpers."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            commands = {child: Path(f"/proc/{child}/cmdline").read_text() for child in path.read_text().split()}
        except OSError:  # a thread or a process that has just ended
            continue
        helpers = ("resource_tracker", "multiprocessing.forkserver")
        found += [int(child) for child, command in commands.items() if not any(name in command for name in helpers)]
    return found


def held():
    """Descriptors, processes and shared memory that this process has: files without a name, and files in /dev/shm."""
    maps = Path("/proc/self/maps").read_text()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "children": len(children()),
        "segments": maps.count("memfd:tensorx"),
        "named": maps.count("/dev/shm/"),
    }


@pytest.fixture
def nothing_leaks(request):
    resource_tracker.ensure_running()  # stay for good, with their descriptors, once they are started
    if "forkserver" in request.node.name:
        forkserver.ensure_running()
    before = held()
    yield
    end = time.monotonic() + 3
    while more(before) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.02)
    assert not more(before), f"held before and now: {more(before)}"


def more(before):
    """What is held now beyond what was."""
    now = held()
    return {name: (before[name], now[name]) for name in now if now[name] > before[name]}


class within:
    """A block that must not take longer than this; the machine may be busy, so the promise of two seconds has a margin."""

    def __init__(self, seconds=5):
        self.seconds = seconds

    def __enter__(self):
        self.start = time.monotonic()

    def __exit__(self, *error):
        assert time.monotonic() - self.start < self.seconds

"""What runs in a worker process."""

from __future__ import annotations

import os
import random
import signal
from collections import deque, namedtuple
from socket import socket

from ... import manual_seed, set_num_threads
from .._failure import Failure
from .channel import Channel
from .fetch import make_fetch
from .worker_info import WorkerInfo, set_worker_info

RESTART = -1  # the tag of the message that begins another run; tasks have the tags 0, 1, 2, ...
_CHECK_PARENT = 5.0  # seconds; only for a parent whose end of the connection some other process has, too


# What a worker is started with.
Work = namedtuple(
    "Work", ["dataset", "batched", "collate_fn", "drop_last", "init_fn", "id", "num_workers", "base_seed"]
)


def run(end: socket, work: Work) -> None:
    """Answer tasks with batches until the loader closes the connection, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal: the loader's ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # what the program does then is not for us to do
    set_num_threads(1)
    _seed(work.base_seed, work.id)
    set_worker_info(WorkerInfo(work.id, work.num_workers, work.base_seed + work.id, work.dataset))
    channel, make = Channel(end), _maker(work)
    try:
        for tag, item in _tasks(channel):
            _reply(channel, tag, make(tag, item))
    except (BrokenPipeError, ConnectionResetError):
        pass  # nobody wants the rest


def _maker(work):
    """The function from a message to its answer: a batch, or the Failure to make it."""
    failure, fetch = None, None
    where = f"in DataLoader worker process {work.id}"
    try:
        if work.init_fn is not None:
            work.init_fn(work.id)
    except Exception as error:
        failure = Failure(error, where)

    def make(tag, item):
        nonlocal fetch
        if tag == RESTART:
            fetch = None
            return None
        try:
            if fetch is None and failure is None:
                fetch = make_fetch(work.dataset, work.batched, work.collate_fn, work.drop_last)
            return failure or fetch(item)
        except Exception as error:
            return Failure(error, where)

    return make


def _reply(channel, tag, answer):
    if tag == RESTART:
        return
    try:
        channel.send(tag, answer)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # it cannot be pickled, or there is no memory for it
        channel.send(tag, Failure(error, "in sending a batch from a DataLoader worker process"))


def _tasks(channel):
    """Messages as they come. Those before a RESTART are not wanted any more."""
    parent, waiting = os.getppid(), deque()
    while os.getppid() == parent:
        try:
            arrived = channel.receive(0 if waiting else _CHECK_PARENT)
        except EOFError:
            return
        for tag, item in arrived:
            if tag == RESTART:
                waiting.clear()
            waiting.append((tag, item))
        if waiting:
            yield waiting.popleft()


def _seed(base_seed, worker_id):
    """Seed the generators of tensorx, of `random` and of NumPy, the last one with numbers of its own."""
    import numpy

    random.seed(base_seed + worker_id)
    manual_seed(base_seed + worker_id)
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    numpy.random.seed(numpy.random.SeedSequence(entropy).generate_state(4))

"""The loader's side of its worker processes."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from copy import copy
from multiprocessing import current_process, get_context
from multiprocessing.util import Finalize
from time import monotonic

from .._failure import Failure
from ._seed import draw_seed
from .channel import Channel
from .collate import pin_memory
from .dataloader import LoaderIterator
from .fetch import Exhausted
from .worker import RESTART, Work, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from typing import Any

    from .dataloader import DataLoader

_CHECK = 1.0  # seconds between looks at processes; the end of one is seen at once, unless its child has the connection
_GRACE = 1.0  # seconds for the workers to finish what they are doing, before they are terminated
_FIRMNESS = 0.5  # seconds before they are killed


class Worker:
    """One process, our end of the connection to it, and how many tasks it has yet to answer."""

    def __init__(self, loader: DataLoader, context: Any, number: int, base_seed: int) -> None:
        self.number, self.tasks, self.active = number, 0, True
        work = Work(
            loader.dataset,
            loader.batch_sampler is not None,
            loader.collate_fn,
            loader.drop_last,
            loader.worker_init_fn,
            number,
            loader.num_workers,
            base_seed,
        )
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self.process: BaseProcess = context.Process(target=run, args=(theirs, work), name=f"DataLoader-{number}")
        # Not daemonic, so that a data set may have processes of its own. They end with us: see _stop.
        self.process.daemon = False
        try:
            self.process.start()
        except BaseException as error:
            self.channel.close()
            method = context.get_start_method()
            if method != "fork" and isinstance(error, Exception):
                error.add_note(
                    f"DataLoader with the start method {method!r} pickles the data set, collate_fn and worker_init_fn: "
                    "define their classes and functions at the top level of a module, or use multiprocessing_context='fork'"
                )
            raise
        finally:
            theirs.close()

    def why_ended(self) -> str:
        """What is known about the end of the process."""
        _join(self.process, _CHECK)
        code, name = self.process.exitcode, f"DataLoader worker {self.number} (pid {self.process.pid})"
        if code is not None and code < 0:
            text = f"{name} was killed by signal {signal.Signals(-code).name}."
            if -code == signal.SIGKILL:
                text += (
                    " The system does that when memory runs out: use fewer workers, smaller batches, or a smaller "
                    "prefetch_factor."
                )
            elif -code in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE):
                text += " The data set or collate_fn crashed it: with num_workers=0 it can be debugged in this process."
            return text
        text = f"{name} exited unexpectedly with code {code}: something called exit(), or it could not start."
        if code == 1:
            text += (
                " Its error output says more. With the start methods spawn and forkserver, the main script must start "
                "its work under `if __name__ == '__main__':`."
            )
        return text


class WorkerIterator(LoaderIterator):
    """Batches made by worker processes, in the order of the sampler (or of their arrival without `in_order`).

    Each worker has up to prefetch_factor tasks, numbered by a tag. Tasks go round the workers in turn, whatever their
    speed, so that it does not depend on time which one makes a batch, nor what random numbers it has for it.
    """

    def __init__(self, loader: DataLoader) -> None:
        if current_process().daemon:
            raise AssertionError(
                f"DataLoader(num_workers={loader.num_workers}): this process is daemonic (of a multiprocessing.Pool?) "
                "and may not start others: use num_workers=0 here"
            )
        import numpy.random  # here, once, and not in every child  # noqa: F401

        super().__init__(copy(loader))  # not itself: it may keep this, and a cycle would keep the workers
        self._owner = os.getpid()
        self._pinner: Any = None
        if loader.pins:
            from concurrent.futures import ThreadPoolExecutor

            self._pinner = ThreadPoolExecutor(1, "DataLoader-pin")
        self._tag = 0
        self._begin()
        base_seed = draw_seed(loader.generator)
        self._workers: list[Worker] = []
        # Also run at exit, before multiprocessing waits for processes, and only in this process.
        self._finalizer = Finalize(self, _stop, (self._workers, self._pinner), exitpriority=100)
        self._poller = select.poll()
        context = loader.multiprocessing_context or get_context()
        try:
            for number in range(loader.num_workers):
                self._workers.append(Worker(loader, context, number, base_seed))
                self._poller.register(self._workers[-1].channel, select.POLLIN)
            self._prefetch()
        except BaseException:
            self.close()
            raise

    def _begin(self):
        self._items = iter(self._loader.index_sampler)
        self._given: dict[int, Worker] = {}  # by tag: who makes it. Of tasks not yet delivered, in order.
        self._results: dict[int, Any] = {}  # by tag: what has arrived of them
        self._turn = 0

    def restart(self, said_length: int | None) -> None:
        """Begin another run with the same workers. What they are still making for the last one is dropped."""
        self._count, self._loader.said_length = 0, said_length
        self._begin()
        for worker in self._workers:
            worker.tasks, worker.active = 0, True
            self._send(worker, RESTART, None)
        self._prefetch()

    def _prefetch(self):
        for _ in range(self._loader.prefetch_factor * self._loader.num_workers):
            self._give()

    @property
    def closed(self) -> bool:
        """Whether its workers have ended, or are those of another process."""
        return os.getpid() != self._owner or not self._finalizer.still_active()

    def close(self) -> None:
        """End the workers."""
        self._given, self._results = {}, {}
        self._finalizer()

    def __next__(self) -> Any:
        if os.getpid() != self._owner:
            raise RuntimeError(
                "this iterator of a DataLoader belongs to the process that made it: call iter(loader) in this one"
            )
        try:
            return super().__next__()
        except KeyboardInterrupt:  # nobody will ask for more: do not leave the processes to the traceback
            self.close()
            raise

    def _make(self):
        while True:
            tag = self._wait()
            if tag is None:
                if not self._loader.persistent_workers:
                    self.close()
                raise StopIteration
            worker, result = self._given[tag], self._results[tag]
            if result is Exhausted:
                worker.active = False
            self._give()  # first: if the sampler raises, this batch is not lost
            del self._given[tag], self._results[tag]
            if isinstance(result, Failure):
                raise result.exception()
            if result is not Exhausted:
                return result if self._pinner is None else result.result()

    def _wait(self):
        """The tag of a task whose result is there; None after the last one."""
        timeout = self._loader.timeout
        end = monotonic() + timeout if timeout else None
        if self._pinner is not None:
            self._collect(0)  # the thread pins them while the caller works on the next one
        while self._given:
            candidates = self._given if self._loader.in_order else self._results
            tag = next(iter(candidates), None)
            if tag in self._results:
                return tag
            rest = _CHECK if end is None else end - monotonic()
            if rest <= 0:
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
            self._collect(min(rest, _CHECK))
        return None

    def _collect(self, seconds):
        """Take what workers send within `seconds`; an error if one is gone."""
        ready = {descriptor for descriptor, _ in self._poller.poll(seconds * 1000)}
        for worker in self._workers:
            if worker.channel.fileno() in ready:
                try:
                    arrived = worker.channel.receive()
                except EOFError:
                    self._lost(worker)
                except RuntimeError:  # a part of a message is missing: what follows cannot be understood
                    self.close()
                    raise
                for tag, result in arrived:
                    if tag in self._given:  # else it belongs to the last run
                        worker.tasks -= 1
                        self._results[tag] = self._pinned(result)
            elif not ready and seconds and not worker.process.is_alive():
                self._lost(worker)

    def _pinned(self, result):
        if self._pinner is None or result is Exhausted or isinstance(result, Failure):
            return result
        return self._pinner.submit(pin_memory, result)

    def _give(self):
        """Give out the next task, if there is one and a worker for it."""
        active = [worker for worker in self._workers if worker.active]
        if not active:
            return
        try:
            item = next(self._items)
        except StopIteration:
            return
        if self._loader.in_order:
            worker = min(active, key=lambda w: (w.number - self._turn) % len(self._workers))
        else:
            worker = min(active, key=lambda w: w.tasks)
        self._send(worker, self._tag, item)
        self._given[self._tag] = worker
        self._tag += 1
        self._turn = worker.number + 1
        worker.tasks += 1

    def _send(self, worker, tag, item):
        try:
            worker.channel.send(tag, item)
        except (BrokenPipeError, ConnectionResetError):
            self._lost(worker)

    def _lost(self, worker):
        text = worker.why_ended()
        self.close()
        raise RuntimeError(text) from None


def _join(process, seconds):
    """join(), which also waits for whatever process has inherited a descriptor; so only where there is need for it."""
    if process.exitcode is None:
        process.join(seconds)


def _stop(workers, pinner):
    """End processes: they see that their connection is closed when they have finished the batch they are at."""
    if sys.is_finalizing():  # too late to wait; they end by themselves
        return
    for worker in workers:
        worker.channel.close()
    for seconds, firmer in ((_GRACE, "terminate"), (_FIRMNESS, "kill"), (None, None)):
        end = None if seconds is None else monotonic() + seconds
        for worker in workers:
            _join(worker.process, None if end is None else max(end - monotonic(), 0))
        for worker in workers:
            if firmer and worker.process.exitcode is None:
                getattr(worker.process, firmer)()
    for worker in workers:
        worker.process.close()
    workers.clear()
    if pinner is not None:
        pinner.shutdown(wait=False, cancel_futures=True)

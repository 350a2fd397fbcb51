"""spawn: run a function in several processes, and wait for them."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import connection, get_context
from signal import Signals
from time import monotonic

from ..utils._failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ProcessException(Exception):
    """A process did not end well: `error_index` is its number, `pid` its process."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid


class ProcessRaisedException(ProcessException):
    """The function raised an exception, whose traceback is in the message."""


class ProcessExitedException(ProcessException):
    """The process was killed by a signal (`signal_name`) or exited with a code (`exit_code`)."""

    def __init__(self, msg: str, error_index: int, pid: int, exit_code: int, signal_name: str | None = None) -> None:
        super().__init__(msg, error_index, pid)
        self.exit_code, self.signal_name = exit_code, signal_name


class ProcessContext:
    """Processes that run a function. join() waits for them."""

    def __init__(self, processes: list[Any], errors: list[Any]) -> None:
        self.processes, self._errors = processes, errors
        self._failures: dict[int, Failure] = {}

    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until a process ends, or `timeout` seconds. Whether all have ended.

        When one did not end well the others are terminated, and killed after `grace_period` seconds (30), and
        ProcessRaisedException or ProcessExitedException is raised.
        """
        if not any(codes := self._codes()) and None in codes:
            running = [index for index, code in enumerate(codes) if code is None]
            connection.wait([x for i in running for x in (self.processes[i].sentinel, self._errors[i])], timeout)
            codes = self._codes()
        for index, code in enumerate(codes):
            if code:
                self._end(30 if grace_period is None else grace_period)
                self._raise(index, code)
        if None in codes:
            return False
        for process in self.processes:
            process.join()  # multiprocessing forgets it, then
        return True

    def _codes(self):
        """The exit codes; of processes that have sent a failure, the one that they are about to end with."""
        for index, errors in enumerate(self._errors):
            if index not in self._failures and errors.poll():
                try:
                    self._failures[index] = errors.recv()
                except EOFError:  # it ended without
                    continue
                self.processes[index].join()
        return [process.exitcode for process in self.processes]

    def _end(self, seconds):
        end = monotonic() + seconds
        for process in self.processes:
            if process.exitcode is None:
                process.terminate()
        for process in self.processes:
            process.join(max(end - monotonic(), 0))
            if process.exitcode is None:
                process.kill()
                process.join()

    def _raise(self, index, code):
        pid = self.processes[index].pid
        if index in self._failures:
            text = f"\n\n-- Process {index} terminated with the following error:\n{self._failures[index].text}"
            raise ProcessRaisedException(text, index, pid)
        if code < 0:
            name = Signals(-code).name
            raise ProcessExitedException(f"process {index} terminated with signal {name}", index, pid, code, name)
        raise ProcessExitedException(f"process {index} terminated with exit code {code}", index, pid, code)


SpawnContext = ProcessContext


def start_processes(
    fn: Callable[..., object],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run fn(i, *args) in processes i = 0, ..., nprocs - 1, started by "spawn", "fork" or "forkserver".

    With `join` it waits for them; else it returns a ProcessContext. An exception in a process, or its end, raises
    ProcessRaisedException or ProcessExitedException here, and ends the others.

    >>> import tensorx as tx
    >>> x = tx.zeros(3).share_memory_()
    >>> tx.multiprocessing.start_processes(lambda i, x: x[i].fill_(i + 1), (x,), 3, start_method="fork")
    >>> x
    tensor([1., 2., 3.])
    """
    context = get_context(start_method)
    processes: list[Any] = []
    errors = []
    for index in range(nprocs):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, index, args, theirs), daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        processes.append(process)
        errors.append(ours)
    started = ProcessContext(processes, errors)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., object],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """start_processes with the start method "spawn": fn must be at the top level of a module, and a script that calls
    this must do so under `if __name__ == "__main__":`."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)


def _run(fn, index, args, errors):
    try:
        fn(index, *args)
    except KeyboardInterrupt:  # reaches the parent as well
        pass
    except Exception as error:
        errors.send(Failure(error, f"in process {index}"))
        raise SystemExit(1) from None

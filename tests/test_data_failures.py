"""DataLoader when something goes wrong: an error that says what, soon, and nothing left behind."""

import errno
import faulthandler
import gc
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import tensorx as tx
from tensorx import _C
from tensorx.utils import _shared_memory
from tensorx.utils.data import DataLoader, Dataset, IterableDataset
from worker_cases import LARGE, Calls, Rows, children, values, within

pytestmark = [
    pytest.mark.usefixtures("nothing_leaks"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


# ---- exceptions in a worker


class Detailed(Exception):
    """Not made of a message."""

    def __init__(self, code, place):
        super().__init__(code, place)
        self.code, self.place = code, place


class Noted(ValueError):
    pass


def raises(error):
    def function(index):
        if index == 2:
            raise error
        return index

    return function


def test_an_exception_arrives_whole():
    error = Noted("bad example")
    error.index = 2
    batches = iter(DataLoader(Calls(raises(error)), 1, num_workers=2))
    assert [next(batches).item(), next(batches).item()] == [0, 1]
    with within(), pytest.raises(Noted) as raised:
        next(batches)
    text = str(raised.value)
    assert text.startswith("Caught Noted in DataLoader worker process 0.\nOriginal Traceback (most recent call last)")
    assert "raise error" in text and text.rstrip().endswith("Noted: bad example")
    assert type(raised.value) is Noted and raised.value.index == 2 and raised.value.__cause__.args == ("bad example",)
    assert [b.item() for b in batches] == [3, 4, 5, 6, 7]  # the others are not lost


def test_exceptions_that_are_not_made_of_a_message():
    def one(error, **options):
        with within(), pytest.raises(type(error)) as raised:
            list(DataLoader(Calls(raises(error)), 1, num_workers=1, **options))
        return raised.value

    assert str(one(KeyError("key"))).count("\n") > 3  # readable, and no repr() of the text
    missing = one(FileNotFoundError(errno.ENOENT, "No such file", "x.png"))
    assert missing.__cause__.errno == errno.ENOENT and missing.__cause__.filename == "x.png"
    detailed = one(Detailed(3, "here"))
    assert (detailed.code, detailed.place) == (3, "here") and "raise error" in detailed.__notes__[0]
    assert one(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why")).reason == "why"


def test_errors_of_connections_are_errors_like_others():
    """Not taken for that of the connection to the loader."""
    for kind in (ConnectionResetError, BrokenPipeError, EOFError):
        with pytest.raises(kind, match="of the data set"):
            list(DataLoader(Calls(raises(kind("of the data set"))), 1, num_workers=1))


def test_indices_that_cannot_be_sent():
    batches = iter(DataLoader(Rows(9), batch_sampler=[[1], [2], [lambda: 0], [3]], num_workers=1, prefetch_factor=1))
    next(batches)
    with within(), pytest.raises(Exception, match="pickle"):
        next(batches)
    assert [y.item() for _, y in batches] == [2, 3]


def test_exceptions_that_cannot_be_sent():
    class Local(LookupError):
        pass

    held = ValueError("has a file")
    held.file = sys.stderr
    for error, kind, text in ((Local("local"), LookupError, "Caught Local"), (held, ValueError, "has a file")):
        with pytest.raises(kind, match=text) as raised:
            list(DataLoader(Calls(raises(error)), 1, num_workers=1))
        assert "raise error" in str(raised.value)


def test_stop_iteration_does_not_end_the_run_silently():
    for workers in (0, 1):
        with pytest.raises(RuntimeError, match="StopIteration"):
            list(DataLoader(Calls(raises(StopIteration())), 1, num_workers=workers))


class Broken(IterableDataset):
    def __iter__(self):
        yield 1
        raise ValueError("stream ended badly")


def fail(*_):
    raise ValueError("told to fail")


@pytest.mark.parametrize("where", ["collate_fn", "worker_init_fn"])
def test_errors_outside_of_the_data_set(where):
    with within(), pytest.raises(ValueError, match="told to fail"):
        list(DataLoader(Rows(4), 2, num_workers=1, **{where: fail}))


def test_errors_of_iterables_and_of_batches():
    batches = iter(DataLoader(Broken(), None, num_workers=1))
    assert next(batches) == 1
    with pytest.raises(ValueError, match="stream ended badly"):
        next(batches)
    with within(), pytest.raises(Exception, match="(?s)Caught .*pickle.*lambda"):
        list(DataLoader(Rows(4), 2, collate_fn=lambda batch: lambda: 0, num_workers=1))
    with within(), pytest.raises(RuntimeError, match="non-leaf tensor that requires a gradient"):
        list(DataLoader(Calls(lambda i: tx.ones(3, requires_grad=True) * 2), None, num_workers=1))


class Unreadable:
    def __reduce__(self):
        return fail, ()


def test_a_batch_that_cannot_be_read_here():
    with pytest.raises(ValueError, match="(?s)in reading what another process sent.*told to fail"):
        list(DataLoader(Calls(lambda i: Unreadable()), None, num_workers=1, collate_fn=lambda x: x))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_data_set_that_cannot_be_pickled(method):
    class Local(Rows):
        pass

    with within(), pytest.raises(Exception, match="pickle") as raised:
        iter(DataLoader(Local(), num_workers=2, multiprocessing_context=method))
    assert "define their classes and functions at the top level" in raised.value.__notes__[0]
    assert not children()


# ---- workers that end


def end_at_two(how):
    def function(index):
        if index == 2:
            how()
        return index

    return function


@pytest.mark.parametrize(
    "how, text",
    [
        (
            lambda: os.kill(os.getpid(), signal.SIGKILL),
            "was killed by signal SIGKILL. The system does that when memory",
        ),
        (
            lambda: [faulthandler.disable(), os.kill(os.getpid(), signal.SIGSEGV)],
            "was killed by signal SIGSEGV. The data set or collate_fn",
        ),
        (lambda: os._exit(3), "exited unexpectedly with code 3"),
        (lambda: sys.exit(4), "exited unexpectedly with code 4"),
        (lambda: os._exit(0), "exited unexpectedly with code 0"),
    ],
)
def test_a_worker_that_ends(how, text):
    with within(), pytest.raises(RuntimeError, match=rf"DataLoader worker 0 \(pid \d+\) {text}"):
        list(DataLoader(Calls(end_at_two(how)), 1, num_workers=2))


class Killed(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_of_a_forkserver_that_is_killed():
    """It is no child of this process."""
    with within(30), pytest.raises(RuntimeError, match="was killed by signal SIGKILL"):
        list(DataLoader(Killed(), 1, num_workers=1, multiprocessing_context="forkserver"))


def test_any_worker_that_is_killed_is_noticed_while_waiting_for_another():
    def function(index):
        if index % 2:
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(30)

    with within(), pytest.raises(RuntimeError, match="worker 1 .*SIGKILL"):
        next(iter(DataLoader(Calls(function), 1, num_workers=2)))


def test_idle_workers_that_are_killed():
    loader = DataLoader(Rows(), 2, num_workers=2, persistent_workers=True)
    expected = values(loader)
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    with within(), pytest.raises(RuntimeError, match="SIGKILL"):
        values(loader)
    assert values(loader) == expected  # with new ones


def leave_a_fork():
    if os.fork() == 0:
        time.sleep(4)
        os._exit(0)


def leave_a_program():
    for descriptor in os.listdir("/proc/self/fd"):
        if os.path.exists(f"/proc/self/fd/{descriptor}"):
            os.set_inheritable(int(descriptor), True)
    subprocess.Popen(["sleep", "4"], close_fds=False)


@pytest.mark.parametrize("leave", [leave_a_fork, leave_a_program])
def test_a_worker_with_a_process_of_its_own_that_is_killed(leave):
    """The grandchild has the worker's descriptors, and outlives it for a while."""

    def function(index):
        leave()
        os.kill(os.getpid(), signal.SIGKILL)

    with within(3.5), pytest.raises(RuntimeError, match="SIGKILL"):
        list(DataLoader(Calls(function, 1), 1, num_workers=1))


def test_an_iterator_is_over_after_its_worker_was_lost():
    batches = iter(DataLoader(Calls(end_at_two(lambda: os._exit(3))), 1, num_workers=1))
    with pytest.raises(RuntimeError):
        list(batches)
    assert list(batches) == []


def test_timeout():
    batches = iter(DataLoader(Calls(lambda index: time.sleep(0.7) or index, 2), 1, num_workers=1, timeout=0.3))
    with within(), pytest.raises(RuntimeError, match=r"DataLoader timed out after 0.3 seconds"):
        next(batches)
    assert [b.item() for b in DataLoader(Rows(2), None, num_workers=1, timeout=20, collate_fn=lambda x: x[0][0])] == [
        0,
        1,
    ]


# ---- iterators that end


def test_an_iterator_dropped_in_the_middle():
    for size in (4, LARGE):
        batches = iter(DataLoader(Rows(40, size), 2, num_workers=2))
        next(batches)
        assert len(children()) == 2
        with within():
            del batches
        assert not children()


def test_a_dropped_loader_ends_its_persistent_workers():
    """At once: nothing has to wait for the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        loader = DataLoader(Rows(), 2, num_workers=2, persistent_workers=True)
        values(loader)
        assert len(children()) == 2
        del loader
        assert not children()
    finally:
        gc.enable()


def test_a_busy_worker_is_terminated():
    def deaf(index):
        if index == 1:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        return index

    batches = iter(DataLoader(Calls(deaf), 1, num_workers=1))
    next(batches)
    with within(8):
        del batches
    assert not children()


def test_a_forked_child_does_not_end_the_workers_of_its_parent():
    batches = iter(DataLoader(Rows(6), 2, num_workers=1))
    next(batches)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            next(batches)
        except RuntimeError as error:
            code = 0 if "belongs to the process that made it" in str(error) else 2
        finally:
            del batches
            gc.collect()
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert [y.tolist() for _, y in batches] == [[2, 3], [4, 5]]


def test_persistent_workers_in_a_forked_child():
    """It starts its own."""
    loader = DataLoader(Rows(6), 2, num_workers=1, persistent_workers=True)
    expected = values(loader)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = int(values(loader) != expected)
            loader._iterator.close()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert values(loader) == expected


SCRIPT = """
    import sys, time
    import tensorx as tx
    from tensorx.utils.data import DataLoader, Dataset

    class Slow(Dataset):
        def __len__(self):
            return 1000

        def __getitem__(self, index):
            time.sleep(0.02)
            return tx.ones(40_000)

    loader = DataLoader(Slow(), 2, num_workers=2, persistent_workers=True)
    for step, batch in enumerate(loader):
        if step == 2:
            print("running", flush=True)
        {body}
"""


def run_and(signal_number, target, body="pass"):
    """Start the script in a process group of its own, send a signal, and say how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT).format(body=body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # The tests may run in the background of a shell, which has it ignored there, and so would this process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout.readline() == "running\n"
        if signal_number:
            target(process.pid, signal_number)
        with within():
            process.wait(30)
        end = time.monotonic() + 5
        while group_exists(process.pid) and time.monotonic() < end:
            time.sleep(0.02)
        assert not group_exists(process.pid), "processes are left"
        return process.returncode, process.communicate()[1]
    finally:
        if group_exists(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


def group_exists(group):
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False


def test_control_c():
    code, errors = run_and(signal.SIGINT, os.killpg)  # a terminal sends it to every process of the group
    assert code in (1, 130, -signal.SIGINT) and errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_a_loader_that_is_killed_leaves_no_workers():
    code, _ = run_and(signal.SIGKILL, os.kill)
    assert code == -signal.SIGKILL


@pytest.mark.parametrize("body, expected", [("break", 0), ("__import__('os')._exit(6)", 6)])
def test_a_program_that_ends_with_workers_running(body, expected):
    code, errors = run_and(None, None, f"if step == 2: {body}")
    assert code == expected and errors == ""


def test_daemonic_processes_may_have_no_workers(monkeypatch):
    from multiprocessing import process

    monkeypatch.setitem(process.current_process()._config, "daemon", True)
    with pytest.raises(AssertionError, match="use num_workers=0 here"):
        iter(DataLoader(Rows(), num_workers=1))


# ---- shared memory that is not to be had


def test_without_memfd(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    x, _ = next(iter(DataLoader(Rows(2, LARGE), 2, num_workers=1)))
    assert _C.is_shared(x) and x[1, 7].item() == 1 and os.listdir(tmp_path) == []


def test_memfd_that_the_system_does_not_have(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "memfd_create", refuse)
    os.close(_shared_memory.nameless_file(10))


def test_no_room(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with within(), pytest.raises(RuntimeError, match="(?s)unable to allocate .* bytes of shared memory: No space left"):
        list(DataLoader(Rows(2, LARGE), 2, num_workers=1))


def test_too_many_open_files():
    def limit(_):
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 3, used + 3))

    with within(), pytest.raises(RuntimeError, match="(?s)Too many open files; raise the limit"):
        list(DataLoader(Calls(many_tensors), None, num_workers=1, worker_init_fn=limit))


def many_tensors(index):
    return [tx.ones(LARGE) for _ in range(20)]


def test_too_many_open_files_here():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    batches = iter(DataLoader(Calls(many_tensors), None, num_workers=1))
    used = {int(descriptor) for descriptor in os.listdir("/proc/self/fd")}
    third_free = [number for number in range(1000) if number not in used][2]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (third_free, hard))
        with within(), pytest.raises(RuntimeError, match="too many open files"):
            list(batches)
        assert list(batches) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_c_refuses():
    with pytest.raises(OSError):
        _C.map_shared(-1, 8, False)
    for size in (0, -8, 7, 12):
        with pytest.raises(OSError):
            _C.map_shared(os.memfd_create("x"), size, False)
    for function in (_C.lend_shared, _C.shared_is_free, _C.close_shared_file):
        with pytest.raises(ValueError, match="expected a tensor in shared memory"):
            function(tx.ones(3))
    assert _C.shared_file(tx.ones(3)) == -1 and not _C.is_shared(tx.ones(0))

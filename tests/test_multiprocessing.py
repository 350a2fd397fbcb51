"""tensorx.multiprocessing: tensors that processes share; spawn and its errors."""

import os
import signal
import sys

import pytest

import tensorx as tx
import tensorx.multiprocessing as mp
from tensorx import _C, nn
from worker_cases import within

pytestmark = pytest.mark.usefixtures("nothing_leaks")


@pytest.fixture(scope="module", autouse=True)
def server_of_descriptors():
    """multiprocessing starts one, for good, when the first descriptor is sent."""
    queue = mp.get_context("fork").SimpleQueue()
    queue.put(tx.ones(1))
    queue.get()


def add_one(index, x, *others):
    x += 1
    for other in others:
        other.data.fill_(index + 5)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_share_arguments(method):
    x, view = tx.zeros(4).share_memory_(), tx.arange(6.0).reshape(2, 3).t().share_memory_()
    parameter = nn.Parameter(tx.ones(2)).share_memory_()
    assert view.tolist() == [[0, 3], [1, 4], [2, 5]] and parameter.is_leaf and parameter.requires_grad
    mp.start_processes(add_one, (x, view, parameter), 1, start_method=method)
    assert x.tolist() == [1] * 4 and view.tolist() == [[5, 5]] * 3 and parameter.tolist() == [5, 5]


def test_queues_share_tensors():
    queue = mp.get_context("fork").SimpleQueue()
    x = tx.arange(12).reshape(3, 4)
    parameter = nn.Parameter(tx.zeros(3))
    parameter.note = "kept"
    sent = [x, x[1:, ::2], parameter, tx.empty(0, 3), tx.eye(2).to_sparse(), x.to(tx.bfloat16)]
    queue.put(sent)
    got = queue.get()
    for a, b in zip(got, sent):
        assert type(a) is type(b) and a.shape == b.shape and a.dtype == b.dtype
    got[0][0, 0], got[1][0, 0] = 100, 200
    got[2].data[1] = 300
    assert x[0, 0].item() == 100 and sent[1][0, 0].item() == 200 and parameter[1].item() == 300
    assert got[2].note == "kept" and got[2].requires_grad and got[4].to_dense().tolist() == [[1, 0], [0, 1]]
    queue.put(got[0])  # and on to the next
    queue.get()[0, 1] = 400
    assert x[0, 1].item() == 400
    with pytest.raises(RuntimeError, match="non-leaf tensor that requires a gradient"):
        queue.put(tx.ones(2, requires_grad=True) * 2)
    queue.close()


def test_share_memory():
    x = tx.arange(6.0).reshape(2, 3).t()
    assert not x.is_shared()
    assert x.share_memory_() is x and x.is_shared() and x.stride() == (1, 3) and x.tolist() == [[0, 3], [1, 4], [2, 5]]
    address = x.data_ptr()
    assert x.share_memory_().data_ptr() == address and x[1].is_shared()
    expanded = tx.ones(1).expand(3).share_memory_()
    expanded[0] = 2
    assert expanded.tolist()[0] == 2
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert model.share_memory() is model and all(p.is_shared() for p in [*model.parameters(), *model.buffers()])
    model(tx.ones(3, 2)).sum().backward()
    assert tx.empty(0).share_memory_().shape == (0,)
    assert isinstance(_C.shared_file(x), int)


def test_cuda_tensors_are_shared_as_they_are(device):
    x = tx.ones(2, device=device).share_memory_()
    assert x.is_shared() and x.tolist() == [1, 1]


def wrong(index, how):
    if index == 1:
        how()
    else:
        signal.pause()


def test_spawn_errors():
    def fail():
        raise ValueError("told to fail" + 300_000 * "!")  # more than a pipe holds

    cases = [
        (fail, mp.ProcessRaisedException, "(?s)Process 1 terminated with the following error:.*told to fail"),
        (lambda: os._exit(3), mp.ProcessExitedException, "exit code 3"),
        (lambda: sys.exit(4), mp.ProcessExitedException, "exit code 4"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), mp.ProcessExitedException, "signal SIGKILL"),
    ]
    for how, kind, text in cases:
        with within(), pytest.raises(kind, match=text) as raised:
            mp.start_processes(wrong, (how,), 3, start_method="fork")
        assert raised.value.error_index == 1 and raised.value.pid > 0


def test_a_context_that_is_not_joined():
    context = mp.start_processes(lambda i: None, (), 2, join=False, start_method="fork")
    assert len(context.pids()) == 2
    while not context.join(5):
        pass
    assert context.join() and isinstance(context, mp.SpawnContext)


def test_names():
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy(mp.get_sharing_strategy())
    with pytest.raises(ValueError, match="sharing strategy is one of"):
        mp.set_sharing_strategy("file_system")
    assert mp.Process and mp.Queue and mp.set_start_method and mp.cpu_count() > 0

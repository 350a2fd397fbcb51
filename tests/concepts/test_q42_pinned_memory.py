"""Row 42: page-locked memory, and copies that do not wait for each other."""

import pytest

import tensorx as tx
from tensorx.utils.data import DataLoader, TensorDataset

pytestmark = pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")


def test_pin_memory_copies_once():
    x = tx.arange(10.0)
    pinned = x.pin_memory()
    assert not x.is_pinned() and pinned.is_pinned()
    assert pinned.pin_memory() is pinned
    assert pinned.tolist() == x.tolist()
    assert tx.empty(4, pin_memory=True).is_pinned()


def test_non_blocking_copies_run_on_the_current_stream():
    x = tx.arange(1000.0).pin_memory()
    side = tx.cuda.Stream()
    done = tx.cuda.Event()
    with tx.cuda.stream(side):
        there = x.cuda(non_blocking=True)
        back = tx.empty(1000, pin_memory=True)
        back.copy_(there * 2, non_blocking=True)
        done.record()
    done.synchronize()
    assert done.query() and back.tolist() == (x * 2).tolist()


def test_another_stream_waits_by_an_event():
    side = tx.cuda.Stream()
    x = tx.ones(1000, device="cuda")
    side.wait_stream(tx.cuda.current_stream())
    with tx.cuda.stream(side):
        doubled = x * 2
    tx.cuda.current_stream().wait_stream(side)
    assert (doubled + 1).sum().item() == 3000


def test_events_tell_time():
    start, end = tx.cuda.Event(enable_timing=True), tx.cuda.Event(enable_timing=True)
    start.record()
    tx.ones(1000, device="cuda").sum()
    end.record()
    end.synchronize()
    assert start.elapsed_time(end) >= 0


def test_the_loader_pins_its_batches():
    data = TensorDataset(tx.arange(12.0).view(6, 2), tx.arange(6))
    for x, y in DataLoader(data, batch_size=2, pin_memory=True):
        assert x.is_pinned() and y.is_pinned()
        assert x.cuda(non_blocking=True).cpu().tolist() == x.tolist()

"""CUDA devices: places, copies, streams, events, memory, errors. Run on the emulated device by tools/emulate."""

import gc
import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tensorx as tx

pytestmark = pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")
several = pytest.mark.skipif(tx.cuda.device_count() < 2, reason="needs two devices")


def python(source, **environment):
    """A fresh interpreter: what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, env={**os.environ, **environment}, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---- places


def test_to_and_back():
    x = tx.randn(3, 4)
    y = x.to("cuda")
    assert y.is_cuda and y.device == tx.device("cuda", 0) and y.get_device() == 0
    assert y.to("cuda") is y and y.cuda() is y and y.to("cuda:0") is y
    assert y.cpu().tolist() == x.tolist()
    assert x.to(y).device == y.device
    assert x.to("cuda", tx.float64).dtype is tx.float64
    assert x.to("cuda", copy=True).cpu().tolist() == x.tolist()
    assert tx.zeros(2, device="cuda").device.type == "cuda"
    assert tx.ones_like(y).device == y.device
    assert y.numpy(force=True).tolist() == x.tolist()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float16", "bfloat16", "float32", "float64"])
def test_every_dtype_travels(dtype):
    x = tx.arange(-3, 9).to(getattr(tx, dtype))
    assert x.cuda().dtype is x.dtype
    assert x.cuda().cpu().tolist() == x.tolist()


def test_strides_travel():
    x = tx.arange(24).view(2, 3, 4)
    for view in (
        x.permute(2, 0, 1),
        x[:, ::2],
        x[..., 1:3],
        x[:, 1:2].expand(2, 3, 4),
        x.flatten()[3:],
        x[:0],
        x[1, 1, 1],
    ):
        assert view.cuda().cpu().tolist() == view.tolist()
    assert x.permute(2, 0, 1).cuda().stride() == x.permute(2, 0, 1).stride()
    y = x.cuda()
    assert y.permute(2, 0, 1).cpu().tolist() == x.permute(2, 0, 1).tolist()
    assert y[:, ::2].cpu().tolist() == x[:, ::2].tolist()


def test_copy_between_places():
    x = tx.zeros(4, 3, device="cuda")
    x.copy_(tx.arange(3))
    assert x.cpu().tolist() == [[0, 1, 2]] * 4
    x.t().copy_(tx.arange(4))
    assert x.cpu()[:, 0].tolist() == [0, 1, 2, 3]
    y = tx.zeros(3, 4)
    y.t().copy_(x)
    assert y.t().tolist() == x.cpu().tolist()


def test_printing_and_numbers():
    x = tx.tensor([1.5, 2.0], device="cuda")
    assert repr(x) == "tensor([1.5000, 2.0000], device='cuda:0')"
    assert x[0].item() == 1.5 and float(x[1]) == 2 and bool(x[0] > 1)
    assert x.tolist() == [1.5, 2.0]
    with pytest.raises(TypeError, match="Use Tensor.cpu"):
        x.numpy()


def test_gradients_travel():
    x = tx.randn(5, requires_grad=True)
    w = tx.tensor(2.0, requires_grad=True)  # a number on the CPU goes with any device
    (x.cuda() * w).exp().backward(tx.ones(5, device="cuda"))
    assert x.grad.device.type == "cpu" and w.grad.device.type == "cpu"
    np.testing.assert_allclose(x.grad, 2 * np.exp(2 * x.detach()), rtol=1e-5)
    y = tx.randn(5, device="cuda", requires_grad=True)
    (y.cpu() * 3).backward(tx.ones(5))
    assert y.grad.device == y.device and y.grad.cpu().tolist() == [3.0] * 5


def test_pickle_keeps_the_device():
    import pickle

    x = tx.arange(4, device="cuda")
    y = pickle.loads(pickle.dumps(x))
    assert y.device == x.device and y.cpu().tolist() == [0, 1, 2, 3]


def test_dlpack():
    x = tx.arange(12.0).cuda().view(3, 4)
    y = tx.from_dlpack(x.t())
    assert y.device == x.device and y.cpu().tolist() == x.t().cpu().tolist()
    y.fill_(3)
    assert x.cpu().tolist() == [[3.0] * 4] * 3  # the same memory
    assert x.__dlpack_device__() == (2, 0)
    copied = tx.from_dlpack(x, copy=True)
    assert copied.data_ptr() != x.data_ptr()


def test_cuda_array_interface():
    x = tx.arange(12).cuda().view(3, 4)
    found = x[:, 1:].__cuda_array_interface__
    assert found["shape"] == (3, 3) and found["strides"] == (32, 8) and found["typestr"] == "<i8"
    assert found["data"] == (x.data_ptr() + 8, False) and found["version"] == 3
    assert not hasattr(tx.ones(2), "__cuda_array_interface__")


# ---- errors


def test_two_devices_in_one_op():
    with pytest.raises(RuntimeError, match=r"same device, but found cuda:0 and cpu"):
        tx.ones(3, device="cuda") + tx.ones(3)
    with pytest.raises(RuntimeError, match=r"same device"):
        tx.add(tx.ones(3, device="cuda"), 1, out=tx.ones(3))
    assert (tx.ones(3, device="cuda") + tx.tensor(2.0)).cpu().tolist() == [3.0] * 3


def test_devices_that_are_not_there():
    count = tx.cuda.device_count()
    with pytest.raises(RuntimeError, match=f"this machine has {count} CUDA device"):
        tx.ones(1, device=f"cuda:{count}")
    with pytest.raises(RuntimeError, match="Invalid device string"):
        tx.ones(1, device="cuda:x")
    with pytest.raises(ValueError, match="Expected a cuda device"):
        tx.cuda.synchronize("cpu")


def test_out_of_memory_leaves_everything_as_it_was():
    before = tx.cuda.memory_allocated()
    with pytest.raises(tx.cuda.OutOfMemoryError, match=r"Tried to allocate .* MiB on cuda:0"):
        tx.empty(1 << 46, dtype=tx.uint8, device="cuda")
    assert issubclass(tx.cuda.OutOfMemoryError, RuntimeError)
    assert tx.cuda.memory_allocated() == before
    assert tx.ones(3, device="cuda").tolist() == [1.0] * 3


def test_out_of_memory_gives_back_what_is_kept_and_tries_again():
    tx.cuda.empty_cache()
    free, _ = tx.cuda.mem_get_info()
    size = free // 2 + (1 << 20)
    a = tx.empty(size, dtype=tx.uint8, device="cuda")
    del a
    b = tx.empty(size + (32 << 20), dtype=tx.uint8, device="cuda")  # fits only without what `a` left behind
    assert b.numel() == size + (32 << 20)
    assert tx.cuda.memory_stats()["num_alloc_retries"] >= 1
    del b
    tx.cuda.empty_cache()


def test_no_device_is_one_clear_line():
    said = python(
        "import tensorx as tx\n"
        "print(tx.cuda.is_available(), tx.cuda.device_count())\n"
        "try: tx.ones(2, device='cuda')\n"
        "except RuntimeError as e: print(e)",
        TENSORX_EMULATION_DEVICES="0",
    )
    assert said.splitlines()[0] == "False 0"
    assert said.splitlines()[1].startswith("device='cuda': no ") and "use device='cpu'" in said


def test_import_does_not_start_cuda():
    assert python("import tensorx as tx; tx.ones(3).sum(); print(tx.cuda.is_initialized())") == "False"


def _use_cuda(queue):
    try:
        queue.put(tx.ones(2, device="cuda").tolist())
    except RuntimeError as error:
        queue.put(str(error))


def test_fork_is_refused():
    tx.ones(2, device="cuda")
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_use_cuda, args=(queue,))
    child.start()
    assert "forked subprocess" in queue.get(timeout=60) and child.join(60) is None
    assert tx.ones(2, device="cuda").tolist() == [1.0, 1.0]


# ---- streams and events


def test_streams():
    default = tx.cuda.default_stream()
    assert tx.cuda.current_stream() == default
    s = tx.cuda.Stream()
    assert s != default and s.device == tx.device("cuda", 0)
    with tx.cuda.stream(s):
        assert tx.cuda.current_stream() == s
        x = tx.ones(1000, device="cuda") * 3
    assert tx.cuda.current_stream() == default
    default.wait_stream(s)
    y = x + 1
    x.record_stream(default)
    assert y.cpu().tolist() == [4.0] * 1000
    s.synchronize()
    assert s.query() and isinstance(hash(s), int)


def test_streams_are_of_threads():
    s = tx.cuda.Stream()
    seen = []
    with tx.cuda.stream(s):
        t = threading.Thread(target=lambda: seen.append(tx.cuda.current_stream()))
        t.start()
        t.join()
    assert seen == [tx.cuda.default_stream()]


def test_events():
    begin, end = tx.cuda.Event(enable_timing=True), tx.cuda.Event(enable_timing=True)
    assert begin.query()
    with pytest.raises(ValueError, match="recorded"):
        begin.elapsed_time(end)
    begin.record()
    x = tx.ones(100, device="cuda") + 1
    end.record()
    end.synchronize()
    assert end.query() and begin.elapsed_time(end) >= 0
    with pytest.raises(ValueError, match="enable_timing"):
        tx.cuda.Event().elapsed_time(end)
    del x


def test_memory_of_a_side_stream_is_not_reused_too_early():
    """A block that another stream still uses is not handed out again before that stream is done with it."""
    s = tx.cuda.Stream()
    x = tx.ones(1 << 16, device="cuda")
    address = x.data_ptr()
    s.wait_stream(tx.cuda.current_stream())
    with tx.cuda.stream(s):
        y = x * 2
    x.record_stream(s)
    del x
    z = tx.zeros(1 << 16, device="cuda")
    assert z.data_ptr() != address
    tx.cuda.current_stream().wait_stream(s)
    assert y.cpu().tolist() == [2.0] * (1 << 16)


# ---- memory


def test_memory_figures():
    gc.collect()
    tx.cuda.synchronize()
    tx.cuda.reset_peak_memory_stats()
    before = tx.cuda.memory_allocated()
    x = tx.empty(1 << 20, dtype=tx.uint8, device="cuda")
    assert tx.cuda.memory_allocated() - before == 1 << 20
    del x
    assert tx.cuda.memory_allocated() == before
    assert tx.cuda.max_memory_allocated() >= before + (1 << 20)
    assert tx.cuda.memory_reserved() >= tx.cuda.memory_allocated()


def test_memory_statistics_add_up():
    tx.cuda.reset_accumulated_memory_stats()
    tx.cuda.reset_peak_memory_stats()
    before = tx.cuda.memory_stats_as_nested_dict()
    small, large = tx.empty(700, dtype=tx.uint8, device="cuda"), tx.empty(3 << 20, dtype=tx.uint8, device="cuda")
    during = tx.cuda.memory_stats_as_nested_dict()
    for name, pools in during.items():
        if isinstance(pools, dict):
            for metric in ("current", "allocated", "freed"):
                assert pools["all"][metric] == pools["small_pool"][metric] + pools["large_pool"][metric], name
            for pool in pools.values():
                assert pool["peak"] >= pool["current"] >= 0 and pool["allocated"] >= 0 and pool["freed"] >= 0, name

    def grew(name, pool, metric="current"):
        return during[name][pool][metric] - before[name][pool][metric]

    assert grew("allocation", "small_pool") == grew("allocation", "large_pool") == 1
    assert grew("allocated_bytes", "small_pool") == 1024 and grew("requested_bytes", "small_pool") == 700
    assert grew("allocated_bytes", "large_pool") == grew("requested_bytes", "large_pool") == 3 << 20
    assert grew("active", "all") == 2 and grew("active_bytes", "all") == 1024 + (3 << 20)
    assert grew("allocation", "all", "allocated") == 2
    del small, large
    after = tx.cuda.memory_stats_as_nested_dict()
    for name in ("allocation", "allocated_bytes", "active", "active_bytes", "requested_bytes"):
        assert after[name]["all"]["current"] == before[name]["all"]["current"], name
    assert after["allocation"]["all"]["freed"] == 2 and after["allocation"]["all"]["peak"] >= 2
    flat = tx.cuda.memory_stats()
    assert flat["allocation.all.freed"] == 2 and list(flat) == sorted(flat)
    tx.cuda.reset_accumulated_memory_stats()
    assert tx.cuda.memory_stats()["allocation.all.freed"] == 0


def test_segments_are_counted():
    """In a process of its own: which segments a block comes from depends on what there was before."""
    program = """
import tensorx as tx

def figures():
    s = tx.cuda.memory_stats()
    kinds = ("segment.all", "reserved_bytes.large_pool", "inactive_split.large_pool", "inactive_split_bytes.all")
    return [s[kind + ".current"] for kind in kinds] + [s["num_device_alloc"], s["num_device_free"]]

def blocks():
    return [(b["state"], b["size"]) for s in tx.cuda.memory_snapshot() for b in s["blocks"]]

print(figures(), blocks())
x = tx.empty(3 << 20, dtype=tx.uint8, device="cuda")
print(figures(), blocks())
y = tx.empty(17 << 20, dtype=tx.uint8, device="cuda")
print(figures(), blocks())
del x
print(figures(), blocks())
del y
print(figures(), blocks())
tx.cuda.empty_cache()
print(figures(), blocks())
"""
    live, free, (a, b) = "active_allocated", "inactive", (3 << 20, 17 << 20)
    assert python(program).splitlines() == [
        str([0, 0, 0, 0, 0, 0]) + " []",
        f"{[1, a + b, 1, b, 1, 0]} {[(live, a), (free, b)]}",
        f"{[1, a + b, 0, 0, 1, 0]} {[(live, a), (live, b)]}",
        f"{[1, a + b, 1, a, 1, 0]} {[(free, a), (live, b)]}",
        f"{[1, a + b, 0, 0, 1, 0]} {[(free, a + b)]}",
        str([0, 0, 0, 0, 1, 1]) + " []",
    ]


def test_memory_summary():
    assert "reserved_bytes" in tx.cuda.memory_summary() and "small_pool" in tx.cuda.memory_summary()
    assert "small_pool" not in tx.cuda.memory_summary(abbreviated=True)


def test_memory_snapshot():
    tx.cuda.empty_cache()
    x = tx.empty(3 << 20, dtype=tx.uint8, device="cuda")
    segments = tx.cuda.memory_snapshot()
    (mine,) = (s for s in segments if any(b["address"] == x.data_ptr() for b in s["blocks"]))
    assert mine["segment_type"] == "large" and mine["device"] == 0
    assert mine["stream"] == tx.cuda.current_stream().cuda_stream
    (block,) = (b for b in mine["blocks"] if b["address"] == x.data_ptr())
    assert block["state"] == "active_allocated" and block["size"] == block["requested_size"] == 3 << 20
    assert sum(b["size"] for b in mine["blocks"]) == mine["total_size"] >= mine["allocated_size"] >= 3 << 20
    places = [b["address"] for b in mine["blocks"]]
    assert places == sorted(places) and places[0] == mine["address"]
    assert sum(s["total_size"] for s in segments if s["device"] == 0) == tx.cuda.memory_reserved()
    assert sum(s["allocated_size"] for s in segments if s["device"] == 0) == tx.cuda.memory_allocated()
    s = tx.cuda.Stream()
    x.record_stream(s)
    with tx.cuda.stream(s):
        y = x + 1
    del x
    (after,) = (s for s in tx.cuda.memory_snapshot() if s["address"] == mine["address"])
    assert after["allocated_size"] == mine["allocated_size"] - (3 << 20)
    del y


def test_memory_for_other_libraries():
    before = tx.cuda.memory_allocated()
    side = tx.cuda.Stream()
    for stream in (None, side, side.cuda_stream):
        place = tx.cuda.caching_allocator_alloc(1000, stream=stream)
        assert tx.cuda.memory_allocated() - before == 1024
        (block,) = (b for s in tx.cuda.memory_snapshot() for b in s["blocks"] if b["address"] == place)
        assert block["requested_size"] == 1000
        tx.cuda.caching_allocator_delete(place)
        assert tx.cuda.memory_allocated() == before
    with pytest.raises(ValueError, match="must not be negative"):
        tx.cuda.caching_allocator_alloc(-1)
    tx.cuda.caching_allocator_delete(12345)  # what it does not know, it leaves alone


def test_host_memory_statistics():
    tx.cuda.empty_cache()
    tx.cuda.reset_peak_host_memory_stats()
    tx.cuda.reset_accumulated_host_memory_stats()
    before = tx.cuda.host_memory_stats()
    x = tx.ones(5000, dtype=tx.uint8).pin_memory()
    during = tx.cuda.host_memory_stats()
    assert during["active_requests.current"] - before["active_requests.current"] == 1
    assert during["active_bytes.current"] - before["active_bytes.current"] == 8192  # the next power of two
    assert during["allocated_bytes.allocated"] == 8192 and during["allocations.allocated"] == 1
    del x
    gc.collect()
    assert tx.cuda.host_memory_stats()["active_requests.current"] == before["active_requests.current"]
    assert tx.cuda.host_memory_stats()["allocations.current"] == before["allocations.current"] + 1  # kept for the next
    tx.cuda.empty_cache()
    after = tx.cuda.host_memory_stats()
    assert after["allocations.current"] == before["allocations.current"] and after["allocations.freed"] >= 1
    assert after["active_bytes.peak"] >= 8192


def test_freed_blocks_are_reused_split_and_merged():
    tx.cuda.empty_cache()
    a = tx.empty(3 << 20, dtype=tx.uint8, device="cuda")
    segments = tx.cuda.memory_stats()["segment.all.current"]
    place = a.data_ptr()
    del a
    b = tx.empty(1 << 20, dtype=tx.uint8, device="cuda")  # small: a segment of another kind
    c = tx.empty(2 << 20, dtype=tx.uint8, device="cuda")
    d = tx.empty(2 << 20, dtype=tx.uint8, device="cuda")
    assert c.data_ptr() == place and d.data_ptr() == place + (2 << 20)
    assert tx.cuda.memory_stats()["segment.all.current"] <= segments + 1
    del c, d
    e = tx.empty(19 << 20, dtype=tx.uint8, device="cuda")  # the parts are one again
    assert e.data_ptr() == place or e.numel()
    del b, e
    reserved = tx.cuda.memory_reserved()
    tx.cuda.empty_cache()
    assert tx.cuda.memory_reserved() < reserved


def test_memory_limit():
    tx.cuda.empty_cache()
    try:
        tx.cuda.set_per_process_memory_fraction(0.01)
        assert tx.cuda.get_per_process_memory_fraction() == pytest.approx(0.01, rel=1e-6)
        with pytest.raises(tx.cuda.OutOfMemoryError):
            tx.empty(tx.cuda.get_device_properties().total_memory // 10, dtype=tx.uint8, device="cuda")
    finally:
        tx.cuda.set_per_process_memory_fraction(1.0)
    assert tx.cuda.get_per_process_memory_fraction() == 1
    with pytest.raises(ValueError, match="0~1"):
        tx.cuda.set_per_process_memory_fraction(2)


def test_pinned_memory():
    x = tx.arange(1000.0)
    p = x.pin_memory()
    assert p.is_pinned() and not x.is_pinned() and p.pin_memory() is p
    assert p.tolist() == x.tolist()
    assert tx.empty(3, pin_memory=True).is_pinned()
    y = p.to("cuda", non_blocking=True)
    back = tx.empty(1000, pin_memory=True)
    back.copy_(y, non_blocking=True)
    tx.cuda.synchronize()
    assert back.tolist() == x.tolist()


def test_data_loader_pins_its_batches():
    from tensorx.utils.data import DataLoader

    data = [{"x": tx.ones(3) * i, "pair": (i, "name")} for i in range(4)]
    for batch in DataLoader(data, batch_size=2, pin_memory=True):
        assert batch["x"].is_pinned() and batch["pair"][0].is_pinned() and batch["pair"][1] == ("name", "name")
    assert not next(iter(DataLoader(data, batch_size=2)))["x"].is_pinned()


def test_pageable_source_may_change_at_once():
    for n in (10, 3 << 20):  # below and above the size of a staging buffer
        x = tx.ones(n)
        y = x.to("cuda", non_blocking=True)
        x.fill_(7)
        assert y.cpu().sum().item() == n


def test_pinned_block_is_not_reused_while_it_is_copied():
    p = tx.ones(1000).pin_memory()
    y = p.to("cuda", non_blocking=True)
    del p
    q = tx.full((1000,), 5.0).pin_memory()
    assert y.cpu().tolist() == [1.0] * 1000 and q.tolist() == [5.0] * 1000


# ---- devices


def test_properties():
    p = tx.cuda.get_device_properties(0)
    assert p.total_memory > 0 and p.multi_processor_count > 0 and p.name == tx.cuda.get_device_name(0)
    assert tx.cuda.get_device_capability() == (p.major, p.minor)
    assert "CudaDeviceProperties(name=" in repr(p)
    with pytest.raises(AttributeError, match="has no property 'colour'"):
        _ = p.colour


@several
def test_second_device():
    assert tx.cuda.current_device() == 0
    with tx.cuda.device(1):
        assert tx.cuda.current_device() == 1
        x = tx.ones(5, device="cuda")
    assert x.device == tx.device("cuda:1") and tx.cuda.current_device() == 0
    y = x * 2
    assert y.device == x.device
    z = y.to("cuda:0") + tx.ones(5, device="cuda:0")
    assert z.cpu().tolist() == [3.0] * 5
    with pytest.raises(RuntimeError, match="cuda:1 and cuda:0"):
        x + z
    assert tx.cuda.can_device_access_peer(0, 1)
    with tx.cuda.device_of(x):
        assert tx.cuda.current_device() == 1


def test_manual_seed():
    tx.manual_seed(3)
    a = tx.rand(1000)
    tx.manual_seed(3)
    b = tx.rand(1000, device="cuda")
    assert b.device.type == "cuda" and b.cpu().tolist() == a.tolist()


@pytest.mark.skipif(not tx.cuda.is_emulated(), reason="what the emulator reports")
def test_the_emulator_is_known():
    assert tx.cuda.get_device_name() == "emulated CUDA device"

"""Names of tensorx.cuda beside streams and memory: legacy types, what the driver and NVIDIA's tools say. Needs no device."""

import sys
import types

import pytest

import tensorx as tx

needs_cuda = pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")

# Of torch.cuda, for a reason:
ABSENT = {
    **dict.fromkeys(
        "CUDAGraph graph graphs graph_pool_handle is_current_stream_capturing make_graphed_callables MemPool "
        "use_mem_pool".split(),
        "ops wait for the device to check what they are given, which no graph can hold",
    ),
    **dict.fromkeys(
        "CUDAPluggableAllocator change_current_allocator caching_allocator_disabled caching_allocator_enable ".split(),
        "one allocator; TENSORX_CUDA_CACHING=0 is for memory checkers",
    ),
    **dict.fromkeys(
        "BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage DoubleStorage "
        "FloatStorage HalfStorage IntStorage LongStorage ShortStorage".split(),
        "storages have no types",
    ),
    **dict.fromkeys(
        "current_blas_handle current_solver_handle cudart cudaStatus CudaError DeferredCudaCallError check_error "
        "has_magma nccl tunable jiterator GreenContext sparse".split(),
        "handles of libraries that tensorx does not use",
    ),
    **dict.fromkeys("get_sync_debug_mode set_sync_debug_mode".split(), "the profiler shows where a program waits"),
    **dict.fromkeys(
        "max_memory_cached memory_cached reset_max_memory_allocated reset_max_memory_cached has_half".split(),
        "deprecated in PyTorch",
    ),
    "ipc_collect": "memory of devices is not shared between processes",
}


def test_names_of_torch():
    torch = pytest.importorskip("torch")
    missing = {name for name in torch.cuda.__all__ if not hasattr(tx.cuda, name)}
    assert missing == set(ABSENT) & set(torch.cuda.__all__)
    for name in set(torch.cuda.__all__) - missing:
        assert callable(getattr(torch.cuda, name)) <= callable(getattr(tx.cuda, name)), name


def test_every_public_name_is_there():
    assert all(hasattr(tx.cuda, name) for name in dir(tx.cuda))
    with pytest.raises(AttributeError, match="module 'tensorx.cuda' has no attribute 'FloaTensor'"):
        tx.cuda.FloaTensor


@needs_cuda
def test_legacy_types():
    x = tx.cuda.FloatTensor([1, 2])
    assert x.is_cuda and x.dtype is tx.float32 and x.type() == "tensorx.cuda.FloatTensor" and x.tolist() == [1, 2]
    assert tx.cuda.LongTensor(2, 3).shape == (2, 3) and tx.cuda.LongTensor(2, 3).is_cuda
    assert isinstance(x, tx.cuda.FloatTensor) and not isinstance(x, tx.FloatTensor)
    assert not isinstance(x.cpu(), tx.cuda.FloatTensor) and not isinstance(x, tx.cuda.HalfTensor)
    here = tx.tensor([1.5, 2.5])
    for type_ in (tx.cuda.IntTensor, "tensorx.cuda.IntTensor", "torch.cuda.IntTensor"):
        there = here.type(type_)
        assert there.is_cuda and there.dtype is tx.int32 and there.tolist() == [1, 2]
        assert there.type("tensorx.HalfTensor").type() == "tensorx.HalfTensor"
    assert x.type(tx.cuda.FloatTensor) is x and x.type(tx.float16).is_cuda
    with pytest.raises(
        ValueError, match="invalid type: 'tensorx.cuda.QuadTensor': expected one of tensorx.FloatTensor"
    ):
        x.type("tensorx.cuda.QuadTensor")


def test_a_legacy_cuda_type_is_no_default():
    with pytest.raises(TypeError, match="expected a tensor type of the CPU or its name"):
        tx.set_default_tensor_type(tx.cuda.FloatTensor)


def test_accelerator():
    built = tx.cuda.is_available() or tx._C.cuda_is_built()
    assert tx.accelerator.current_accelerator() == (tx.device("cuda") if built else None)
    found = tx.accelerator.current_accelerator(check_available=True)
    assert (found is not None) is tx.accelerator.is_available() is (tx.accelerator.device_count() > 0)
    tx.accelerator.empty_cache()
    tx.accelerator.empty_host_cache()
    if not found:
        with pytest.raises(RuntimeError, match="CUDA"):
            tx.accelerator.synchronize()
        return
    x = tx.ones(3, device=found)
    assert x.is_cuda and tx.accelerator.memory_allocated() == tx.cuda.memory_allocated() > 0
    assert tx.accelerator.current_device_index() == tx.cuda.current_device()
    with tx.accelerator.device_index(tx.accelerator.device_count() - 1):
        assert tx.accelerator.current_device_index() == tx.accelerator.device_count() - 1
    assert tx.bfloat16 in tx.accelerator.get_device_capability()["supported_dtypes"]
    assert tx.accelerator.get_memory_info() == tx.cuda.mem_get_info()
    tx.accelerator.synchronize()


def test_names_of_the_accelerator():
    torch = pytest.importorskip("torch")
    missing = set(torch.accelerator.__all__) - set(tx.accelerator.__all__)
    assert missing == {"Graph", "current_device_idx", "set_device_idx"}  # as ABSENT says; deprecated


def test_version():
    assert tx.version.__version__ == tx.__version__ and tx.version.hip is None
    assert (tx.version.cuda is None) is not tx._C.cuda_is_built()
    if tx.version.cuda:
        major, minor = map(int, tx.version.cuda.split("."))
        assert tx._C.cuda_runtime_version() == 1000 * major + 10 * minor
    with pytest.raises(AttributeError, match="module 'tensorx.version' has no attribute 'git'"):
        tx.version.git


@needs_cuda
def test_what_a_device_is():
    p = tx.cuda.get_device_properties()
    for name in ("clock_rate", "memory_clock_rate", "memory_bus_width", "L2_cache_size"):
        assert getattr(p, name) >= 0
    assert tx.cuda.is_tf32_supported() is (tx.cuda.get_device_capability() >= (8, 0))
    assert len(tx.cuda.default_generators) == tx.cuda.device_count()
    tx.cuda.manual_seed(5)
    assert tx.cuda.default_generators[tx.cuda.current_device()].initial_seed() == 5
    assert tx.cuda.get_allocator_backend() == "native"
    s = tx.cuda.Stream()
    assert tx.cuda.get_stream_from_external(s.cuda_stream) == s
    with tx.cuda.profiler.profile():
        pass


@pytest.mark.parametrize(
    "given, found",
    [
        ("80-real,90", ["sm_80", "sm_90", "compute_90"]),
        ("75-virtual", ["compute_75"]),
        ("", []),
    ],
)
def test_architectures(monkeypatch, given, found):
    monkeypatch.setattr(tx._C, "cuda_architectures", lambda: given)
    monkeypatch.setattr(tx._C, "cuda_is_built", lambda: True)
    assert tx.cuda.get_arch_list() == found
    flags = tx.cuda.get_gencode_flags()
    assert flags.count("-gencode") == len(found) and all(f"code={name}" in flags for name in found)


@needs_cuda
def test_figures_of_the_driver(monkeypatch):
    """Those of a stand-in for the package nvidia-ml-py: each asks about the device with its identifier."""
    asked = []
    figures = types.SimpleNamespace
    handle = object()

    def of(value):
        return lambda given, *more: value if given is handle else None

    library = types.SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: asked.append(uuid) or handle,
        nvmlDeviceGetUtilizationRates=of(figures(gpu=40, memory=7)),
        nvmlDeviceGetTemperature=of(66),
        nvmlDeviceGetPowerUsage=of(250_000),
        nvmlDeviceGetClockInfo=of(1980),
        nvmlDeviceGetMemoryInfo=of(figures(used=1 << 30)),
        nvmlDeviceGetComputeRunningProcesses=of([figures(pid=12, usedGpuMemory=3 << 20)]),
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    cuda = tx.cuda
    assert (cuda.utilization(), cuda.memory_usage(), cuda.temperature()) == (40, 7, 66)
    assert (cuda.power_draw(), cuda.clock_rate(), cuda.device_memory_used(0)) == (250_000, 1980, 1 << 30)
    assert cuda.list_gpu_processes().splitlines()[1].split() == "process 12 uses 3.000 MB GPU memory".split()
    assert set(asked) == {f"GPU-{cuda.get_device_properties().uuid}"}
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(ModuleNotFoundError, match="pip install nvidia-ml-py"):
        cuda.utilization()


def test_ranges_for_profilers(monkeypatch):
    """Through a stand-in for the package nvtx."""
    calls = []
    package = types.SimpleNamespace(
        push_range=lambda msg: calls.append(msg),
        pop_range=lambda: calls.append("pop"),
        mark=lambda msg: calls.append(f"mark {msg}"),
        start_range=lambda msg: calls.append(f"start {msg}") or 9,
        end_range=lambda number: calls.append(f"end {number}"),
    )
    monkeypatch.setitem(sys.modules, "nvtx", package)
    nvtx = tx.cuda.nvtx
    assert nvtx.range_push("a") == 0 and nvtx.range_push("b") == 1 and nvtx.range_pop() == 1 and nvtx.range_pop() == 0

    @nvtx.range("step {}", 3)
    def step():
        nvtx.mark("here")
        raise KeyError

    with pytest.raises(KeyError):
        step()
    nvtx.range_end(nvtx.range_start("long"))
    assert calls == ["a", "b", "pop", "pop", "step 3", "mark here", "pop", "start long", "end 9"]
    monkeypatch.setitem(sys.modules, "nvtx", None)
    with pytest.raises(ModuleNotFoundError, match="pip install nvtx"):
        nvtx.mark("there")

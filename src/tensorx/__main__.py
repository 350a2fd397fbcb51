"""`python -m tensorx`: what a bug report should say about this build and machine."""

import os
import platform
import sys

import tensorx


def _cpu():
    """(model, instruction sets of interest that the CPU has), as far as the system tells."""
    model, flags = platform.processor() or platform.machine(), set()
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
            for line in info:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    model = value.strip()
                elif key.strip() in ("flags", "Features"):
                    flags = set(value.split())
                    break
    except OSError:
        pass
    wanted = (
        "sse4_2",
        "avx",
        "avx2",
        "fma",
        "f16c",
        "avx512f",
        "avx512bw",
        "avx512_bf16",
        "avx512_fp16",
        "amx_bf16",
        "asimd",
        "bf16",
    )
    return model, [name for name in wanted if name in flags]


def _version(name):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def report():
    """Lines of (topic, text)."""
    c = tensorx._C
    model, flags = _cpu()
    memory = c.memory_stats()
    yield "tensorx", f"{tensorx.__version__}, from {os.path.dirname(tensorx.__file__)}"
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "NumPy", _version("numpy")
    yield "platform", platform.platform()
    yield "compiler", c.compiler
    yield "CPU", f"{model}, {os.cpu_count()} logical"
    yield "CPU has", " ".join(flags) or "unknown"
    yield (
        "instruction sets",
        f"built {' '.join(c.built_isas())}; in use {c.isa_name()} (TENSORX_ISA={os.environ.get('TENSORX_ISA', '')})",
    )
    yield (
        "threads",
        f"{c.get_num_threads()} (TENSORX_NUM_THREADS={os.environ.get('TENSORX_NUM_THREADS', '')}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')})",
    )
    yield "default dtype", str(c.get_default_dtype())
    yield "memory", ", ".join(f"{name} {value}" for name, value in memory.items())
    yield "CUDA", cuda(c)


def cuda(c):
    """What CUDA there is, and why not."""
    if not c.cuda_is_built():
        return "not built; no devices"
    try:
        emulated = c.cuda_is_emulated()
    except RuntimeError as error:  # a library of another build, or one that cannot be loaded
        return str(error)
    built = "emulated" if emulated else f"runtime {c.cuda_runtime_version()}, driver {c.cuda_driver_version()}"
    devices = [c.cuda_properties(i)["name"] for i in range(c.cuda_device_count())]
    return f"{built}; {', '.join(devices) or c.cuda_unavailable()}"


def main():
    rows = list(report())
    width = max(len(topic) for topic, _ in rows)
    for topic, text in rows:
        print(f"{topic:{width}}  {text}")


if __name__ == "__main__":
    main()

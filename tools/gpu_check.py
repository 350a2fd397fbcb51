"""On a machine with a GPU: build, test, and measure; one report in out/gpu.md.

    make gpu-check

1. builds with nvcc into build/gpu; 2. runs the tests of devices and every op case on the GPU under compute-sanitizer (memcheck);
3. times copies, elementwise ops, reductions and matrix products against the device's own ceilings, and against PyTorch
where it is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "gpu" / "site"
REPORT = ROOT / "out" / "gpu.md"
PYTHON = ROOT / ".venv" / "bin" / "python"


def build() -> None:
    subprocess.run([ROOT / "tools" / "environment", "test"], check=True)
    subprocess.run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--upgrade", "--target", SITE, ".",
         f"--config-settings=build-dir={SITE.parent / 'objects'}", "--config-settings=cmake.define.TENSORX_CUDA=ON"],
        cwd=ROOT, check=True,
    )  # fmt: skip


def test() -> str:
    """The last line of what pytest says; raises SystemExit where a test or the sanitizer fails."""
    sanitizer = shutil.which("compute-sanitizer")
    command = (
        [sanitizer, "--tool", "memcheck", "--error-exitcode", "9", "--target-processes", "all"] if sanitizer else []
    )
    command += [PYTHON, "-m", "pytest", "-q", "tests/test_cuda.py", "tests/test_cuda_kernels.py", "tests/test_cases.py",
                "--device", "cuda"]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(SITE)}, text=True, stdout=subprocess.PIPE
    )
    sys.stdout.write(done.stdout[-3000:])
    if done.returncode:
        sys.exit(f"gpu-check: the tests failed ({done.returncode})")
    how = "under compute-sanitizer memcheck" if sanitizer else "WITHOUT compute-sanitizer, which is not installed"
    return f"{done.stdout.strip().splitlines()[-1]} {how}"


def seconds(namespace, call: Callable[[], object], repeats: int = 20) -> float:
    """Median of the times between two events around 10 calls."""
    for _ in range(5):
        call()
    times = []
    for _ in range(repeats):
        begin, end = (namespace.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(10):
            call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1e4)
    return median(times)


def cases(namespace):
    """(name, unit, amount of it, call)"""
    n = 1 << 26
    host = namespace.ones(n)
    pinned = host.pin_memory()
    x, y = namespace.ones(n, device="cuda"), namespace.ones(n, device="cuda")
    square = namespace.ones(8192, 8192, device="cuda")
    yield "copy to the device, pageable", "GB/s", 4 * n, lambda: x.copy_(host)
    yield "copy to the device, pinned", "GB/s", 4 * n, lambda: x.copy_(pinned, non_blocking=True)
    yield "copy on the device", "GB/s", 8 * n, lambda: x.copy_(y)
    yield "x + y", "GB/s", 12 * n, lambda: namespace.add(x, y, out=x)
    yield "exp", "GB/s", 8 * n, lambda: namespace.exp(y, out=x)
    yield "sum", "GB/s", 4 * n, lambda: y.sum()
    yield "sum over dim 0", "GB/s", 4 * n, lambda: square.sum(0)
    yield "softmax", "GB/s", 8 * n, lambda: square.softmax(1)
    for name in ("float32", "float16", "bfloat16"):
        a = namespace.ones(4096, 4096, device="cuda").to(getattr(namespace, name))
        yield f"matrix product 4096, {name}", "TFLOP/s", 2 * 4096**3, lambda a=a: a @ a


def measure() -> list[str]:
    sys.path.insert(0, str(SITE))
    import tensorx as tx

    if tx.cuda.is_emulated():
        sys.exit("gpu-check: times of the emulated device say nothing")
    libraries = {"tensorx": tx}
    try:
        import torch

        if torch.cuda.is_available():
            libraries["torch"] = torch
    except ImportError:
        pass
    lines = ["| case | " + " | ".join(libraries) + " | unit |", "|---|" + "---|" * (len(libraries) + 1)]
    made = {name: list(cases(library)) for name, library in libraries.items()}
    for row in zip(*made.values(), strict=True):
        scale = 1e9 if row[0][1] == "GB/s" else 1e12
        rates = [
            case[2] / seconds(library, case[3]) / scale for case, library in zip(row, libraries.values(), strict=True)
        ]
        lines.append(f"| {row[0][0]} | " + " | ".join(f"{rate:,.1f}" for rate in rates) + f" | {row[0][1]} |")
    properties = tx.cuda.get_device_properties()
    return [f"Device: {properties!r}; driver for CUDA {tx._C.cuda_driver_version()}", "", *lines]


def main() -> int:
    build()
    tested = test()
    lines = [f"# GPU check, {time.strftime('%Y-%m-%d')}", "", f"Tests: {tested}", "", *measure()]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(lines) + "\n")
    print(REPORT.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""On a machine with a GPU: build, test, and measure; one report in out/gpu.md.

    make gpu-check
    tools/gpu_check.py --rehearse    the same on the emulated device, with small sizes: that it works, not how fast

1. builds the CUDA library with nvcc; 2. runs all tests that take a device on the GPU, under compute-sanitizer (memcheck);
3. times copies, elementwise ops, reductions and matrix products, and sets them against what the device could do at most, and
against PyTorch where it is installed with CUDA.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import cuda_library
from cuda_tests import WHOLE

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "out" / "gpu.md"
PYTHON = ROOT / ".venv" / "bin" / "python"

# Multiply-adds of one multiprocessor in a cycle, by compute capability: float32, TF32, half types (dense, on tensor cores).
# CUDA C++ Programming Guide, "Throughput of native arithmetic instructions", and NVIDIA's architecture papers.
MULTIPLY_ADDS = {(8, 0): (64, 512, 1024), (8, 6): (128, 256, 512), (8, 9): (128, 256, 512), (9, 0): (128, 1024, 2048),
                 (10, 0): (128, 2048, 4096)}  # fmt: skip
PCIE_LANE = {3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563}  # GB/s, by generation


class Case(NamedTuple):
    name: str
    ceiling: str  # which of ceilings() bounds it
    amount: float  # bytes, or floating-point operations
    call: Callable[[], object]


def tested(sanitizer: list[str], tests: list[str]) -> str:
    """The last line of what pytest says; raises SystemExit where a test or the sanitizer fails."""
    command = [*sanitizer, PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--device", "cuda", *tests]
    print(*command, flush=True)
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    sys.stdout.write(done.stdout[-3000:])
    if done.returncode:
        sys.exit(f"gpu-check: the tests failed ({done.returncode})")
    return (
        f"{done.stdout.strip().splitlines()[-1]}, {'under compute-sanitizer memcheck' if sanitizer else 'no sanitizer'}"
    )


def seconds(library: Any, call: Callable[[], object], repeats: int) -> float:
    """Median of the times between two events around 10 calls."""
    for _ in range(3):
        call()
    times = []
    for _ in range(repeats):
        begin, end = (library.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(10):
            call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1e4)
    return median(times)


def cases(library: Any, n: int, size: int) -> Iterator[Case]:
    """n: elements of the vectors; size: rows of the matrices."""
    host = library.ones(n)
    pinned = host.pin_memory()
    x, y = library.ones(n, device="cuda"), library.ones(n, device="cuda")
    square = library.ones(size, size, device="cuda")
    yield Case("copy to the device, pageable", "bus", 4 * n, lambda: x.copy_(host))
    yield Case("copy to the device, pinned", "bus", 4 * n, lambda: x.copy_(pinned, non_blocking=True))
    yield Case("copy to the host, pinned", "bus", 4 * n, lambda: pinned.copy_(x, non_blocking=True))
    yield Case("copy on the device", "memory", 8 * n, lambda: x.copy_(y))
    yield Case("x + y", "memory", 12 * n, lambda: library.add(x, y, out=x))
    yield Case("exp", "memory", 8 * n, lambda: library.exp(y, out=x))
    yield Case("sum", "memory", 4 * n, lambda: y.sum())
    yield Case("sum over dim 0", "memory", 4 * size**2, lambda: square.sum(0))
    yield Case("softmax", "memory", 8 * size**2, lambda: square.softmax(1))
    yield Case("transpose", "memory", 8 * size**2, lambda: square.t().contiguous())
    for ceiling in ("float32", "tf32", "float16", "bfloat16"):
        a = square[: size // 2, : size // 2].contiguous().to(getattr(library, ceiling, library.float32))

        def product(a: Any = a, allowed: bool = ceiling == "tf32") -> None:
            library.backends.cuda.matmul.allow_tf32 = allowed
            a @ a
            library.backends.cuda.matmul.allow_tf32 = False

        yield Case(f"matrix product {size // 2}, {ceiling}", ceiling, 2 * (size // 2) ** 3, product)


def ceilings(tx: Any) -> dict[str, float]:
    """The most that the device could do: bytes a second of its memory and of its bus, operations a second. Without what is
    not known of it."""
    p = tx.cuda.get_device_properties()
    found = {"memory": 2e3 * p.memory_clock_rate * p.memory_bus_width / 8}  # both edges of the clock, which is in kHz
    for kinds, rate in zip(
        (["float32"], ["tf32"], ["float16", "bfloat16"]), MULTIPLY_ADDS.get((p.major, p.minor), ()), strict=False
    ):
        found |= {kind: 2e3 * rate * p.multi_processor_count * p.clock_rate for kind in kinds}
    query = [
        "nvidia-smi",
        "--query-gpu=pcie.link.gen.max,pcie.link.width.max",
        "--format=csv,noheader",
        f"--id=GPU-{p.uuid}",
    ]
    try:
        said = subprocess.run(query, text=True, capture_output=True, check=True).stdout
        generation, lanes = (int(word) for word in said.split(","))
        found["bus"] = 1e9 * PCIE_LANE[generation] * lanes
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError):
        print("gpu-check: nvidia-smi does not say what the bus is: its copies have no ceiling")
    return {kind: rate for kind, rate in found.items() if rate}


def measured(rehearse: bool) -> list[str]:
    """The table, with the device above it."""
    import tensorx as tx

    libraries = {"tensorx": tx}
    try:
        import torch

        if torch.cuda.is_available():
            libraries["torch"] = torch
    except ImportError:
        pass
    n, size, repeats = (1 << 12, 32, 1) if rehearse else (1 << 26, 8192, 20)
    most = ceilings(tx)
    lines = [f"| case | unit | {' | '.join(libraries)} | ceiling | share |", "|---" * (len(libraries) + 4) + "|"]
    for row in zip(*(cases(library, n, size) for library in libraries.values()), strict=True):
        case = row[0]
        scale, unit = (1e12, "TFLOP/s") if case.name.startswith("matrix") else (1e9, "GB/s")
        rates = [
            each.amount / seconds(library, each.call, repeats)
            for each, library in zip(row, libraries.values(), strict=True)
        ]
        ceiling = most.get(case.ceiling)
        figures = [f"{rate / scale:,.1f}" for rate in rates]
        figures += [f"{ceiling / scale:,.1f}", f"{rates[0] / ceiling:.0%}"] if ceiling else ["unknown", ""]
        lines.append(f"| {case.name} | {unit} | {' | '.join(figures)} |")
    device = f"Device: {tx.cuda.get_device_properties()!r}; driver for CUDA {tx._C.cuda_driver_version()}"
    return [device, "", *lines]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rehearse", action="store_true", help="on the emulated device")
    options = parser.parse_args()
    try:
        library = cuda_library.build("emulate" if options.rehearse else "nvcc")
    except cuda_library.BuildFailed as failure:
        sys.exit(f"gpu-check: {failure}")
    os.environ["TENSORX_CUDA_LIBRARY"] = str(library)

    import tensorx as tx

    if not tx.cuda.is_available():
        sys.exit(f"gpu-check: {tx._C.cuda_unavailable()}")
    sanitizer = []
    if not options.rehearse:
        program = cuda_library.toolkit() / "compute-sanitizer" / "compute-sanitizer"
        sanitizer = f"{program} --tool memcheck --error-exitcode 9 --target-processes all".split()
    tests = ["tests/concepts/test_q15_cuda_and_to.py"] if options.rehearse else WHOLE
    lines = ["# GPU check, rehearsed: these times say nothing" if options.rehearse else "# GPU check", ""]
    lines += [time.strftime("%d %B %Y"), "", f"Tests: {tested(sanitizer, tests)}", ""]
    lines += measured(options.rehearse)
    report = REPORT.with_stem("gpu-rehearsed") if options.rehearse else REPORT
    report.parent.mkdir(exist_ok=True)
    report.write_text("\n".join(lines) + "\n")
    print(report.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())

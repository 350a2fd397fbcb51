"""Which tests see a file of cuda/, and what they need around them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")

# By how the file's name begins: a choice (-k) among the op cases and kernel tests; and further files.
TESTS = {
    "elementwise": "values or nan_and or layouts or in_place",
    "copy": "values or layouts or in_place",
    "reduce": "sum or mean or prod or amax or amin or arg or max or min or var or std or norm or logsumexp or any or all or count",
    "scan": "cum",
    "softmax": "softmax",
    "cross_entropy": "cross_entropy or nll",
    "norm": "norm",
    "matmul": "mm or matmul or mv or dot or linear or bmm or product",
    "convolution": "conv",
    "tile": "conv or mm or matmul or linear or product",
    "tensor_tile": "conv",
    "pool": "pool",
    "resample": "interpolate or grid_sample or adaptive_avg",
    "scatter": "scatter or index or put or embedding",
    "search": "searchsorted or bucketize",
    "index": "index or gather or scatter or take or put or mask or nonzero or embedding or tril or triu",
    "join": "cat or stack or repeat",
    "sort": "sort or topk or kth or median or unique or searchsorted or bucketize",
    "radix": "sort or unique or index_add or scatter_add",
    "optimizer": "optimizers or sgd or adam or devices_agree or cuda",
    "random": "rand or dropout or multinomial or poisson",
    "creation": "arange or linspace or logspace",
    "quantized": "cuda",
    "gates": "cuda or q24",
}
MORE_TESTS = {
    "creation": ["tests/test_creation.py"],
    "quantized": ["tests/test_quantization.py", "tests/test_quantization_modules.py"],
    "gates": ["tests/concepts/test_q24_dynamic_graph.py", "tests/test_rnn.py"],
    "matmul": ["tests/test_matmul.py"],
    "optimizer": ["tests/test_optim_kinds.py"],
    "convolution": ["tests/test_convolution.py"],
}

WHOLE = ["tests", "-k", "cuda or concepts or test_cases"]  # every test that takes a device, and those of CUDA itself
SMALL = ["tests/test_cases.py", "-k", "values"]  # every op, with sizes that ThreadSanitizer is done with in a minute


def _of(name: str, table: dict[str, T], default: T) -> T:
    """The entry of the longest beginning of the name."""
    return next((table[key] for key in sorted(table, key=len, reverse=True) if name.startswith(key)), default)


def tests_of(kernels: Sequence[str], among: str = "") -> list[str]:
    """Arguments for pytest: the tests of kernel files, given by names such as `softmax`; all of them for what is in no list.

    among: a further choice (-k), of which they must be, too.
    """
    families = [_of(name, TESTS, "") for name in kernels]
    files = [ROOT / "tests" / "test_cases.py", *sorted((ROOT / "tests").glob("test_cuda*.py"))]
    files += [ROOT / more for name in kernels for more in _of(name, MORE_TESTS, [])]
    choices = [" or ".join(f"({family})" for family in families) if all(families) else "", among]
    choice = " and ".join(f"({each})" for each in choices if each)
    return [str(file.relative_to(ROOT)) for file in files] + (["-k", choice] if choice else [])


def runtime(name: str) -> str:
    """A library that has to be there before Python starts, since Python itself is not instrumented."""
    compiler = os.environ.get("CXX", "c++")
    found = subprocess.run([compiler, f"-print-file-name=lib{name}.so"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def environment(kind: str, library: Path) -> dict[str, str]:
    """What pytest needs around it to test with a library of this kind, as cuda_library.py calls it."""
    found = {
        **os.environ,
        "TENSORX_CUDA_LIBRARY": str(library),
        "TENSORX_TESTS_WITHOUT_TORCH": "1",
        "TENSORX_EMULATION_ORDER": os.environ.get("TENSORX_EMULATION_ORDER") or "random",
    }
    if kind == "emulate-address":
        found |= {
            "LD_PRELOAD": f"{runtime('asan')} {runtime('stdc++')}",
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }
    if kind == "emulate-thread":
        # The CPU's thread pool is not instrumented either: what it orders would look like races.
        found |= {
            "LD_PRELOAD": runtime("tsan"),
            "TSAN_OPTIONS": "halt_on_error=1:exitcode=66",
            "TENSORX_NUM_THREADS": "1",
        }
    return found

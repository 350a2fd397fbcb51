"""Build the CUDA library alone, for tests, and print where it lies.

    tools/cuda_library.py emulate            for the emulated device
    tools/cuda_library.py emulate-address    with AddressSanitizer and UBSan
    tools/cuda_library.py emulate-thread     with ThreadSanitizer
    tools/cuda_library.py nvcc               by the nvcc that pyproject.toml pins (extra `nvcc`, installed where missing)

The extension module is the same whatever the library is made of, so the package that is installed can use each of these:
set TENSORX_CUDA_LIBRARY to the path.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".venv" / "bin"

DEFINITIONS = {
    "emulate": ["-DTENSORX_CUDA=EMULATE"],
    "emulate-address": ["-DTENSORX_CUDA=EMULATE", "-DTENSORX_EMULATION_SANITIZE=address"],
    "emulate-thread": ["-DTENSORX_CUDA=EMULATE", "-DTENSORX_EMULATION_SANITIZE=thread"],
    "nvcc": ["-DTENSORX_CUDA=ON", "-DCMAKE_CUDA_FLAGS=-Xptxas=-v"],
}
ARCHITECTURES = "80", "90"
LOGGED = "logged"  # how cmake calls this file, before a compiler's own command


class BuildFailed(Exception):
    pass


def toolkit() -> Path:
    """The folder of the pinned CUDA toolkit in .venv, installed where it is missing."""
    subprocess.run([ROOT / "tools" / "environment", "nvcc"], env={**os.environ, "TENSORX_CUDA": "OFF"}, check=True)
    found = [path.parent.parent for path in (ROOT / ".venv").glob("lib/python*/site-packages/nvidia/*/bin/nvcc")]
    if len(found) != 1:
        sys.exit(f"cuda_library: expected one nvcc in .venv, found {len(found)}: install the extra `nvcc`")
    return found[0]


def run_logged(command: list[str]) -> int:
    """Run a compiler, and keep what it says beside its object file."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if "-o" in command:
        Path(command[command.index("-o") + 1] + ".log").write_text(done.stdout)
    if done.returncode:
        print("\n".join(line for line in done.stdout.splitlines() if "ptxas info" not in line))
    return done.returncode


def build(
    kind: str, source: Path = ROOT, sanitized: Sequence[str] = (), architectures: Sequence[str] = ARCHITECTURES
) -> Path:
    """The library. For nvcc, for these architectures, and *.cu.o.log beside it has what ptxas said of every kernel.

    sanitized: names of the kernel files that a sanitizer is for, such as `softmax`; without them, all. These take the objects
    of the rest from the build without a sanitizer, and its place.
    """
    place = source / "build" / f"cuda-{'emulate' if sanitized else kind}"
    environment, definitions = dict(os.environ), list(DEFINITIONS[kind])
    if kind == "emulate":
        definitions.append("-DTENSORX_EMULATION_SANITIZE=")
    definitions.append(f"-DTENSORX_SANITIZED_KERNELS={';'.join(sanitized)}")
    if kind == "nvcc":
        cuda = toolkit()
        # The packages of PyPI have lib, not lib64, and libcudart.so under its versioned name only.
        environment |= {"CUDACXX": str(cuda / "bin" / "nvcc"), "LIBRARY_PATH": str(cuda / "lib")}
        definitions += [
            f"-DCUDA_CUDART={next((cuda / 'lib').glob('libcudart.so.*'))}",
            f"-DTENSORX_CUDA_ARCHITECTURES={'-real;'.join(architectures)}",
            f"-DCMAKE_CUDA_COMPILER_LAUNCHER={sys.executable};{__file__};{LOGGED}",
        ]

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        if done.returncode:
            raise BuildFailed(f"{' '.join(map(str, command))} failed:\n{done.stdout[-6000:]}")
        return done.stdout

    pybind11 = run(TOOLS / "python", "-m", "pybind11", "--cmakedir").strip()
    run(TOOLS / "cmake", "-S", source, "-B", place, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={TOOLS / 'ninja'}",
        "-DTENSORX_ISAS=base", f"-DPython_EXECUTABLE={TOOLS / 'python'}", f"-Dpybind11_DIR={pybind11}",
        f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={place}", *definitions)  # fmt: skip
    run(TOOLS / "ninja", "-C", place, "tensorx_cuda")
    return place / "libtensorx_cuda.so"


def main() -> int:
    if sys.argv[1:2] == [LOGGED]:
        return run_logged(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=list(DEFINITIONS))
    try:
        print(build(parser.parse_args().kind))
    except BuildFailed as failure:
        sys.exit(f"cuda_library: {failure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

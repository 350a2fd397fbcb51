"""Build the CUDA library with nvcc and read what came out: no warnings, no spilled registers, no arrays in local memory
beyond those listed here, 16-byte loads and tensor-core instructions where they belong. No GPU is needed.

    tools/check_cuda.py            compare with the table in docs/cuda.md, and fail where it differs
    tools/check_cuda.py --one      the same for one architecture, drawn at random: two thirds of the time
    tools/check_cuda.py --update   write the table anew

The compiler is the one that pyproject.toml pins (extra `nvcc`, from PyPI), so that the figures are the same everywhere.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cuda_library

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "cuda.md"
BEGIN, END = "<!-- figures: tools/check_cuda.py --update -->", "<!-- end of figures -->"

# Local memory that is meant: CUDA's own sine, cosine and tangent, which most complex functions use, keep the bits of 2/pi
# for large arguments in an array.
LOCAL_MEMORY_ALLOWED = re.compile(r"(sin|cos|tan|digamma|lgamma)_op|digamma|sample_normal|Complex")
# What the machine code of a kernel must contain.
INSTRUCTIONS = {
    r"dense_elementwise.*(add_op|mul_op|exp_op)": ["LDG.E.128", "STG.E.128"],
    r"tensor_core_product<tx::": ["HMMA", "LDSM", "LDGSTS"],  # half types
    r"tensor_core_product<float": ["HMMA.1688.F32.TF32", "LDGSTS"],
    r"TensorTile": ["HMMA.1688.F32.TF32"],
}


@dataclass
class Kernel:
    name: str
    architecture: str
    registers: int = 0
    shared: int = 0
    stack: int = 0
    spills: int = 0


def compiled(architectures: Sequence[str]) -> tuple[Path, str]:
    """The library, and what ptxas said of all of its kernels."""
    try:
        library = cuda_library.build("nvcc", architectures=architectures)
    except cuda_library.BuildFailed as failure:
        sys.exit(f"check_cuda: {failure}")
    return library, "".join(log.read_text() for log in sorted(library.parent.glob("**/*.cu.o.log")))


def parse(said: str) -> dict[tuple[str, str], Kernel]:
    kernels: dict[tuple[str, str], Kernel] = {}
    current = None
    for line in said.splitlines():
        if found := re.search(r"Compiling entry function '(\w+)' for '(\w+)'", line):
            current = Kernel(found[1], found[2])
            kernels[current.name, current.architecture] = current
        elif current and (
            found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line)
        ):
            current.stack, current.spills = int(found[1]), int(found[2]) + int(found[3])
        elif current and (found := re.search(r"Used (\d+) registers", line)):
            current.registers = int(found[1])
            if found := re.search(r"(\d+) bytes smem", line):
                current.shared = int(found[1])
    return kernels


def demangled(names: list[str]) -> dict[str, str]:
    done = subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True, check=True)
    return dict(zip(names, done.stdout.splitlines(), strict=True))


def family(name: str) -> str:
    """tx::cuda::(anonymous namespace)::softmax_rows<float, 4>(...) -> softmax_rows"""
    name = name.removeprefix("void ").replace("(anonymous namespace)::", "").replace("tx::cuda::", "")
    return re.match(r"[\w:]+", name)[0]


def problems(kernels: dict[tuple[str, str], Kernel], names: dict[str, str]) -> list[str]:
    found = []
    for kernel in kernels.values():
        name = names[kernel.name]
        if kernel.spills:
            found.append(f"{kernel.architecture} {name}: spills {kernel.spills} bytes of registers")
        if kernel.stack and not LOCAL_MEMORY_ALLOWED.search(name):
            found.append(f"{kernel.architecture} {name}: {kernel.stack} bytes of local memory")
    return found


def instruction_problems(library: Path, architecture: str, names: dict[str, str]) -> list[str]:
    """From the machine code: instructions that kernels should have and have not."""
    cuda = cuda_library.toolkit()
    environment = {**os.environ, "PATH": f"{cuda / 'bin'}:{os.environ['PATH']}"}
    listing = subprocess.Popen(
        [cuda / "bin" / "cuobjdump", "-sass", "-arch", f"sm_{architecture}", library],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    missing: dict[str, dict[str, set[str]]] = {pattern: {} for pattern in INSTRUCTIONS}
    wanted: list[set[str]] = []  # of the function that is being listed
    for line in listing.stdout:
        if found := re.search(r"Function : (\w+)", line):
            name = names.get(found[1], found[1])
            wanted = []
            for pattern, instructions in INSTRUCTIONS.items():
                if re.search(pattern, name):
                    wanted.append(missing[pattern].setdefault(name, set(instructions)))
        for instructions in wanted:
            instructions -= {i for i in instructions if re.search(rf"\b{re.escape(i)}\b", line)}
    if listing.wait():
        sys.exit("check_cuda: cuobjdump failed")
    found = [f"no kernel matches {pattern}" for pattern, kernels in missing.items() if not kernels]
    for kernels in missing.values():
        found += [f"{name}: no {i}" for name, instructions in kernels.items() for i in sorted(instructions)]
    return found


def table(kernels: dict[tuple[str, str], Kernel], names: dict[str, str]) -> str:
    """Per kernel template: how many instances, and the largest figures of any of them; where architectures differ, `a / b`."""
    rows = defaultdict(lambda: defaultdict(list))
    for kernel in kernels.values():
        rows[family(names[kernel.name])][kernel.architecture].append(kernel)
    architectures = sorted({k.architecture for k in kernels.values()})
    lines = ["| kernel | instances | registers | shared memory, bytes | local memory, bytes |", "|---|---|---|---|---|"]
    for name, by_architecture in sorted(rows.items()):
        groups = [by_architecture[a] for a in architectures]
        figures = [[len(group) for group in groups]]
        for field in ("registers", "shared", "stack"):
            figures.append([max((getattr(k, field) for k in group), default=0) for group in groups])
        cells = (" / ".join(map(str, f if len(set(f)) > 1 else f[:1])) for f in figures)
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def part_of(table: str, architecture: str) -> str:
    """The table of all architectures as it is for one."""
    return re.sub(
        r"\d+(?: / \d+)+", lambda cell: cell[0].split(" / ")[cuda_library.ARCHITECTURES.index(architecture)], table
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--one", action="store_true", help="for one architecture, drawn at random")
    what.add_argument("--update", action="store_true", help="write the table in docs/cuda.md")
    options = parser.parse_args()
    architectures = (random.choice(cuda_library.ARCHITECTURES),) if options.one else cuda_library.ARCHITECTURES
    print("architectures:", *architectures, flush=True)
    library, said = compiled(architectures)
    kernels = parse(said)
    names = demangled(sorted({name for name, _ in kernels}))
    found = problems(kernels, names) + instruction_problems(library, architectures[0], names)
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    new = f"\n{table(kernels, names)}\n"
    if options.update:
        DOCUMENT.write_text(before + BEGIN + new + END + after)
    elif new != (part_of(old, architectures[0]) if options.one else old):
        found.append(
            "docs/cuda.md: the figures differ from those of this build: run tools/check_cuda.py --update and look at the change"
        )
    print(f"{len(kernels)} kernels, {len({a for _, a in kernels})} architectures, {len(found)} problems")
    for problem in found[:50]:
        print(" ", problem)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

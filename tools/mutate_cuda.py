"""Break the CUDA kernels, one line at a time, and see whether the tests notice.

    tools/mutate_cuda.py --count 40 --seed 1              a sample over all kernels
    tools/mutate_cuda.py --files cuda/softmax.cu          of one file

Mutants are drawn from rules (a barrier left out, a bound off by one, a sign or an operator exchanged), not picked by hand.
Each is built for the emulated device and given to the tests of its family, threads and blocks in random order; if they pass,
again under AddressSanitizer with UBSan, and under ThreadSanitizer. Survivors are printed, to be looked at: either the tests
lack a case, or the change makes no difference. A mutant takes a minute, a survivor some more, so this is run by hand.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cuda_library
from cuda_tests import SMALL, environment, tests_of

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "mutate"
UNCHANGED = WORK / "unchanged.so"

RULES = [
    (r"__syncthreads\(\);", ";"),
    (r"__syncwarp\(\);", ";"),
    (r" < ", " <= "),
    (r" <= ", " < "),
    (r" > ", " >= "),
    (r" >= ", " > "),
    (r" == ", " != "),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r" \+= ", " -= "),
    (r" \* ", " + "),
    (r" / ", " * "),
    (r" % ", " / "),
    (r" && ", " || "),
    (r" \|\| ", " && "),
    (r" \? (.+?) : (.+?);", r" ? \2 : \1;"),
    (r"\b1\b", "2"),
    (r"\b0\b", "1"),
]
# What decides speed alone, or is only reached with more memory than the emulated device has.
WITHOUT_EFFECT = re.compile(
    r"#include|TX_UNROLL|__launch_bounds__|static_assert|grid_for|parts_for|constexpr int k\w+ =|INT32_MAX|65535|^\s*//|^\s*for \(int step"
)

# What may see a mutant, one after the other: the library that the tests run on, and what it is called here.
NOTICES = {"emulate": "tests", "emulate-address": "AddressSanitizer", "emulate-thread": "ThreadSanitizer"}


@dataclass
class Mutant:
    file: Path
    line: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line + 1}\n    - {self.old.strip()}\n    + {self.new.strip()}"


def candidates(file: Path) -> list[Mutant]:
    found = []
    for number, line in enumerate((ROOT / file).read_text().splitlines()):
        code = line.split("//")[0]
        if WITHOUT_EFFECT.search(line) or not code.strip():
            continue
        for pattern, replacement in RULES:
            changed = re.sub(pattern, replacement, code, count=1)
            if changed != code:
                found.append(Mutant(file, number, line, changed))
    return found


def includes(path: Path) -> set[str]:
    """The files of cuda/ that this one includes, and those that they include."""
    found: set[str] = set()
    waiting = [path.name]
    while waiting:
        source = (ROOT / "cuda" / waiting.pop()).read_text()
        new = {name for name in re.findall(r'#include "([\w.]+)"', source) if (ROOT / "cuda" / name).exists()} - found
        found |= new
        waiting += new
    return found


def kernels_of(file: Path) -> list[str]:
    """The kernel files that are compiled with `file`, by name."""
    every = sorted((ROOT / "cuda").glob("*.cu"))
    return [path.stem for path in every if path.name == file.name or file.name in includes(path)]


def fail(tests: Sequence[str], kind: str, library: Path) -> bool:
    """Whether any of these tests fails with a library."""
    command = [sys.executable, "-m", "pytest", *tests, *"--device cuda -x -q -n auto -p no:cacheprovider".split()]
    around = environment(kind, library)
    around["TENSORX_EMULATION_QUIET"] = "1"
    # What hangs is noticed, but for sanitizers, which are slow. In a group of its own, so that the workers end with it.
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        env=around,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = running.communicate(timeout=200 if kind == "emulate" else 600)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        return kind == "emulate"
    if running.returncode not in (0, 1, 2):
        sys.exit(f"mutate_cuda: the tests did not run:\n{said[-3000:]}")
    return running.returncode != 0


@cache
def fail_unchanged(tests: tuple[str, ...]) -> bool:
    return fail(tests, "emulate", UNCHANGED)


def noticed_by(mutant: Mutant) -> str | None:
    """The first of NOTICES that sees it, "" for none; None for a mutant that does not compile."""
    kernels = kernels_of(mutant.file)
    tests = tests_of([mutant.file.stem])
    if fail_unchanged(tuple(tests)):
        sys.exit(f"mutate_cuda: without any change, {' '.join(tests)} fail: they would notice nothing")
    for kind, name in NOTICES.items():
        try:
            library = cuda_library.build(kind, WORK, sanitized=[] if kind == "emulate" else kernels)
        except cuda_library.BuildFailed:
            return None
        if fail(SMALL if kind == "emulate-thread" else tests, kind, library):
            return name
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", nargs="*", type=Path, help="default: all of cuda/*.cu and cuda/*.cuh")
    options = parser.parse_args()
    files = options.files or sorted(p.relative_to(ROOT) for p in (ROOT / "cuda").glob("*.cu*"))

    for name in ("csrc", "cuda"):
        shutil.rmtree(WORK / name, ignore_errors=True)
        shutil.copytree(ROOT / name, WORK / name)  # with the times of the originals: only what changed is compiled
    shutil.copy2(ROOT / "CMakeLists.txt", WORK)
    shutil.copy2(cuda_library.build("emulate", WORK), UNCHANGED)

    mutants = [m for file in files for m in candidates(file)]
    random.Random(options.seed).shuffle(mutants)
    caught = tried = 0
    for mutant in mutants:
        if tried == options.count:
            break
        target = WORK / mutant.file
        original = target.read_text()
        lines = original.splitlines(keepends=True)
        lines[mutant.line] = mutant.new + "\n"
        target.write_text("".join(lines))
        notice = noticed_by(mutant)
        target.write_text(original)
        if notice is None:
            continue
        tried += 1
        caught += bool(notice)
        print(f"{tried:3} {notice or 'SURVIVED':16} {mutant}", flush=True)
    print(f"{caught} of {tried} caught ({100 * caught / max(tried, 1):.0f}%)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Compile and run the standalone C++ tests of tests/cpp, plainly and under the sanitizers."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER = shutil.which("g++")
TESTS = {"test_parallel": "parallel.cpp", "test_allocator": "allocator.cpp"}
FLAGS = {
    "plain": ["-O2"],
    "address": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "thread": ["-O1", "-fsanitize=thread"],
}

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no g++ on the PATH")


def compiler_command(flags, source, output):
    return [
        COMPILER,
        "-std=c++20",
        "-g",
        "-pthread",
        "-Wall",
        "-Wextra",
        *flags,
        f"-I{ROOT / 'csrc'}",
        *source,
        "-o",
        str(output),
    ]


def require_runtime(flags, folder):
    """Skip where the compiler lacks the sanitizer's library, or the system cannot run it."""
    probe = folder / "probe"
    command = compiler_command(flags, ["-x", "c++", "-"], probe)
    built = subprocess.run(command, input="int main() {}", text=True, capture_output=True)
    if built.returncode != 0 or subprocess.run([probe], capture_output=True).returncode != 0:
        pytest.skip(f"{' '.join(flags)} does not work here")


@pytest.mark.parametrize("kind", FLAGS)
@pytest.mark.parametrize("test", TESTS)
def test_cpp(test, kind, tmp_path):
    require_runtime(FLAGS[kind], tmp_path)
    program = tmp_path / test
    source = [str(ROOT / "tests/cpp" / f"{test}.cpp"), str(ROOT / "csrc/cpu" / TESTS[test])]
    built = subprocess.run(compiler_command(FLAGS[kind], source, program), capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    # An argument asks for fewer rounds: the sanitizers are slow.
    ran = subprocess.run(
        [program] + (["short"] if kind != "plain" else []), capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0 and ran.stdout == "ok\n", ran.stdout + ran.stderr

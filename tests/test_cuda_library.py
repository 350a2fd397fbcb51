"""Which CUDA library is loaded, and that one of another build is refused before anything of it is called."""

import os
import shutil
import subprocess
import sys

import pytest

COMPILER = shutil.which("cc")
PROGRAM = """
import tensorx as tx
print(tx.cuda.is_available())
try: tx.ones(2, device='cuda')
except RuntimeError as error: print(error)
"""


def said_with(library, *program):
    environment = os.environ | {"TENSORX_CUDA_LIBRARY": str(library)}
    environment.pop("LD_PRELOAD", None)  # of the runs under sanitizers
    command = [sys.executable, *(program or ("-c", PROGRAM))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_missing_library(tmp_path):
    available, message = said_with(tmp_path / "missing.so")
    assert available == "False"
    assert "TENSORX_CUDA_LIBRARY is" in message and "missing.so" in message and "no file" in message


def test_not_a_library(tmp_path):
    (tmp_path / "text.so").write_text("not a library")
    available, message = said_with(tmp_path / "text.so")
    assert available == "False"
    assert "cannot be loaded" in message and "text.so" in message
    (line,) = (line for line in said_with(tmp_path / "text.so", "-m", "tensorx") if line.startswith("CUDA"))
    assert "cannot be loaded" in line  # a report is there to say so


@pytest.mark.skipif(COMPILER is None, reason="no C compiler on the PATH")
@pytest.mark.parametrize(
    "source",
    [
        'static const char* library[200] = {"another digest"}; const void* tensorx_cuda_library(void) { return library; }',
        "int something_else;",
    ],
    ids=["another build", "no entry"],
)
def test_library_of_another_build(source, tmp_path):
    (tmp_path / "other.c").write_text(source)
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", tmp_path / "other.so", tmp_path / "other.c"], check=True)
    available, message = said_with(tmp_path / "other.so")
    assert available == "False"
    assert "other.so" in message and "another build of tensorx" in message and "install both together" in message

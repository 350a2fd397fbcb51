"""The table, convolutions and matrix products on each instruction set: only the best one runs by default."""

import os
import pathlib
import subprocess
import sys

import pytest

from tensorx import _C

TESTS = pathlib.Path(__file__).parent
CHECKS = (
    "test_values or test_nan_and_infinity or test_layouts or test_stride_zero or test_threads or "
    "test_random_geometry or test_product"
)


@pytest.mark.parametrize("isa", ["base", "avx2", "avx512"])
def test_cases_on(isa):
    if isa not in _C.built_isas():
        pytest.skip(f"this build has no kernels for {isa}")
    if isa == _C.isa_name():
        pytest.skip(f"{isa} is what the tests themselves ran on")
    environment = {**os.environ, "TENSORX_ISA": isa}
    chosen = subprocess.run(
        [sys.executable, "-c", "from tensorx import _C; print(_C.isa_name())"],
        env=environment,
        capture_output=True,
        text=True,
    )
    if chosen.returncode and "machine offer" in chosen.stderr:
        pytest.skip(f"this machine cannot run {isa}: {chosen.stderr.strip().splitlines()[-1]}")
    assert chosen.stdout.strip() == isa, chosen.stderr
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-s",  # what a sanitizer says before it ends the process would be lost in pytest's capture
        "-p",
        "no:cacheprovider",
        str(TESTS / "test_cases.py"),
        str(TESTS / "test_convolution.py"),
        str(TESTS / "test_matmul.py"),
        str(TESTS / "test_quantization.py"),
        "-k",
        CHECKS,
    ]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    assert "passed" in ran.stdout

"""What importing tensorx costs and loads, and `python -m tensorx`."""

import os
import subprocess
import sys

import pytest

import tensorx as tx


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_import_loads_no_heavy_module():
    code = "import sys; before = set(sys.modules); import tensorx; print(*(set(sys.modules) - before))"
    loaded = set(run("-c", code).stdout.split())
    heavy = {
        "numpy",
        "inspect",
        "typing",
        "dataclasses",
        "tensorx.nn",
        "tensorx.optim",
        "tensorx.utils",
        "pickle",
        "copy",
        "logging",
        "unittest",
    }
    assert not loaded & heavy
    assert len(loaded) < 70  # each costs about 0.4 ms; bench/run.py --import-time measures the whole


def test_lazy_submodules():
    assert "nn" in dir(tx)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        tx.no_such_name
    run("-c", "from tensorx import optim; import tensorx; assert tensorx.optim is optim")


def test_names_of_builtins_stay_intact():
    assert tx.float is tx.float32 and tx.long is tx.int64 and tx.int is tx.int32 and tx.double is tx.float64
    assert callable(tx.tensor) and callable(tx.Tensor)


def test_report():
    report = run("-m", "tensorx").stdout
    for topic in (
        "tensorx",
        "Python",
        "compiler",
        "CPU",
        "instruction sets",
        "threads",
        "default dtype",
        "memory",
        "CUDA",
    ):
        assert any(line.startswith(topic) for line in report.splitlines()), topic

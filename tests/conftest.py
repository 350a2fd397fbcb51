"""Makes tests/ importable from its subfolders; options, known gaps, and fixtures that many files use."""

import os
import sys
from importlib import import_module
from pathlib import Path

import pytest

if os.environ.get("TENSORX_TESTS_WITHOUT_TORCH"):  # the runs under sanitizers: what torch does there is not our concern
    sys.modules["torch"] = None  # type: ignore[assignment]

import tensorx as tx
from known_gaps import KNOWN_GAPS
from support import Device
from worker_cases import nothing_leaks  # noqa: F401  (a fixture)


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    """The device to test on; the CUDA half is skipped where this build or machine has no CUDA device."""
    if request.param == "cuda" and not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    return request.param


@pytest.fixture
def seeded():
    tx.manual_seed(0)


@pytest.fixture
def threads():
    """tx.set_num_threads, undone after the test."""
    before = tx.get_num_threads()
    yield tx.set_num_threads
    tx.set_num_threads(before)


@pytest.fixture
def example(monkeypatch):
    """A module of the folder examples, by name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    return import_module


def pytest_addoption(parser):
    parser.addoption("--programs", type=int, default=200, help="how many random programs parity/test_programs.py runs")
    parser.addoption("--mutations", type=int, default=300, help="how many damaged files test_files_hostile.py loads")
    parser.addoption("--device", default="cpu", help="where test_cases.py has its tensors: cpu or cuda")


def pytest_configure(config):
    Device.name = config.getoption("--device")


def pytest_collection_modifyitems(items):
    for item in items:
        reason = KNOWN_GAPS.get(item.nodeid.removeprefix("tests/"))
        if reason:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))

"""Makes tests/ importable from its subfolders; options and known gaps."""

import pytest

from known_gaps import KNOWN_GAPS


def pytest_addoption(parser):
    parser.addoption("--programs", type=int, default=200, help="how many random programs parity/test_programs.py runs")


def pytest_collection_modifyitems(items):
    for item in items:
        reason = KNOWN_GAPS.get(item.nodeid.removeprefix("tests/"))
        if reason:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))

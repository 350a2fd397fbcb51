"""The concepts: one file per row, each test on the CPU and on CUDA (the emulated device under tools/emulate)."""

import pytest

import tensorx as tx


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    """The device to test on; the CUDA half is skipped where this build or machine has no CUDA device."""
    if request.param == "cuda" and not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    return request.param

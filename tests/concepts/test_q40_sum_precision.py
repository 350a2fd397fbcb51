"""Row 40: the error of a sum grows as O(log n) or better, for every layout and dtype, and the bits are the same always."""

import math

import numpy as np
import pytest

import tensorx as tx

EPSILON = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


def relative_error(total, exact):
    return abs(total - exact) / abs(exact)


def test_a_hundred_million_values():
    n = 100_000_000
    x = tx.full((n,), 0.1)
    exact = n * float(np.float32(0.1))
    assert relative_error(x.sum().item(), exact) <= EPSILON["float32"] * math.log2(n)
    assert relative_error(x.mean().item(), float(np.float32(0.1))) <= EPSILON["float32"] * math.log2(n)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "strided", "rows", "columns"])
def test_every_layout_and_dtype(device, dtype, layout):
    n = 1 << (22 if device == "cpu" else 16)
    values = tx.rand(n, generator=tx.Generator().manual_seed(3)).to(getattr(tx, dtype))
    exact = values.double()
    x, y = values.to(device), exact.to(device)
    if layout == "transposed":
        x, y = x.view(256, -1).t(), y.view(256, -1).t()
    elif layout == "strided":
        x, y = x[::3], y[::3]
    elif layout == "rows":
        x, y = x.view(4, -1), y.view(4, -1)
    elif layout == "columns":
        x, y = x.view(-1, 4), y.view(-1, 4)
    dim = {"rows": 1, "columns": 0}.get(layout)
    total, reference = (x.sum(), y.sum()) if dim is None else (x.sum(dim), y.sum(dim))
    if dtype == "float16":  # the sum itself is beyond float16: its mean is not
        total, reference = (x.mean(), y.mean()) if dim is None else (x.mean(dim), y.mean(dim))
    # Sums are in float32: the error of those, and one rounding to the dtype.
    allowed = EPSILON["float32"] * math.log2(n) + EPSILON[dtype]
    assert ((total.double() - reference) / reference).abs().max().item() <= allowed


def test_halves_do_not_stop_growing(device):
    for dtype in (tx.float16, tx.bfloat16):
        assert tx.ones(30_000, dtype=dtype, device=device).sum().item() == tx.tensor(30_000.0).to(dtype).item()


def test_the_same_bits_for_any_number_of_threads():
    x = tx.randn(1_234_567, generator=tx.Generator().manual_seed(5))
    before = tx.get_num_threads()
    try:
        results = set()
        for threads in (1, 2, 3, 5, 8):
            tx.set_num_threads(threads)
            results.add(
                (
                    x.sum().item(),
                    x[:1_000_000].view(1000, 1000).sum(0).sum().item(),
                    x.var().item(),
                    x.logsumexp(0).item(),
                )
            )
        assert len(results) == 1
    finally:
        tx.set_num_threads(before)


def test_the_same_bits_for_every_layout_on_the_cpu():
    x = tx.randn(300, 400, generator=tx.Generator().manual_seed(6))
    wide = tx.zeros(300, 800)
    wide[:, ::2] = x
    laid = x.t().contiguous().t()
    for dim in (0, 1):
        assert x.sum(dim).tolist() == wide[:, ::2].sum(dim).tolist() == laid.sum(dim).tolist()

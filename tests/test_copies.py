"""copy_, fill_ and zero_: all pairs of dtypes, and layouts that a copy may go between."""

import numpy as np
import pytest

import tensorx as tx
from support import ALL

DTYPES = (*ALL, "uint16", "uint32", "uint64", "complex64", "complex128")
VALUES = [0, 1, 2, 5, 100, 3, 0, 7, 64, 11, 12, 13]  # which every dtype holds exactly
# From x (3, 4) in a dense tensor to one of the same shape that lies otherwise.
LAYOUTS = {
    "dense": lambda x: x.clone(),
    "transposed": lambda x: x.t().contiguous().t(),
    "stepped": lambda x: tx.zeros(6, 8, dtype=x.dtype, device=x.device)[::2, ::2].copy_(x),
    "offset": lambda x: tx.zeros(4, 5, dtype=x.dtype, device=x.device)[1:, 1:].copy_(x),
}


def made(dtype, device="cpu"):
    return tx.tensor(VALUES).view(3, 4).to(getattr(tx, dtype)).to(device)


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_every_pair_of_dtypes(device, source, target):
    x, y = made(source, device), tx.zeros(3, 4, dtype=getattr(tx, target), device=device)
    expected = np.array(VALUES).reshape(3, 4)
    if "bool" in (source, target):
        expected = expected != 0
    assert y.copy_(x) is y and y.dtype is getattr(tx, target)
    assert y.tolist() == expected.tolist()


@pytest.mark.parametrize("target", LAYOUTS)
@pytest.mark.parametrize("source", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "complex128"])
def test_every_pair_of_layouts(device, dtype, source, target):
    x = LAYOUTS[source](made(dtype, device))
    y = LAYOUTS[target](tx.zeros(3, 4, dtype=x.dtype, device=device))
    strides = y.stride()
    y.copy_(x)
    assert y.stride() == strides and y.tolist() == made(dtype).tolist()
    assert y.copy_(x[0]).tolist() == [made(dtype)[0].tolist()] * 3  # broadcast


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_fill_and_zero(device, dtype, layout):
    x = LAYOUTS[layout](made(dtype, device))
    one = tx.ones((), dtype=x.dtype).item()
    assert x.fill_(1) is x and x.tolist() == [[one] * 4] * 3
    assert x.zero_() is x and not x.any()


def test_a_copy_that_does_not_fit():
    with pytest.raises(RuntimeError, match=r"copy_"):
        tx.zeros(3).copy_(tx.zeros(4))
    with pytest.raises(RuntimeError, match=r"copy_|broadcast"):
        tx.zeros(3).copy_(tx.zeros(2, 3))

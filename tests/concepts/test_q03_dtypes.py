"""Row 3: every dtype, the default dtype, limits, and promotion as in PyTorch."""

import pytest

import tensorx as tx

DTYPES = [
    tx.bool, tx.uint8, tx.uint16, tx.uint32, tx.uint64, tx.int8, tx.int16, tx.int32, tx.int64, tx.float16, tx.bfloat16,
    tx.float32, tx.float64, tx.complex64, tx.complex128,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_each_dtype_holds_moves_and_prints_values(dtype, device):
    x = tx.tensor([0, 1, 1], dtype=dtype, device=device)
    assert x.dtype is dtype and x.nbytes == 3 * dtype.itemsize
    assert x.to("cpu").tolist() == [0, 1, 1] and x.flip(0).tolist() == [1, 1, 0]
    assert x[x == 1].tolist() == [1, 1]
    assert "tensor(" in repr(x)


def test_float32_is_the_default_and_can_be_changed(device):
    assert tx.zeros(1, device=device).dtype is tx.float32 and tx.tensor(1.5, device=device).dtype is tx.float32
    assert tx.tensor(1, device=device).dtype is tx.int64 and tx.tensor(1j, device=device).dtype is tx.complex64
    tx.set_default_dtype(tx.float64)
    try:
        assert tx.rand(1, device=device).dtype is tx.float64 and tx.tensor(1j, device=device).dtype is tx.complex128
    finally:
        tx.set_default_dtype(tx.float32)


def test_tensors_outrank_zero_dim_tensors_which_outrank_numbers(device):
    halves = tx.ones(2, dtype=tx.float16, device=device)
    integers = tx.ones(2, dtype=tx.int32, device=device)
    assert (halves * 2.5).dtype is tx.float16
    assert (halves * tx.tensor(2.5, dtype=tx.float64, device=device)).dtype is tx.float16
    assert (integers * 2.5).dtype is tx.float32
    assert (integers / integers).dtype is tx.float32
    assert (integers + tx.ones(2, dtype=tx.float64, device=device)).dtype is tx.float64
    assert (integers * 1j).dtype is tx.complex64


def test_limits_and_casts():
    assert tx.iinfo(tx.uint64).max == 2**64 - 1 and tx.iinfo(tx.int8).min == -128
    assert tx.finfo(tx.float16).max == 65504 and tx.finfo(tx.complex64).eps == tx.finfo(tx.float32).eps
    assert tx.promote_types(tx.uint8, tx.int8) is tx.int16
    assert tx.can_cast(tx.int64, tx.float16) and not tx.can_cast(tx.float16, tx.int64)
    with pytest.raises(RuntimeError, match="Promotion for uint16"):
        tx.promote_types(tx.uint16, tx.int32)


def test_half_types_take_half_of_the_memory(device):
    assert tx.zeros(1000, dtype=tx.bfloat16, device=device).nbytes == 2000

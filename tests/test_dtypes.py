"""The dtypes: their properties and limits, promotion, conversion, and what uint16, uint32 and uint64 can do."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import tensorx as tx

UNSIGNED = ("uint16", "uint32", "uint64")
NAMES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", *UNSIGNED,
    "complex64", "complex128",
)  # fmt: skip


def largest(dtype):
    return tx.iinfo(getattr(tx, dtype)).max


def both(values, dtype, device="cpu"):
    """The same values as a NumPy array and as a tensor."""
    array = np.array(values, dtype=dtype)
    return array, tx.from_numpy(array.copy()).to(device)


def same(ours, wanted):
    wanted = np.asarray(wanted)
    assert ours.cpu().numpy().dtype == wanted.dtype
    assert np.array_equal(ours.cpu().numpy(), wanted), (ours, wanted)


# ---- properties


def test_properties():
    expected = {"bool": 1, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "complex64": 8, "complex128": 16}
    for name, size in expected.items():
        dtype = getattr(tx, name)
        assert dtype.itemsize == size and repr(dtype) == f"tensorx.{name}"
        assert dtype.is_complex == name.startswith("complex")
        assert dtype.is_signed == name.startswith("complex")
        assert not dtype.is_floating_point
        assert pickle.loads(pickle.dumps(dtype)) is dtype
        assert tx.zeros(3, dtype=dtype).element_size() == size
    assert tx.cfloat is tx.complex64 and tx.cdouble is tx.complex128
    assert tx.complex128.to_real() is tx.float64 and tx.float32.to_complex() is tx.complex64
    assert tx.zeros(1, dtype=complex).dtype is tx.complex128


def test_limits():
    for name in UNSIGNED:
        info, wanted = tx.iinfo(getattr(tx, name)), np.iinfo(name)
        assert (info.min, info.max, info.bits, info.dtype) == (0, int(wanted.max), wanted.bits, name)
    assert tx.finfo(tx.complex64) == tx.finfo(tx.float32) and tx.finfo(tx.complex128).eps == np.finfo("float64").eps
    with pytest.raises(TypeError):
        tx.iinfo(tx.complex64)
    with pytest.raises(TypeError):
        tx.finfo(tx.uint16)


def test_names_of_types():
    assert tx.zeros(1, dtype=tx.complex64).type() == "tensorx.ComplexFloatTensor"
    assert tx.zeros(1).type(tx.complex128).dtype is tx.complex128
    assert tx.zeros(1).type_as(tx.zeros(1, dtype=tx.uint16)).dtype is tx.uint16


# ---- conversion


def test_all_conversions(device):
    """Between every pair of types, in blocks, tails and strides."""
    for source in NAMES:
        values = np.arange(700) % 2 if source == "bool" else np.arange(700) % 100
        x = tx.tensor(values).to(getattr(tx, source)).to(device)
        for target in NAMES:
            wanted = (values != 0).astype(np.int64) if target == "bool" else values
            for moved, expected in ((x, wanted), (x[::3], wanted[::3])):
                made = moved.to(getattr(tx, target))
                assert made.dtype is getattr(tx, target)
                assert np.array_equal(made.to(tx.int64).cpu().numpy(), expected), (source, target)


@pytest.mark.parametrize("name", UNSIGNED)
def test_conversions_at_the_limits(name, device):
    dtype, most = getattr(tx, name), largest(name)
    x = tx.tensor([0, 1, most - 1, most], dtype=dtype, device=device)
    assert x.tolist() == [0, 1, most - 1, most]
    assert tx.tensor([-1, -2], device=device).to(dtype).tolist() == [most, most - 1]
    assert tx.tensor([1.5, 3.0], device=device).to(dtype).tolist() == [1, 3]
    assert x.to(tx.float64).tolist() == [0.0, 1.0, float(most - 1), float(most)]
    assert x.to(tx.bool).tolist() == [False, True, True, True]
    assert x.to(tx.int64).tolist()[:2] == [0, 1]
    assert x.to(tx.complex128).real.tolist() == [0.0, 1.0, float(most - 1), float(most)]


def test_numbers_that_do_not_fit():
    assert tx.tensor(2**64 - 1, dtype=tx.uint64).item() == 2**64 - 1
    assert tx.full((2,), 2**63, dtype=tx.uint64).tolist() == [2**63] * 2
    assert (tx.tensor([2**64 - 1], dtype=tx.uint64) == 2**64 - 1).tolist() == [True]
    with pytest.raises(RuntimeError, match="uint16 without overflow"):
        tx.tensor([70000], dtype=tx.uint16)
    for wrong in (
        lambda: tx.tensor(2**63),
        lambda: tx.ones(1, dtype=tx.int64) + 2**63,
        lambda: tx.tensor(2**64, dtype=tx.uint64),
    ):
        with pytest.raises((OverflowError, ValueError)):
            wrong()


def test_view_as_another_dtype():
    x = tx.tensor([1, 2, 3, 4], dtype=tx.uint8)
    assert x.view(tx.uint16).tolist() == [513, 1027] and x.view(tx.uint32).tolist() == [67305985]
    z = tx.zeros(4, dtype=tx.float64).view(tx.complex128)
    assert z.shape == (2,) and z.view(tx.complex64).shape == (4,)
    with pytest.raises(RuntimeError, match="divisible"):
        tx.zeros(3).view(tx.complex64)


# ---- uint16, uint32, uint64


@pytest.mark.parametrize("name", UNSIGNED)
def test_unsigned_arithmetic(name, device):
    most = largest(name)
    a, x = both([0, 1, 7, most - 3, most], name, device)
    b, y = both([3, most, 2, 5, most], name, device)
    with np.errstate(all="ignore"):
        same(x + y, a + b)
        same(x - y, a - b)
        same(x * y, a * b)
        same(x & y, a & b)
        same(x | y, a | b)
        same(x ^ y, a ^ b)
        same(~x, ~a)
        same(x // y, a // b)
        same(x % y, a % b)
        same(tx.maximum(x, y), np.maximum(a, b))
        same(tx.minimum(x, y), np.minimum(a, b))
        same(x >> 1, a >> np.array(1, name))
        same(x << 1, a << np.array(1, name))
        same(tx.where(x > y, x, y), np.where(a > b, a, b))
        same(x**2, a * a)
        same(x + 1, a + np.array(1, name))
        same(x.clamp(2, 9), a.clip(2, 9))
    for ours, wanted in (
        (x < y, a < b),
        (x <= y, a <= b),
        (x > y, a > b),
        (x >= y, a >= b),
        (x == y, a == b),
        (x != y, a != b),
    ):
        same(ours, wanted)
    assert (x / y).dtype is tx.float32 and tx.sqrt(x).dtype is tx.float32 and (x * 0.5).dtype is tx.float32
    np.testing.assert_allclose((x / y).cpu().numpy(), (a.astype(float) / b.astype(float)).astype("float32"), rtol=1e-6)


@pytest.mark.parametrize("name", UNSIGNED)
def test_unsigned_orders_and_sums(name, device):
    most = largest(name)
    a, x = both([5, most, 0, most - 1, 5, 2], name, device)
    values, order = tx.sort(x)
    same(values, np.sort(a))
    assert order.tolist() == np.argsort(a, kind="stable").tolist()
    same(tx.sort(x, descending=True).values, np.sort(a)[::-1])
    same(x.max(), a.max())
    same(x.min(), a.min())
    assert x.argmax().item() == 1 and x.argmin().item() == 2
    same(tx.unique(x), np.unique(a))
    same(tx.topk(x, 2).values, np.sort(a)[::-1][:2])
    same(tx.cummax(x, 0).values, np.maximum.accumulate(a))
    assert tx.searchsorted(tx.sort(x).values, x).tolist() == np.searchsorted(np.sort(a), a).tolist()
    few = x[tx.tensor([0, 4, 5], device=device)]
    assert x.sum().dtype is tx.int64 and few.sum().item() == 12 and few.prod().item() == 50
    assert x.any().item() and not x.all().item() and x.count_nonzero().item() == 5
    assert tx.cumsum(x[4:], 0).tolist() == [5, 7]
    assert x.sum(dtype=getattr(tx, name)).dtype is getattr(tx, name)


@pytest.mark.parametrize("name", UNSIGNED)
def test_unsigned_indexing_and_movement(name, device):
    a, x = both(np.arange(24).reshape(4, 6), name, device)
    index = tx.tensor([3, 0, 3], device=device)
    same(x[index], a[[3, 0, 3]])
    same(x[x > 10], a[a > 10])
    same(x.t().contiguous(), a.T)
    same(tx.cat([x, x], 1), np.concatenate([a, a], 1))
    same(x.flip(1), a[:, ::-1])
    same(x.masked_fill(x < 3, 7), np.where(a < 3, np.array(7, name), a))
    y = x.clone()
    y.index_add_(0, index, x[:3])
    np.add.at(wanted := a.copy(), [3, 0, 3], a[:3])
    same(y, wanted)
    y[0] = 9
    wanted[0] = 9
    same(y, wanted)
    assert tx.zeros(2, dtype=x.dtype, device=device).tolist() == [0, 0]
    assert tx.arange(3, dtype=x.dtype, device=device).tolist() == [0, 1, 2]
    assert tx.eye(2, dtype=x.dtype, device=device).tolist() == [[1, 0], [0, 1]]
    drawn = tx.randint(0, 50, (100,), dtype=x.dtype, device=device)
    assert drawn.dtype is x.dtype and drawn.max().item() < 50


@pytest.mark.parametrize("name", UNSIGNED)
def test_unsigned_interchange(name):
    a, _ = both([0, 1, largest(name)], name)
    x = tx.from_numpy(a)
    assert x.dtype is getattr(tx, name) and np.shares_memory(x.numpy(), a)
    same(x, a)
    assert np.array_equal(np.from_dlpack(x), a) and tx.equal(tx.from_dlpack(a), x)
    width = len(str(largest(name)))
    assert repr(x).startswith(
        f"tensor([{0:>{width}}, {1:>{width}}, {largest(name)}],"
    ) and f"dtype=tensorx.{name}" in repr(x)
    assert tx.equal(pickle.loads(pickle.dumps(x)), x)


def test_unsigned_errors():
    x = tx.ones(2, 2, dtype=tx.uint16)
    with pytest.raises(RuntimeError, match="Promotion for uint16, uint32, uint64 types is not supported"):
        x + tx.ones(2, 2, dtype=tx.int64)
    with pytest.raises(RuntimeError, match=r"convert with .float\(\)"):
        x @ x
    with pytest.raises(RuntimeError, match="floating point"):
        x.mean()
    with pytest.raises(RuntimeError):
        tx.ones(2, dtype=tx.uint16, requires_grad=True)


# ---- promotion


def test_promotion_table_of_the_documentation():
    """docs/dtypes.md shows what the code does."""
    text = (Path(__file__).parent.parent / "docs" / "dtypes.md").read_text()
    assert tx.dtypes.promotion_table() in text


def test_promotion_table_reads_as_promote_types():
    rows = [line for line in tx.dtypes.promotion_table().splitlines() if line.startswith("| **")]
    assert len(rows) == len(NAMES)
    for row in rows:
        first, *cells = [re.sub(r"[*`]", "", cell.strip()) for cell in row.strip("|").split("|")]
        for second, cell in zip(NAMES, cells, strict=True):
            if cell == "":
                with pytest.raises(RuntimeError):
                    tx.promote_types(getattr(tx, first), getattr(tx, second))
            else:
                assert repr(tx.promote_types(getattr(tx, first), getattr(tx, second))) == f"tensorx.{cell}"


def test_numbers_and_zero_dim_tensors():
    assert tx.result_type(tx.ones(1), 1j) is tx.complex64
    assert tx.result_type(tx.ones(1, dtype=tx.float64), 1j) is tx.complex128
    assert tx.result_type(tx.ones(1, dtype=tx.int64), tx.tensor(1j, dtype=tx.complex128)) is tx.complex128
    assert tx.result_type(tx.ones(1), tx.tensor(1j, dtype=tx.complex128)) is tx.complex64
    assert tx.result_type(tx.ones(1, dtype=tx.uint16), 2) is tx.uint16
    assert tx.result_type(tx.ones(1, dtype=tx.uint16), 2.5) is tx.float32
    assert tx.can_cast(tx.float32, tx.complex64) and not tx.can_cast(tx.complex64, tx.float32)

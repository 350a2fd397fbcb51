"""Creation functions and conversions, against NumPy and, where installed, torch."""

import itertools
import math

import numpy as np
import pytest

import tensorx as tx

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


# ---- sizes


@pytest.mark.parametrize("name, value", [("zeros", 0), ("ones", 1)])
def test_zeros_and_ones(name, value):
    make = getattr(tx, name)
    for sizes, shape in (
        ((2, 3), (2, 3)),
        (((2, 3),), (2, 3)),
        (([2, 3],), (2, 3)),
        (((),), ()),
        ((5,), (5,)),
        ((0, 3), (0, 3)),
        ((np.int64(2),), (2,)),
    ):
        x = make(*sizes)
        assert x.shape == shape
        assert x.dtype is tx.float32
        assert x.tolist() == np.full(shape, float(value)).tolist()
    assert make(size=(2, 1)).shape == (2, 1)
    assert make(tx.Size([2, 1])).shape == (2, 1)
    for dtype in DTYPES:
        x = make(3, dtype=getattr(tx, dtype))
        assert x.dtype is getattr(tx, dtype)
        assert x.tolist() == [value] * 3
    assert make(2, dtype=float).dtype is tx.float64
    assert make(2, dtype=int).dtype is tx.int64
    assert make(2, requires_grad=True).requires_grad
    assert make(100_000).sum().item() == value * 100_000


def test_full():
    assert tx.full((2,), 1).dtype is tx.int64
    assert tx.full((2,), True).dtype is tx.bool
    assert tx.full((2,), 1.5).dtype is tx.float32
    assert tx.full((2,), tx.tensor(2.0)).tolist() == [2, 2]
    assert tx.full((), 3).shape == ()
    for dtype in DTYPES:
        assert tx.full((3, 2), 1, dtype=getattr(tx, dtype)).tolist() == [[1, 1]] * 3
    with pytest.raises(RuntimeError, match="overflow"):
        tx.full((2,), 300, dtype=tx.uint8)
    with pytest.raises(TypeError, match="tuple of ints"):
        tx.full(2, 1)


def test_like_and_new():
    x = tx.ones(2, 3, dtype=tx.int16)
    assert tx.zeros_like(x).dtype is tx.int16
    assert tx.ones_like(x, dtype=tx.float64).tolist() == [[1.0] * 3] * 2
    assert tx.full_like(x, 7).tolist() == [[7] * 3] * 2
    assert tx.empty_like(x.t()).stride() == x.t().stride()
    assert x.new_zeros(2).dtype is tx.int16
    assert x.new_ones((1, 2), dtype=tx.bool).tolist() == [[True, True]]
    assert x.new_full((2,), 3).tolist() == [3, 3]
    assert x.new_empty(4).shape == (4,)
    assert x.new_tensor([1.7]).tolist() == [1]
    assert x.new([1, 2]).dtype is tx.int16
    assert tx.zeros_like(tx.ones(2, requires_grad=True)).requires_grad is False
    assert tx.empty(2, 3, 4, 5, memory_format=tx.channels_last).stride() == (60, 1, 15, 3)


@pytest.mark.parametrize(
    "sizes, error",
    [((-1,), RuntimeError), ((2, -3), RuntimeError), ((2**62, 2**62), RuntimeError), ((2**63,), OverflowError), ((2**40, 2**10), MemoryError),
     ((2.5,), TypeError), (("a",), TypeError), (((2, 2.5),), TypeError), ((1,) * 17, RuntimeError), ((None,), TypeError)],
)  # fmt: skip
def test_bad_sizes(sizes, error):
    for make in (tx.zeros, tx.ones, tx.empty, tx.rand, tx.randn):
        with pytest.raises(error):
            make(*sizes)


def test_bad_arguments():
    with pytest.raises(TypeError, match="size"):
        tx.zeros()
    with pytest.raises(TypeError, match="dtype"):
        tx.zeros(2, dtype="float32")
    with pytest.raises(RuntimeError, match="CUDA"):
        tx.zeros(2, device="cuda:99")
    with pytest.raises(RuntimeError, match="device"):
        tx.zeros(2, device="tpu")
    with pytest.raises(RuntimeError, match="floating point"):
        tx.zeros(2, dtype=tx.int32, requires_grad=True)
    if not tx.cuda.is_available():
        with pytest.raises(RuntimeError, match="pin_memory"):
            tx.zeros(2, pin_memory=True)
    with pytest.raises(RuntimeError, match="strides"):
        tx.empty_strided((2,), (-1,))
    with pytest.raises(RuntimeError, match="64 bits"):
        tx.empty_strided((2, 2), (2**62, 2**62))


def test_out():
    out = tx.empty(3)
    assert tx.zeros(2, out=out) is out
    assert out.tolist() == [0, 0]
    version = out._version
    tx.arange(4, out=out)
    assert out.tolist() == [0, 1, 2, 3] and out._version > version
    strided = tx.zeros(3, 2).t()
    tx.ones(2, 3, out=strided)
    assert strided.stride() == (1, 2) and strided.sum().item() == 6
    assert tx.linspace(0, 1, 3, out=tx.empty(0, dtype=tx.float64)).dtype is tx.float64
    with pytest.raises(RuntimeError, match="does not match dtype of out"):
        tx.zeros(2, dtype=tx.int32, out=tx.empty(2))
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        tx.zeros(2, out=tx.ones(2, requires_grad=True))
    with pytest.raises(RuntimeError, match="single memory location"):
        tx.zeros(2, out=tx.ones(1).expand(2))


# ---- formulas


RANGES = [
    (0, 5, 1), (2, 9, 3), (5, 0, -2), (0, 0, 1), (-3, 3, 2), (0.0, 1.0, 0.1), (1, 0, -0.3), (2**62, 2**62 + 3, 1), (-(2**63), -(2**63) + 5, 2),
    (0, 1000, 7), (0, 2, 0.5), (3.5, 10, 2), (True, 4, 1),
]  # fmt: skip


@pytest.mark.parametrize("start, end, step", RANGES)
def test_arange(start, end, step):
    expected = np.arange(start, end, step)
    x = tx.arange(start, end, step)
    assert x.dtype is (tx.int64 if all(isinstance(v, int) for v in (start, end, step)) else tx.float32)
    assert x.shape == expected.shape
    if x.dtype is tx.int64:
        assert x.tolist() == expected.tolist()
    else:
        np.testing.assert_array_equal(x.numpy(), np.float32(start + np.arange(len(expected)) * np.float64(step)))
    torch = pytest.importorskip("torch")
    theirs = torch.arange(start, end, step)
    assert str(theirs.dtype).split(".")[1] == str(x.dtype).split(".")[1]
    np.testing.assert_allclose(x.numpy(), theirs.numpy(), rtol=2e-7, atol=1e-7)


def test_arange_dtypes_and_errors():
    for dtype in DTYPES[1:]:
        assert tx.arange(5, dtype=getattr(tx, dtype)).tolist() == [0, 1, 2, 3, 4]
    assert tx.arange(0, 2, 0.5, dtype=tx.int32).tolist() == [0, 0, 0, 0]
    assert tx.arange(tx.tensor(3)).tolist() == [0, 1, 2]
    for arguments in ((0, 5, 0), (1, 0), (0, 1, -1), (0, math.inf), (math.nan,), (0, 1e300, 1e-300)):
        with pytest.raises(RuntimeError, match="arange"):
            tx.arange(*arguments)
    with pytest.raises((RuntimeError, MemoryError)):
        tx.arange(-(2**63), 2**63 - 1)
    with pytest.raises(TypeError):
        tx.arange("a")
    with pytest.warns(UserWarning, match="arange"):
        assert tx.range(0, 3).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "start, end, steps",
    [(0, 1, 5), (-3, 7, 100), (5, 5, 3), (1, -1, 7), (0, 1, 1), (0, 1, 0), (0, 10, 5), (1e-30, 1e30, 9), (0, 255, 256)],
)
def test_linspace_and_logspace(start, end, steps):
    for dtype in (tx.float32, tx.float64, tx.int64):
        if dtype is tx.int64 and end == 1e30:
            continue
        x = tx.linspace(start, end, steps, dtype=dtype)
        expected = np.linspace(start, end, steps)
        if dtype is tx.int64:
            expected = np.trunc(expected)
        np.testing.assert_allclose(
            x.numpy(),
            expected,
            rtol=1e-6 if dtype is not tx.float64 else 1e-13,
            atol=1e-7 if dtype is not tx.float64 else 1e-12,
        )
        if steps > 1:
            assert x[0].item() == np.asarray(start, x.numpy().dtype) and x[-1].item() == np.asarray(
                end, x.numpy().dtype
            )
    if abs(end) < 30:
        np.testing.assert_allclose(tx.logspace(start, end, steps).numpy(), np.logspace(start, end, steps), rtol=1e-6)
        np.testing.assert_allclose(
            tx.logspace(start, end, steps, base=2).numpy(), np.logspace(start, end, steps, base=2), rtol=1e-6
        )


def test_linspace_errors():
    with pytest.raises(RuntimeError, match="non-negative"):
        tx.linspace(0, 1, -1)


def test_eye():
    for n, m in ((3, None), (2, 4), (4, 2), (0, 3), (1, 1)):
        assert tx.eye(n, *([] if m is None else [m])).tolist() == np.eye(n, m).tolist()
    assert tx.eye(2, dtype=tx.bool).tolist() == [[True, False], [False, True]]
    with pytest.raises(RuntimeError):
        tx.eye(-1)


# ---- conversions


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_conversions(source, target):
    x = tx.tensor([0, 1, 2, 3]).to(getattr(tx, source))
    y = x.to(getattr(tx, target))
    assert y.dtype is getattr(tx, target)
    values = [min(v, 1) for v in range(4)] if "bool" in (source, target) else [0, 1, 2, 3]
    assert y.tolist() == values
    assert (y is x) == (source == target)


def test_to_overloads():
    x = tx.ones(2, requires_grad=True)
    assert x.to(tx.float32) is x
    assert x.to("cpu") is x and x.to(tx.device("cpu")) is x and x.cpu() is x
    assert x.to(tx.float32, copy=True) is not x
    assert x.to("cpu", tx.float64).dtype is tx.float64
    assert x.to("cpu", tx.float64, False, True).dtype is tx.float64
    assert x.to(tx.ones(1, dtype=tx.float16)).dtype is tx.float16
    assert x.to(other=tx.ones(1, dtype=tx.float64)).dtype is tx.float64
    assert x.to(device="cpu", dtype=tx.int32).tolist() == [1, 1]
    assert x.to(float).dtype is tx.float64
    assert x.type_as(tx.ones(1, dtype=tx.int8)).dtype is tx.int8
    x.double().sum().backward()
    assert x.grad.dtype is tx.float32 and x.grad.tolist() == [1, 1]
    for call in (lambda: x.to("cuda:99"), lambda: x.cuda(99), lambda: x.to(99)):
        with pytest.raises(RuntimeError, match="CUDA"):
            call()
    for bad in (2.5, object()):
        with pytest.raises(TypeError):
            x.to(bad)


def test_named_conversions():
    x = tx.tensor([1.7, 0.0])
    for name, dtype in {"float": tx.float32, "double": tx.float64, "half": tx.float16, "bfloat16": tx.bfloat16, "int": tx.int32, "long": tx.int64,
                        "short": tx.int16, "char": tx.int8, "byte": tx.uint8, "bool": tx.bool}.items():  # fmt: skip
        assert getattr(x, name)().dtype is dtype
    assert x.int().tolist() == [1, 0]
    assert x.bool().tolist() == [True, False]
    assert x.type() == "tensorx.FloatTensor"
    assert x.type(tx.int32).type() == "tensorx.IntTensor"
    assert x.type("torch.LongTensor").dtype is tx.int64
    assert x.type(tx.LongTensor).dtype is tx.int64
    with pytest.raises(ValueError, match="invalid type"):
        x.type("LongTensors")


def test_memory_formats():
    x = tx.arange(120).reshape(2, 3, 4, 5)
    y = x.to(memory_format=tx.channels_last)
    assert y.stride() == (60, 1, 15, 3)
    assert y.tolist() == x.tolist()
    assert y.to(memory_format=tx.contiguous_format).is_contiguous()
    with pytest.raises(RuntimeError, match="rank 4"):
        tx.ones(2).to(memory_format=tx.channels_last)
    for z in (x.contiguous(memory_format=tx.channels_last), x.clone(memory_format=tx.channels_last)):
        assert z.stride() == y.stride() and z.tolist() == x.tolist()
    assert y.contiguous(memory_format=tx.channels_last) is y
    assert y.contiguous(memory_format=tx.contiguous_format).is_contiguous() and not y.is_contiguous()
    copy = y.clone(memory_format=tx.channels_last)
    assert copy.stride() == y.stride() and not copy._shares_storage(y)
    with pytest.raises(RuntimeError, match="preserve_format"):
        x.contiguous(memory_format=tx.preserve_format)


@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 5), (2, 1, 4, 5), (1, 1, 1, 1), (0, 3, 4, 5), (3, 4), (2, 3, 4, 5, 6), (2, 3, 1, 1)]
)
def test_is_contiguous_in_a_format(shape):
    torch = pytest.importorskip("torch")
    for names in itertools.permutations(range(len(shape))):
        x, y = tx.empty([shape[d] for d in names]), torch.empty([shape[d] for d in names])
        back = [names.index(d) for d in range(len(shape))]
        x, y = x.permute(back), y.permute(back)
        for name in ("contiguous_format", "channels_last", "channels_last_3d"):
            ours = x.is_contiguous(memory_format=getattr(tx, name))
            assert ours == y.is_contiguous(memory_format=getattr(torch, name)), (names, name)
    with pytest.raises(TypeError, match="is_contiguous"):
        x.is_contiguous(memory_format="channels_last")


def test_legacy_constructors():
    assert tx.Tensor(2, 3).shape == (2, 3)
    assert tx.Tensor([1, 2]).dtype is tx.float32
    assert tx.Tensor().shape == (0,)
    assert tx.Tensor(tx.Size([2, 2])).shape == (2, 2)
    assert tx.LongTensor([1.5]).tolist() == [1]
    assert tx.ByteTensor(4).dtype is tx.uint8
    assert isinstance(tx.ones(1), tx.FloatTensor) and not isinstance(tx.ones(1), tx.LongTensor)
    for bad in (3.0, "a", None):
        with pytest.raises(TypeError):
            tx.Tensor(bad)
    with pytest.raises(TypeError, match="LongTensor"):
        tx.LongTensor(tx.ones(2))


def test_promotion_and_questions():
    assert tx.result_type(tx.ones(2), 1) is tx.float32
    assert tx.result_type(tx.tensor([1]), 1.0) is tx.float32
    assert tx.promote_types(tx.int32, tx.float16) is tx.float16
    assert tx.can_cast(tx.int32, tx.float32) and not tx.can_cast(tx.float32, tx.int32)
    assert tx.is_tensor(tx.ones(1)) and not tx.is_tensor(1)
    assert tx.is_floating_point(tx.ones(1)) and not tx.is_complex(tx.ones(1))
    assert tx.numel(tx.ones(2, 3)) == 6
    assert tx.is_nonzero(tx.tensor(1)) and not tx.is_nonzero(tx.tensor([0.0]))
    with pytest.raises(RuntimeError, match="ambiguous"):
        tx.is_nonzero(tx.ones(2))


def test_default_dtype():
    try:
        tx.set_default_dtype(tx.float64)
        assert tx.zeros(1).dtype is tx.tensor(1.5).dtype is tx.rand(1).dtype is tx.arange(1.0).dtype is tx.float64
        assert repr(tx.zeros(1)) == "tensor([0.])"
    finally:
        tx.set_default_dtype(tx.float32)
    with pytest.raises(TypeError, match="floating-point"):
        tx.set_default_dtype(tx.int32)


@pytest.mark.parametrize(
    "name", ["float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64"]
)
def test_limits(name):
    torch = pytest.importorskip("torch")
    dtype = getattr(tx, name)
    info = tx.finfo if dtype.is_floating_point else tx.iinfo
    ours, theirs = info(dtype), getattr(torch, info.__name__)(getattr(torch, name))
    if dtype.is_floating_point:
        assert repr(ours) == repr(theirs)
    for field in (
        "bits",
        "max",
        "min",
        *(("eps", "tiny", "smallest_normal", "resolution") if dtype.is_floating_point else ()),
    ):
        assert getattr(ours, field) == getattr(theirs, field), field


def test_limits_errors():
    with pytest.raises(TypeError, match="iinfo"):
        tx.finfo(tx.int8)
    with pytest.raises(TypeError, match="finfo"):
        tx.iinfo(tx.float32)
    assert tx.finfo().dtype == "float32"

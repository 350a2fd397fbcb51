"""Memory shared with NumPy and DLPack, and tensors from Python data."""

import gc
import sys
import warnings
import weakref

import numpy as np
import pytest

import tensorx as tx

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


# ---- NumPy to tensor


@pytest.mark.parametrize("name", DTYPES)
def test_from_numpy_shares_memory(name):
    array = np.arange(12).reshape(3, 4).astype(name)
    x = tx.from_numpy(array)
    assert x.dtype is getattr(tx, name)
    assert x.shape == (3, 4)
    array[1, 2] = 0
    assert x[1, 2].item() == 0
    x[0, 0] = 1
    assert array[0, 0] == 1
    assert x.tolist() == array.tolist()


def test_strided_arrays():
    array = np.arange(24.0).reshape(2, 3, 4)
    for view in (
        array.T,
        array[:, ::2],
        array[..., 1],
        array[:, :2, 2:],
        np.broadcast_to(array[:, :1], (2, 3, 4)).copy()[:, 0],
    ):
        x = tx.from_numpy(view)
        assert x.tolist() == view.tolist()
        assert tuple(s * 8 for s in x.stride()) == view.strides
    array.T[0, 0, 0] = -1
    assert tx.from_numpy(array.T)[0, 0, 0].item() == -1


@pytest.mark.parametrize(
    "array", [np.zeros(0), np.zeros((0, 3)), np.zeros((3, 0, 2)), np.array(2.5), np.zeros((1, 1))[::-1]]
)
def test_empty_and_scalar_arrays(array):
    x = tx.from_numpy(array)
    assert x.shape == array.shape
    assert x.tolist() == array.tolist()
    assert x.numpy().shape == array.shape


def test_refused_arrays():
    with pytest.raises(ValueError, match=r"negative.*array\.copy\(\)"):
        tx.from_numpy(np.ones(3)[::-1])
    with pytest.raises(ValueError, match="byte order"):
        tx.from_numpy(np.ones(3, ">f4"))
    with pytest.raises(ValueError, match="not a multiple"):
        tx.from_numpy(np.zeros(4, [("a", "i1"), ("b", "f4")])["b"])
    with pytest.raises(ValueError, match="aligned"):
        tx.from_numpy(np.frombuffer(bytearray(9), np.uint8)[1:].view("f4"))
    for array in (
        np.array([object()]),
        np.array(["a"]),
        np.zeros(2, "M8[s]"),
        np.zeros(2, np.clongdouble),
        np.zeros(2, np.longdouble),
        np.zeros(2, [("a", "f4")]),
    ):
        with pytest.raises(TypeError, match=r"can't convert np.ndarray of type numpy\.\w+"):
            tx.from_numpy(array)
    with pytest.raises(TypeError, match=r"expected np.ndarray \(got list\)"):
        tx.from_numpy([1])


def test_read_only_array_is_copied_with_a_warning():
    array = np.ones(3)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        x = tx.from_numpy(array)
    x[0] = 5
    assert array[0] == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tx.tensor(array)  # copies in any case
        with pytest.raises(UserWarning):
            tx.from_numpy(array)


def test_tensor_keeps_the_array_alive():
    class Array(np.ndarray):
        pass

    array = np.arange(1000.0).view(Array)
    gone = weakref.ref(array)
    x = tx.from_numpy(array)
    y = x[10:20]
    del array, x
    gc.collect()
    assert gone() is not None
    assert y.tolist() == list(map(float, range(10, 20)))
    del y
    gc.collect()
    assert gone() is None


def test_released_by_a_thread_without_the_gil():
    array = np.zeros(300_000)
    x = tx.from_numpy(array)
    before = sys.getrefcount(array)
    for _ in range(20):
        x = x.mul(1.0)
    del x
    assert sys.getrefcount(array) <= before


# ---- tensor to NumPy


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_shares_memory(name):
    x = tx.arange(6).reshape(2, 3).to(getattr(tx, name))
    array = x.numpy()
    assert array.dtype == name
    assert array.dtype.num == np.dtype(name).num  # the very type, not another of the same size
    assert array.tolist() == x.tolist()
    x[0, 1] = 0
    assert array[0, 1] == 0
    array[1, 0] = 1
    assert x[1, 0].item() == 1


def test_numpy_of_views():
    x = tx.arange(24).reshape(2, 3, 4)
    for view in (x.transpose(0, 2), x[:, 1], x[:, :, ::2], x.new_ones(1).expand(3, 2), x[0, 0, 0]):
        assert view.numpy().tolist() == view.tolist()
        assert np.shares_memory(view.numpy(), view.numpy())
    assert x.new_ones(2).expand(3, 2).numpy().strides == (0, 8)


def test_array_keeps_the_memory_alive():
    x = tx.full((1000,), 7.0)
    array, through = x.numpy(), np.asarray(x)
    x.data = tx.zeros(3)
    del x
    gc.collect()
    for _ in range(10):
        tx.full((1000,), 1.0)
    assert (array == 7).all()
    assert (through == 7).all()


def test_numpy_refuses():
    x = tx.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="requires grad"):
        x.numpy()
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(x)
    assert x.numpy(force=True).tolist() == [1, 1]
    with pytest.raises(TypeError, match="BFloat16"):
        tx.ones(2, dtype=tx.bfloat16).numpy()
    with pytest.raises(TypeError, match="BFloat16"):
        np.asarray(tx.ones(2, dtype=tx.bfloat16))


def test_array_protocol():
    x = tx.tensor([1.5, 2.5])
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert np.asarray(x, dtype=np.int32).tolist() == [1, 2]
    copied = np.array(x)
    copied[0] = 0
    assert x[0].item() == 1.5
    assert x.__array__(np.float64).dtype == np.float64
    assert not np.shares_memory(x.__array__(copy=True), x.numpy())
    with pytest.raises(ValueError, match="copy"):
        x.__array__(np.int8, copy=False)
    interface = tx.ones(2, 3).t().__array_interface__
    assert interface["shape"] == (3, 2)
    assert interface["strides"] == (4, 12)
    assert interface["typestr"] == "<f4"


def test_numpy_functions_and_operators():
    x, array = tx.ones(3), np.arange(3.0)
    assert isinstance(np.sin(x), tx.Tensor)
    added = x + array
    assert isinstance(added, tx.Tensor)
    assert added.tolist() == [1, 2, 3]
    assert (x * np.float32(2)).tolist() == [2, 2, 2]
    assert (np.float32(2) * x).tolist() == [2, 2, 2]
    assert (x == array).tolist() == [False, True, False]
    with pytest.raises(TypeError):
        array + x
    with pytest.raises(TypeError, match="other"):
        x.add(array)


# ---- DLPack


@pytest.mark.parametrize("name", DTYPES)
def test_dlpack_both_ways(name):
    array = np.arange(6).reshape(2, 3).astype(name)
    x = tx.from_dlpack(array)
    assert x.tolist() == array.tolist()
    assert x.dtype is getattr(tx, name)
    x[0, 0] = 1
    assert array[0, 0] == 1
    back = np.from_dlpack(x)
    assert np.shares_memory(back, array)
    x = tx.from_dlpack(tx.arange(4).to(x.dtype))
    assert x.tolist() == tx.arange(4).to(x.dtype).tolist()


def test_dlpack_lifetimes_and_errors():
    capsule = tx.ones(3).__dlpack__()
    assert tx.from_dlpack(capsule).tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="consumed only once"):
        tx.from_dlpack(capsule)
    del capsule
    tx.ones(3).__dlpack__()  # never consumed
    with pytest.raises(BufferError, match="detach"):
        tx.ones(1, requires_grad=True).__dlpack__()
    with pytest.raises(RuntimeError, match="__dlpack__"):
        tx.from_dlpack([1])
    assert tx.ones(1).__dlpack_device__() == (1, 0)
    x = tx.ones(3)
    y = tx.from_dlpack(x.__dlpack__(copy=True))
    y[0] = 9
    assert x[0].item() == 1
    read_only = np.ones(3)
    read_only.flags.writeable = False
    with pytest.warns(UserWarning, match="read-only"):
        tx.from_dlpack(read_only)


def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6.0).reshape(2, 3).t()
    ours = tx.from_dlpack(theirs)
    assert ours.tolist() == theirs.tolist()
    assert torch.from_dlpack(ours).data_ptr() == theirs.data_ptr()
    assert tx.from_dlpack(torch.ones(2, dtype=torch.bfloat16)).dtype is tx.bfloat16


# ---- from data


def test_tensor_from_data():
    cases = [
        (3, tx.int64, 3), (True, tx.bool, True), (2.5, tx.float32, 2.5), ([], tx.float32, []), ([[], []], tx.float32, [[], []]),
        ([1, 2.5], tx.float32, [1.0, 2.5]), ([True, 2], tx.int64, [1, 2]), (((1, 2), [3, 4]), tx.int64, [[1, 2], [3, 4]]),
        (range(3), tx.int64, [0, 1, 2]), (np.float64(2), tx.float64, 2.0), ([np.float32(1), 2], tx.float32, [1.0, 2.0]),
        ([np.float64(1), 2.0], tx.float64, [1.0, 2.0]), ([np.ones(2), np.zeros(2)], tx.float64, [[1, 1], [0, 0]]),
        ([tx.tensor(1.5), 2], tx.float32, [1.5, 2.0]), (np.array(["1"]).size, tx.int64, 1), (np.int16(4), tx.int16, 4),
    ]  # fmt: skip
    for data, dtype, values in cases:
        x = tx.tensor(data)
        assert x.dtype is dtype, data
        assert x.tolist() == values
    assert tx.tensor([1.5], dtype=tx.int32).tolist() == [1]
    assert tx.tensor(-1, dtype=tx.uint8).item() == 255
    assert tx.tensor([1.0], requires_grad=True).requires_grad
    with pytest.warns(UserWarning, match="recommended"):
        source = tx.ones(2, requires_grad=True)
        copied = tx.tensor(source)
    assert copied.is_leaf and not copied.requires_grad and not copied._shares_storage(source)


@pytest.mark.parametrize(
    "data, error, words",
    [
        ([[1], [1, 2]], ValueError, "length 1 at dim 1"), ([1, [2]], TypeError, "nested"), ([[1], 2], TypeError, "not a sequence"),
        ("abc", TypeError, "str"), (["a"], TypeError, "str"), (None, RuntimeError, "NoneType"), ([None], RuntimeError, "NoneType"),
        ({}, RuntimeError, "dict"), (2**70, ValueError, "Overflow"), ([2**70], ValueError, "Overflow"), ([tx.ones(2)], ValueError, "one element"),
        (object(), RuntimeError, "object"),
    ],
)  # fmt: skip
def test_refused_data(data, error, words):
    with pytest.raises(error, match=words):
        tx.tensor(data)


def test_values_that_do_not_fit():
    for value, dtype in ((300, tx.uint8), (float("nan"), tx.int32), (1e20, tx.int64), (2**31, tx.int32)):
        with pytest.raises(RuntimeError, match="overflow"):
            tx.tensor(value, dtype=dtype)


def test_hostile_data():
    recursive = []
    recursive.append(recursive)
    with pytest.raises(ValueError, match="too many dimensions"):
        tx.tensor(recursive)
    shared = [0]
    for _ in range(15):
        shared = [shared] * 1000
    with pytest.raises(RuntimeError, match="64 bits"):
        tx.tensor(shared)

    class Shrinks:
        def __init__(self, within):
            self.within = within

        def __float__(self):
            self.within.clear()
            return 1.0

    data = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    data[0][1] = Shrinks(data[1])
    with pytest.raises((RuntimeError, ValueError)):
        tx.tensor(data)
    data = [1.0, 2.0, 3.0]
    data[0] = Shrinks(data)
    with pytest.raises((RuntimeError, ValueError)):
        tx.tensor(data)

    class Grows(list):
        def __float__(self):
            return 1.0

    class Lies:
        def __len__(self):
            return 3

        def __getitem__(self, i):
            raise IndexError("nothing here")

    with pytest.raises(IndexError):
        tx.tensor(Lies())


def test_as_tensor_and_asarray():
    array = np.ones(2, np.float32)
    assert np.shares_memory(tx.as_tensor(array).numpy(), array)
    x = tx.ones(2)
    assert tx.as_tensor(x) is x
    assert tx.as_tensor(x, dtype=tx.int64).dtype is tx.int64
    assert tx.as_tensor([1, 2]).tolist() == [1, 2]
    assert not np.shares_memory(tx.asarray(array, copy=True).numpy(), array)
    with pytest.raises(ValueError, match="alias"):
        tx.asarray(array, dtype=tx.int32, copy=False)
    with pytest.raises(ValueError, match="alias"):
        tx.asarray([1], copy=False)
    assert tx.asarray(x) is x


def test_frombuffer():
    memory = bytearray(np.arange(4, dtype=np.int32).tobytes())
    x = tx.frombuffer(memory, dtype=tx.int32)
    x[0] = 7
    assert memory[0] == 7
    assert tx.frombuffer(memory, dtype=tx.int32, count=2, offset=4).tolist() == [1, 2]
    with pytest.raises(BufferError):
        memory.extend(b"x")  # while a tensor uses it
    for kwargs, words in (
        ({"offset": 1}, "multiple"), ({"count": 9}, "requested"), ({"offset": 99}, "offset"), ({"count": 0}, "must not be 0"), ({"offset": -1}, "offset"),
        ({"count": 2**62}, "requested"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            tx.frombuffer(memory, dtype=tx.int32, **kwargs)
    with pytest.raises(ValueError, match="buffer protocol"):
        tx.frombuffer([1], dtype=tx.int32)
    with pytest.warns(UserWarning, match="not writable"):
        assert tx.frombuffer(b"\1\0", dtype=tx.int16).tolist() == [1]

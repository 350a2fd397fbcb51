"""Row 6: memory shared with NumPy and others, in both directions, safely."""

import gc

import numpy as np
import pytest

import tensorx as tx


def test_writes_are_seen_on_both_sides():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = tx.from_numpy(array)
    x[0, 0] = 100
    array[1, 2] = -1
    assert array[0, 0] == 100 and x[1, 2].item() == -1
    back = x.numpy()
    back[0, 1] = 7
    assert x[0, 1].item() == 7 and array[0, 1] == 7
    assert tx.as_tensor(array).data_ptr() == x.data_ptr()
    assert tx.tensor(array).data_ptr() != x.data_ptr()  # tensor() copies, always


def test_memory_lives_as_long_as_anyone_uses_it():
    x = tx.from_numpy(np.full(1000, 3.0))
    gc.collect()
    assert x.sum().item() == 3000
    array = tx.full((1000,), 4.0).numpy()
    gc.collect()
    assert array.sum() == 4000


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"])
def test_dtypes(dtype):
    array = np.ones((2, 2), dtype=dtype)
    x = tx.from_numpy(array)
    assert str(x.dtype) == f"tensorx.{dtype}" and x.numpy().dtype == array.dtype
    with pytest.raises(TypeError, match="datetime64"):
        tx.from_numpy(np.zeros(2, dtype="datetime64[s]"))


def test_strides_come_along():
    array = np.arange(24.0).reshape(4, 6)
    for view in (array.T, array[::2, 1::2], array[1:, :3], np.broadcast_to(array[:1], (3, 6)).copy()):
        x = tx.from_numpy(view)
        assert x.data_ptr() == view.ctypes.data and np.array_equal(x.numpy(), view)
        assert x.stride() == tuple(s // 8 for s in view.strides)


def test_negative_steps_are_refused_with_a_way_out():
    with pytest.raises(ValueError, match=r"negative.*copy"):
        tx.from_numpy(np.arange(5.0)[::-1])
    assert tx.from_numpy(np.arange(5.0)[::-1].copy())[0].item() == 4
    assert tx.tensor(np.arange(5.0)[::-1]).tolist() == [4, 3, 2, 1, 0]  # a copy may have any source


def test_read_only_arrays_cannot_be_changed_by_accident():
    array = np.zeros(3)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="writ"):
        x = tx.from_numpy(array)
    x[0] = 1  # whatever it did, the array has not changed unless it was said so
    assert x[0].item() == 1


def test_protocols(device):
    x = tx.arange(6.0, device=device).view(2, 3)
    assert np.array_equal(np.asarray(x.cpu()), x.cpu().numpy())
    assert tx.from_dlpack(x).data_ptr() == x.data_ptr()
    if device == "cpu":
        assert np.from_dlpack(x).ctypes.data == x.data_ptr()
        assert memoryview(x.numpy()).nbytes == 24
        assert np.add(x, 1).tolist() == [[1, 2, 3], [4, 5, 6]]
    else:
        assert x.__cuda_array_interface__["data"][0] == x.data_ptr()
        with pytest.raises(TypeError, match="cpu"):
            x.numpy()
        assert x.numpy(force=True).tolist() == x.tolist()


def test_what_has_a_history_is_not_handed_out():
    x = tx.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="detach"):
        x.numpy()
    assert x.detach().numpy().tolist() == [1, 1]

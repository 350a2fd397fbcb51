"""Row 57: slicing multiplies strides; when strides can be viewed as another shape; negative steps are refused."""

import itertools

import numpy as np
import pytest

import tensorx as tx


def test_a_step_of_two_doubles_the_stride(device):
    x = tx.arange(24, device=device).view(4, 6)
    assert x[::2].stride() == (12, 1) and x[:, ::2].stride() == (6, 2) and x[::2, ::3].stride() == (12, 3)
    assert x[::2][::2].stride() == (24, 1)
    assert x[1::2].storage_offset() == 6


def test_slices_are_numpys(device):
    array = np.arange(11)
    x = tx.from_numpy(array).to(device)
    for start, stop, step in itertools.product(
        (None, -20, -3, 0, 2, 20), (None, -20, -2, 0, 5, 20), (None, 1, 2, 7, 100)
    ):
        assert x[start:stop:step].tolist() == array[start:stop:step].tolist()


def test_a_negative_or_zero_step_is_refused_with_a_way_out(device):
    x = tx.arange(4, device=device)
    with pytest.raises(ValueError, match=r"step.*flip"):
        x[::-1]
    with pytest.raises(ValueError, match="step"):
        x[::0]
    assert x.flip(0).tolist() == [3, 2, 1, 0]


def can_view_without_copy(array, shape):
    try:
        view = array.view()
        view.shape = shape
    except AttributeError:
        return False
    return True


@pytest.mark.parametrize(
    "shape", [(24,), (2, 12), (6, 4), (12, 2), (2, 3, 4), (4, 3, 2), (1, 24, 1), (2, 2, 2, 3)], ids=str
)
def test_what_can_be_viewed_is_what_numpy_can_reshape_in_place(device, shape):
    base = np.arange(96).reshape(4, 4, 6)
    bases = [
        base[:2, :2, :],
        base[:, 0, :],
        base[::2, ::2, :],
        base[0, :, :].T,
        base[:1, :, :],
        base[:, :3, ::3],
        base[:2, :, ::2],
    ]
    laid = tx.from_numpy(base).to(device)
    views = [
        laid[:2, :2, :],
        laid[:, 0, :],
        laid[::2, ::2, :],
        laid[0, :, :].T,
        laid[:1, :, :],
        laid[:, :3, ::3],
        laid[:2, :, ::2],
    ]
    for array, x in zip(bases, views):
        assert x.shape == array.shape and x.stride() == tuple(s // 8 for s in array.strides)
        if can_view_without_copy(array, shape):
            assert x.view(shape).tolist() == array.reshape(shape).tolist()
        else:
            with pytest.raises(RuntimeError, match="reshape"):
                x.view(shape)
            assert x.reshape(shape).tolist() == array.reshape(shape).tolist()

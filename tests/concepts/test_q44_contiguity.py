"""Row 44: what is contiguous, what making it so gives, and that it costs nothing where it is so already."""

import numpy as np
import pytest

import tensorx as tx


def test_contiguous_is_itself_where_it_can_be(device):
    x = tx.zeros(3, 4, device=device)
    assert x.contiguous() is x
    y = x.t()
    assert not y.is_contiguous() and y.contiguous().is_contiguous()
    assert y.contiguous().data_ptr() != y.data_ptr()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (33, 64), (100, 3), (129, 257)], ids=str)
def test_a_transpose_is_copied_right_at_every_edge_of_its_blocks(device, dtype, shape):
    array = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    x = tx.from_numpy(array).to(device)
    assert np.array_equal(x.t().contiguous().cpu().numpy(), array.T)
    batch = x.expand(3, *shape).transpose(1, 2)
    assert np.array_equal(batch.contiguous().cpu().numpy(), np.broadcast_to(array.T, (3, *array.T.shape)))


def test_memory_formats(device):
    x = tx.arange(2.0 * 3 * 4 * 5, device=device).view(2, 3, 4, 5)
    last = x.contiguous(memory_format=tx.channels_last)
    assert last.stride() == (60, 1, 15, 3) and last.is_contiguous(memory_format=tx.channels_last)
    assert not last.is_contiguous() and tx.equal(last, x)
    assert last.contiguous().stride() == x.stride()


def test_gradients_pass(device):
    x = tx.ones(2, 3, device=device, requires_grad=True)
    (x.t().contiguous() * tx.arange(6.0, device=device).view(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0, 2, 4], [1, 3, 5]]

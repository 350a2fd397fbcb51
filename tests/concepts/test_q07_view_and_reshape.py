"""Row 7: a view never copies, reshape copies only where it must, and the error of the one points to the other."""

import pytest

import tensorx as tx


def same_memory(a, b):
    return a.data_ptr() == b.data_ptr()


def test_a_view_shares_memory_and_gradient(device):
    x = tx.arange(12.0, device=device, requires_grad=True)
    y = x.view(3, 4)
    assert same_memory(x, y) and y.shape == (3, 4) and y.stride() == (4, 1)
    (y * tx.arange(12.0, device=device).view(3, 4)).sum().backward()
    assert x.grad.tolist() == list(range(12))


def test_one_size_may_be_inferred(device):
    x = tx.zeros(2, 3, 4, device=device)
    assert x.view(-1).shape == (24,) and x.view(6, -1).shape == (6, 4) and x.reshape(-1, 8).shape == (3, 8)
    for bad in ((5, -1), (-1, -1), (7, 4)):
        with pytest.raises(RuntimeError, match=r"shape|infer"):
            x.view(bad)


def test_strides_that_merge_need_no_copy(device):
    x = tx.zeros(4, 6, 8, device=device)
    for view in (x[:2], x[:, :, ::2].transpose(0, 0), x.transpose(1, 2).transpose(1, 2)):
        assert same_memory(view, view.reshape(view.shape[0] * view.shape[1], -1))
    assert x[:, :3].view(4, 3, 2, 4).shape == (4, 3, 2, 4)  # splitting is always possible


def test_reshape_copies_only_where_it_must(device):
    x = tx.arange(6, device=device).view(2, 3)
    assert same_memory(x, x.reshape(3, 2))
    turned = x.t().reshape(6)
    assert not same_memory(x, turned) and turned.tolist() == [0, 3, 1, 4, 2, 5]


def test_the_error_shows_what_cannot_merge_and_what_to_do(device):
    x = tx.zeros(2, 3, 4, device=device).transpose(1, 2)
    with pytest.raises(RuntimeError) as error:
        x.view(2, 12)
    text = str(error.value)
    for part in ("[2, 4, 3]", "[12, 1, 4]", "1 and 2", "reshape"):
        assert part in text, text


def test_view_as_another_dtype(device):
    x = tx.tensor([1.0, -2.0], device=device)
    bits = x.view(tx.int32)
    assert same_memory(x, bits) and bits.tolist() == [0x3F800000, -0x40000000]
    assert x.view(tx.uint8).shape == (8,) and x.view(tx.int16).shape == (4,) and x.view(tx.float64).shape == (1,)
    bits[0] = 0
    assert x.tolist() == [0, -2]
    with pytest.raises(RuntimeError):
        tx.zeros(3, device=device).view(tx.float64)


def test_relatives(device):
    x = tx.arange(24, device=device).view(2, 3, 4)
    assert x.view_as(tx.zeros(6, 4)).shape == (6, 4)
    assert x.flatten().shape == (24,) and x.flatten(1).shape == (2, 12) and x.flatten(0, 1).shape == (6, 4)
    assert x.flatten().unflatten(0, (2, -1)).shape == (2, 12)
    assert x.unsqueeze(1).shape == (2, 1, 3, 4) and x.unsqueeze(-1).shape == (2, 3, 4, 1)
    assert x.unsqueeze(1).squeeze(1).shape == x.shape and x.squeeze(0).shape == x.shape
    for view in (x.flatten(), x.unsqueeze(0), x.view_as(x), x.unflatten(2, (2, 2))):
        assert same_memory(view, x)

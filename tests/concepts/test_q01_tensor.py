"""1. A tensor is data, a device and a history."""

import numpy as np

import tensorx as tx


def test_data_device_and_history(device):
    x = tx.tensor([[1.0, 2.0], [3.0, 4.0]], device=device, requires_grad=True)
    assert (x.dtype, x.shape, x.stride(), x.device.type) == (tx.float32, (2, 2), (2, 1), device)
    assert x.is_leaf and x.grad is None and x.grad_fn is None
    y = (x * x).sum()
    assert not y.is_leaf and y.requires_grad and y.grad_fn.name() == "SumBackward0"
    y.backward()
    assert x.grad.device == x.device and x.grad.tolist() == [[2.0, 4.0], [6.0, 8.0]]


def test_moving_keeps_values_and_history(device):
    x = tx.tensor([1.0, 2.0], requires_grad=True)
    there = x.to(device)
    back = (there * 3).cpu()
    np.testing.assert_array_equal(back.detach().numpy(), [3.0, 6.0])
    back.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and x.grad.device.type == "cpu"


def test_printing(device):
    x = tx.tensor([1.0, 2.5], device=device, requires_grad=True)
    where = "" if device == "cpu" else ", device='cuda:0'"
    assert repr(x) == f"tensor([1.0000, 2.5000]{where}, requires_grad=True)"
    assert repr(x * 2) == f"tensor([2., 5.]{where}, grad_fn=<MulBackward0>)"


def test_describe(device):
    """Beyond PyTorch: shape, dtype, device, memory and graph in a few lines."""
    w = tx.ones(10, 4, device=device, requires_grad=True)
    y = (w * 2).exp()[:, 1]
    text = str(tx.describe(y))
    assert text.startswith(f"float32 tensor of shape [10] on {y.device}, 40 B")
    assert "strides   [4], not contiguous" in text
    assert "160 B, from element 1 on, shared with the tensor of shape [10, 4] that this is a view of" in text
    assert "graph     3 nodes, 1 leaf, 160 B saved for backward" in text

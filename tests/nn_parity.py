"""Helpers of the tests that compare layers with PyTorch's: building both with the same weights, comparing results."""

import numpy
import pytest

import tensorx as tx

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")


def to_tx(value):
    """A torch tensor as a tensorx leaf of the same values; anything else as it is."""
    if not isinstance(value, torch.Tensor):
        return value
    return tx.tensor(value.detach().numpy().copy()).requires_grad_(value.requires_grad)


def array(value):
    return value.detach().numpy()


def assert_close(ours, theirs, tolerance=1e-6):
    ours, theirs = array(ours), array(theirs)
    assert ours.dtype == theirs.dtype
    numpy.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def copy_weights(module, reference):
    module.load_state_dict({name: to_tx(value) for name, value in reference.state_dict().items()})


def compare_calls(ours, theirs, inputs, tolerance=1e-10):
    """Both functions on the same inputs: same outputs, and the same gradients of all inputs that need one."""
    given = [to_tx(value) for value in inputs]
    expected, result = theirs(*inputs), ours(*given)
    assert_close(result, expected, tolerance)
    if not expected.requires_grad:
        assert not result.requires_grad
        return
    # A gradient that differs from element to element.
    weights = torch.linspace(0.5, 1.5, max(expected.numel(), 1), dtype=expected.dtype)[: expected.numel()].reshape(
        expected.shape
    )
    (expected * weights).sum().backward()
    (result * to_tx(weights)).sum().backward()
    for mine, reference in zip(given, inputs):
        if isinstance(reference, torch.Tensor) and reference.requires_grad:
            assert_close(mine.grad, reference.grad, tolerance)


def build(name, args, kwargs):
    """A layer and PyTorch's, in float64 and with the same weights."""
    torch.manual_seed(3)
    reference = getattr(torch.nn, name)(*args, **kwargs).double()
    layer = getattr(tx.nn, name)(*args, **{key: to_tx(value) for key, value in kwargs.items()}).double()
    copy_weights(layer, reference)
    return layer, reference


def check_module(layer, reference, inputs, tolerance=1e-10):
    """The same repr, state, outputs and gradients of both."""
    assert repr(layer) == repr(reference)
    assert list(layer.state_dict()) == list(reference.state_dict())
    compare_calls(layer, reference, inputs, tolerance)
    parameters = dict(layer.named_parameters())
    for name, parameter in reference.named_parameters():
        if parameter.grad is not None:
            assert_close(parameters[name].grad, parameter.grad, tolerance)
    for name, buffer in reference.named_buffers():
        assert_close(dict(layer.named_buffers())[name], buffer, tolerance)

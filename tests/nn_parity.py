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


def draw(*shape, grad=True, seed=0):
    """Normally distributed numbers in float64, which depend on the arguments alone."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_(grad)


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


def twins(make):
    """make(nn) of both libraries, in float64 and with the same weights: ours and PyTorch's."""
    torch.manual_seed(3)
    reference, layer = make(torch.nn).double(), make(tx.nn).double()
    copy_weights(layer, reference)
    return layer, reference


def check_gradients(layer, reference, tolerance=1e-10):
    """The same gradients of the parameters, or none."""
    parameters = dict(layer.named_parameters())
    for name, parameter in reference.named_parameters():
        assert (parameters[name].grad is None) == (parameter.grad is None), name
        if parameter.grad is not None:
            assert_close(parameters[name].grad, parameter.grad, tolerance)


def check_buffers(layer, reference, tolerance=1e-10):
    buffers = dict(layer.named_buffers())
    for name, buffer in reference.named_buffers():
        assert_close(buffers[name], buffer, tolerance)


def check_module(layer, reference, inputs, tolerance=1e-10):
    """The same repr, state, outputs and gradients of both."""
    assert repr(layer) == repr(reference)
    assert list(layer.state_dict()) == list(reference.state_dict())
    compare_calls(layer, reference, inputs, tolerance)
    check_gradients(layer, reference, tolerance)
    check_buffers(layer, reference, tolerance)


def flat(value):
    """The tensors of a result, in order, and None where there is none."""
    if value is None or isinstance(value, (tx.Tensor, torch.Tensor)):
        return [value]
    return [tensor for item in value for tensor in flat(item)]


def compare_modules(ours, theirs, call, tensors, device="cpu", tolerance=1e-10):
    """call(library, module, tensors) for both: same results, and the same gradients of the tensors and all parameters."""
    mine = [to_tx(t).detach().to(device).requires_grad_(t.requires_grad) for t in tensors]
    expected, found = flat(call(torch, theirs, tensors)), flat(call(tx, ours, mine))
    assert [a is None for a in found] == [b is None for b in expected]
    pairs = [(a, b) for a, b in zip(found, expected) if b is not None]
    for a, b in pairs:
        assert tuple(a.shape) == tuple(b.shape)
        numpy.testing.assert_allclose(array(a.cpu()), array(b), tolerance, tolerance)
    pairs = [(a, b) for a, b in pairs if b.requires_grad]
    seeds = [torch.linspace(0.5, 1.5, b.numel(), dtype=torch.float64).view(b.shape) for _, b in pairs]
    sources = [t for t in tensors if t.requires_grad], [t for t in mine if t.requires_grad]
    grads = torch.autograd.grad([b for _, b in pairs], [*sources[0], *theirs.parameters()], seeds)
    ours_grads = tx.autograd.grad(
        [a for a, _ in pairs], [*sources[1], *ours.parameters()], [to_tx(s).to(device) for s in seeds]
    )
    for a, b in zip(ours_grads, grads, strict=True):
        numpy.testing.assert_allclose(array(a.cpu()), array(b), tolerance, tolerance)

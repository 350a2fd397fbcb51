"""4. Calls are recorded as they run; the reverse sweep multiplies local gradients and adds them up at the leaves."""

import pytest
from memory_use import held

import tensorx as tx

DEEP = 100_000


def test_chain_rule(device):
    x = tx.tensor(0.5, dtype=tx.float64, device=device, requires_grad=True)
    y = x.sin().exp() * x
    y.backward()
    expected = (x.cos() * x + 1) * x.sin().exp()
    assert x.grad.item() == pytest.approx(expected.item(), rel=1e-12)


def test_diamond_and_shared_parts(device):
    """A part that two paths share is walked once, with the sum of what both send."""
    x = tx.tensor([2.0], device=device, requires_grad=True)
    walked = []
    shared = x * 3
    shared.grad_fn.register_hook(lambda inputs, outputs: walked.append(outputs[0].item()))
    left, right = shared * shared, shared + 1
    (left * right).sum().backward()
    s = 6.0
    assert walked == [2 * s * (s + 1) + s * s]
    assert x.grad.item() == 3 * walked[0]


def test_diamonds_of_diamonds_are_walked_once_each(device):
    """2 ** 60 paths, 60 steps."""
    x = tx.ones(1, dtype=tx.float64, device=device, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_leaves_accumulate(device):
    x = tx.ones(2, device=device, requires_grad=True)
    for times in (1, 2, 3):
        (x * 2).sum().backward()
        assert x.grad.tolist() == [2.0 * times] * 2


def chain(x, length):
    y = x
    for _ in range(length):
        y = -y
    return y


def test_very_deep_chain_backward(device):
    x = tx.ones(1, device=device, requires_grad=True)
    chain(x, DEEP).backward()
    assert x.grad.item() == 1.0


def test_very_deep_chain_is_freed(device):
    """Dropping it, unwalked, neither overflows the stack nor leaves anything behind."""
    x = tx.ones(1, device=device, requires_grad=True)
    before = held(device)
    y = x
    for _ in range(DEEP):
        y = y * x  # saves both operands
    assert held(device) > before
    del y
    assert held(device) == before

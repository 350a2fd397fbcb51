"""5. Gradients accumulate until they are cleared."""

import pytest

import tensorx as tx
from tensorx import nn


@pytest.fixture
def model(device):
    return nn.Linear(3, 2).to(device)


def backward(model):
    x = tx.ones(4, 3, device=model.weight.device)
    model(x).sum().backward()


def owners(model):
    return {"module": model, "optimizer": tx.optim.SGD(model.parameters(), lr=0.1)}


@pytest.mark.parametrize("owner", ["module", "optimizer"])
def test_accumulate_and_clear(model, owner):
    backward(model)
    once = model.weight.grad.clone()
    backward(model)
    assert tx.equal(model.weight.grad, once * 2)
    owners(model)[owner].zero_grad()
    assert all(p.grad is None for p in model.parameters())
    backward(model)
    assert tx.equal(model.weight.grad, once)


@pytest.mark.parametrize("owner", ["module", "optimizer"])
def test_to_zeros_keeps_the_memory(model, owner):
    backward(model)
    grad = model.weight.grad
    owners(model)[owner].zero_grad(set_to_none=False)
    assert model.weight.grad is grad and not grad.any()

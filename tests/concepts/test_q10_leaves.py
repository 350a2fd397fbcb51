"""10. Leaves own gradients; what is computed from them does not, unless asked."""

import warnings

import pytest

import tensorx as tx
from tensorx import nn


def test_is_leaf(device):
    x = tx.ones(2, device=device)
    w = tx.ones(2, device=device, requires_grad=True)
    assert x.is_leaf and w.is_leaf and (x * 2).is_leaf and not (w * 2).is_leaf
    assert (w * 2).detach().is_leaf and nn.Parameter(w.detach()).is_leaf


def test_grad_of_what_is_no_leaf_warns(device):
    w = tx.ones(2, device=device, requires_grad=True)
    y = w * 2
    y.sum().backward()
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None


def test_retain_grad(device):
    w = tx.ones(2, device=device, requires_grad=True)
    y = w * 2
    y.retain_grad()
    (y * y).sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert y.retains_grad and y.grad.tolist() == [4.0, 4.0]


def test_a_weight_that_was_moved_or_scaled_is_no_leaf(device):
    """The classic mistake: the optimizer is given a tensor that never gets a gradient."""
    made = tx.randn(3, requires_grad=True).to(device) * 0.1
    assert not made.is_leaf
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        tx.optim.SGD([made], lr=0.1)
    right = (tx.randn(3, device=device) * 0.1).requires_grad_()
    assert right.is_leaf
    tx.optim.SGD([right], lr=0.1)


def test_a_weight_that_is_made_anew_loses_its_history(device):
    """w = w - lr * g gives another tensor, no leaf; w -= lr * g under no_grad keeps the leaf."""
    w = tx.ones(2, device=device, requires_grad=True)
    (w * 2).sum().backward()
    recreated = w - 0.1 * w.grad
    assert not recreated.is_leaf and recreated is not w
    with tx.no_grad():
        w -= 0.1 * w.grad
    assert w.is_leaf and w.requires_grad

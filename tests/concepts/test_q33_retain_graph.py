"""33. backward frees the graph as it goes; retain_graph keeps it."""

import gc
from itertools import pairwise

import pytest
from memory_use import held, peak

import tensorx as tx

LAYERS, SIZE = 20, 1000
NBYTES = SIZE * 4


def run(x):
    for _ in range(LAYERS):
        x = x.sin()
    return x.sum()


def test_second_backward(device):
    x = tx.ones(3, device=device, requires_grad=True)
    y = run(x)
    y.backward()
    with pytest.raises(RuntimeError, match=r"second time[\s\S]*retain_graph=True"):
        y.backward()
    y = run(x)
    x.grad = None
    y.backward(retain_graph=True)
    once = x.grad.clone()
    y.backward()
    assert tx.equal(x.grad, once * 2)


def test_memory_is_given_back(device):
    x = tx.ones(SIZE, device=device, requires_grad=True)
    x.grad = tx.zeros_like(x)
    before = held(device)
    y = run(x)
    recorded = held(device) - before
    y.backward(retain_graph=True)
    assert held(device) - before == recorded >= (LAYERS - 1) * NBYTES
    y.backward()
    assert held(device) - before <= 512  # y alone


def test_memory_is_given_back_as_early_as_can_be(device):
    """Each node's memory goes when it has run: backward never needs much more than the graph holds already."""
    x = tx.ones(SIZE, device=device, requires_grad=True)
    y = run(x)
    extra = peak(device, y.backward)
    assert extra <= 4 * NBYTES  # a gradient, the next one and what the rule makes in between; not LAYERS of them
    seen = []

    def note(node):
        node.register_prehook(lambda g: seen.append(held(device)))

    y = run(x)
    node = y.grad_fn
    for _ in range(LAYERS):
        node = node.next_functions[0][0]
        note(node)
    y.backward()
    falls = [a - b for a, b in pairwise(seen)]
    assert len(seen) == LAYERS and all(f >= NBYTES for f in falls[1:-1])


def test_dropping_a_graph_frees_it_at_once(device):
    x = tx.ones(SIZE, device=device, requires_grad=True)
    before = held(device)
    gc.disable()
    try:
        y = run(x)
        del y
        now = tx.cuda.memory_allocated() if device == "cuda" else tx._C.memory_stats()["allocated"]
    finally:
        gc.enable()
    assert now == before

"""21. Freezing a part of a model stops its gradient work and the memory it takes."""

from memory_use import held

import tensorx as tx
from tensorx import nn

LAYERS, SIZE = 10, 64


def make_model(device):
    tx.manual_seed(0)
    body = nn.Sequential(*(nn.Sequential(nn.Linear(SIZE, SIZE), nn.Tanh()) for _ in range(LAYERS)))
    return nn.Sequential(body, nn.Linear(SIZE, 2)).to(device)


def measured(model, x):
    """(bytes that the graph holds, nodes that backward runs)."""
    before = held("cuda" if x.is_cuda else "cpu")
    y = model(x).sum()
    memory = held("cuda" if x.is_cuda else "cpu") - before
    with tx.profiler.profile() as prof:
        y.backward()
    return memory, sum("Backward0" in e.name for e in prof.events())


def test_ways_to_say_it(device):
    x = tx.ones(2, device=device)
    assert x.requires_grad_() is x and x.requires_grad
    assert not x.requires_grad_(False).requires_grad
    assert tx.ones(2, device=device, requires_grad=True).requires_grad
    model = nn.Linear(2, 2).requires_grad_(False)
    assert not any(p.requires_grad for p in model.parameters())


def test_a_frozen_body_costs_nothing(device):
    model, x = make_model(device), tx.ones(32, SIZE, device=device)
    memory, nodes = measured(model, x)
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    model[0].requires_grad_(False)
    frozen_memory, frozen_nodes = measured(model, x)
    assert all(p.grad is None for p in model[0].parameters()) and model[1].weight.grad is not None
    assert memory >= LAYERS * 32 * SIZE * 4  # the result of each layer
    assert frozen_memory <= memory / (LAYERS / 2)
    assert nodes >= 2 * LAYERS and frozen_nodes <= 3


def test_a_frozen_head_still_passes_gradients(device):
    model, x = make_model(device), tx.ones(32, SIZE, device=device)
    model[1].requires_grad_(False)
    measured(model, x)
    assert model[1].weight.grad is None and model[0][0][0].weight.grad is not None

"""35. Checkpointing: memory drops as promised, gradients are the same bit for bit. Chen et al. 2016, arXiv:1604.06174."""

import pytest
from memory_use import peak

import tensorx as tx
from tensorx import nn
from tensorx.utils.checkpoint import checkpoint, checkpoint_sequential

LAYERS, BATCH, SIZE = 36, 64, 32
NBYTES = BATCH * SIZE * 4  # of the result of one layer


@pytest.fixture
def model(device):
    tx.manual_seed(0)
    return nn.Sequential(*(nn.Sequential(nn.Linear(SIZE, SIZE), nn.Tanh()) for _ in range(LAYERS))).to(device)


def train(model, run):
    """(most bytes held during a step, gradients)."""
    device = next(model.parameters()).device
    x = tx.ones(BATCH, SIZE, device=device)
    for p in model.parameters():
        p.grad = tx.zeros_like(p)
    most = peak(device.type, lambda: run(x).sum().backward())
    return most, [p.grad.tolist() for p in model.parameters()]


def test_sequential(model):
    plain, expected = train(model, model)
    segmented, found = train(model, lambda x: checkpoint_sequential(model, 6, x, use_reentrant=False))
    assert found == expected
    assert plain >= LAYERS * NBYTES
    # 5 inputs of segments, the layers of one segment (a linear's result and its tanh), and what a step makes anyway.
    assert segmented <= (5 + 2 * 6 + 6) * NBYTES
    assert segmented < 0.5 * plain


def test_memory_grows_with_the_square_root(device):
    """n layers in sqrt(n) segments: sqrt(n) inputs of segments, and sqrt(n) results within one."""
    for layers in (16, 64):
        model = nn.Sequential(*(nn.Sequential(nn.Linear(SIZE, SIZE), nn.Tanh()) for _ in range(layers))).to(device)
        most, _ = train(model, lambda x: checkpoint_sequential(model, int(layers**0.5), x))
        assert most <= (2 * layers**0.5 + 3) * NBYTES


def test_every_layer(model):
    def run(x):
        for layer in model:
            x = checkpoint(layer, x, use_reentrant=False)
        return x

    _, expected = train(model, model)
    _, found = train(model, run)
    assert found == expected


def test_recursive_halving(model):
    """Nested: log(n) memory, for log(n) forward passes."""

    def run(x, start=0, end=LAYERS):
        if end - start == 1:
            return model[start](x)
        middle = (start + end) // 2
        x = checkpoint(run, x, start, middle)
        return checkpoint(run, x, middle, end)

    _, expected = train(model, model)
    most, found = train(model, run)
    assert found == expected and most <= 16 * NBYTES  # plain: over 36

"""Row 31: four batches of 16 give the gradient and the training of one batch of 64."""

import copy

import pytest
from memory_use import peak

import tensorx as tx
from tensorx import nn
from tensorx.nn.utils import clip_grad_norm_

PARTS, SIZE = 4, 16
OPTIMISERS = {
    "SGD": lambda parameters: tx.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "Adam": lambda parameters: tx.optim.Adam(parameters, lr=0.01),
}


@pytest.fixture
def data(device):
    tx.manual_seed(0)
    x = tx.randn(PARTS * SIZE, 8, dtype=tx.float64, device=device)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def network(device, dtype=tx.float64):
    tx.manual_seed(1)
    return nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3)).to(device, dtype)


def whole(model, x, y):
    nn.functional.cross_entropy(model(x), y).backward()


def in_parts(model, x, y):
    """backward() adds to .grad; dividing each loss makes the sum a mean again."""
    for part, labels in zip(x.chunk(PARTS), y.chunk(PARTS)):
        (nn.functional.cross_entropy(model(part), labels) / PARTS).backward()


@pytest.mark.parametrize("dtype, tolerance", [(tx.float64, 1e-15), (tx.float32, 1e-7)])
def test_the_gradients_are_equal(data, device, dtype, tolerance):
    x, y = data
    one, several = network(device, dtype), network(device, dtype)
    whole(one, x.to(dtype), y)
    in_parts(several, x.to(dtype), y)
    for a, b in zip(one.parameters(), several.parameters()):
        assert tx.allclose(a.grad, b.grad, rtol=10 * tolerance, atol=tolerance)
        assert a.grad.abs().max() > 1e-3


@pytest.mark.parametrize("name", OPTIMISERS)
def test_training_is_equal(data, device, name):
    """30 steps, with the clipping of the accumulated gradient, end at the same weights."""
    x, y = data
    ends = []
    for accumulate in (whole, in_parts):
        model = network(device)
        optimizer = OPTIMISERS[name](model.parameters())
        for _ in range(30):
            optimizer.zero_grad()
            accumulate(model, x, y)
            clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
        ends.append(model)
    for (key, a), b in zip(ends[0].named_parameters(), ends[1].parameters()):
        assert tx.allclose(a, b, rtol=1e-9, atol=1e-11), key
    assert nn.functional.cross_entropy(ends[0](x), y).item() < 0.5


def test_parts_of_different_sizes_are_weighted(data, device):
    """A mean of means is wrong for them: weight by the number of examples, or take sums."""
    x, y = data
    one, weighted, naive = network(device), network(device), network(device)
    whole(one, x, y)
    sizes = [30, 20, 10, 4]
    for part, labels in zip(x.split(sizes), y.split(sizes)):
        (nn.functional.cross_entropy(weighted(part), labels, reduction="sum") / len(x)).backward()
        (nn.functional.cross_entropy(naive(part), labels) / len(sizes)).backward()
    for a, b, c in zip(one.parameters(), weighted.parameters(), naive.parameters()):
        assert tx.allclose(a.grad, b.grad, rtol=1e-13, atol=1e-15)
        assert not tx.allclose(a.grad, c.grad, rtol=1e-3, atol=1e-15)


def test_it_takes_the_memory_of_a_part(device):
    """What the peak is made of, the activations, is that of 16 rows instead of 64."""
    model = nn.Sequential(*[nn.Sequential(nn.Linear(64, 64), nn.Tanh()) for _ in range(12)]).to(device)
    x = tx.randn(PARTS * 256, 64, device=device)
    for parameter in model.parameters():
        parameter.grad = tx.zeros_like(parameter)

    def parts():
        for part in x.chunk(PARTS):
            model(part).square().mean().backward()

    together = peak(device, lambda: model(x).square().mean().backward())
    assert peak(device, parts) < 0.4 * together


def test_what_differs(data, device):
    """Batch normalisation sees 16 rows at a time: not the same computation, in PyTorch neither."""
    x, y = data
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)).to(device, tx.float64)
    one, several = copy.deepcopy(model), copy.deepcopy(model)
    whole(one, x, y)
    in_parts(several, x, y)
    assert not tx.allclose(one[0].weight.grad, several[0].weight.grad, rtol=1e-3)
    for frozen in (one, several):  # with its running statistics it is
        frozen.load_state_dict(model.state_dict())
        frozen.zero_grad()
        frozen.eval()
    whole(one, x, y)
    in_parts(several, x, y)
    assert tx.allclose(one[0].weight.grad, several[0].weight.grad, rtol=1e-12)

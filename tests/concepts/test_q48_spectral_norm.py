"""Row 48: spectral normalisation bounds the Lipschitz constant; weight normalisation parts norm and direction."""

import pytest

import tensorx as tx
from tensorx import nn
from tensorx.nn.utils import parametrizations, parametrize

pytestmark = pytest.mark.usefixtures("seeded")
WAYS = {"parametrization": parametrizations.spectral_norm, "hook": nn.utils.spectral_norm}


def stretch(function, device, size, pairs=400):
    """The most that `function` enlarges the distance of two points, among random pairs."""
    a = tx.randn(pairs, size, device=device)
    b = a + 0.3 * tx.randn(pairs, size, device=device)
    with tx.no_grad():
        return ((function(a) - function(b)).norm(dim=1) / (a - b).norm(dim=1)).max().item()


def network(normalise):
    tx.manual_seed(0)
    layers = [nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 8)]
    for layer in layers[::2]:
        layer.weight.data.mul_(6)
    return nn.Sequential(*[normalise(layer) if isinstance(layer, nn.Linear) else layer for layer in layers])


@pytest.mark.parametrize("way", WAYS)
def test_a_network_becomes_1_lipschitz(way, device):
    """A composition of 1-Lipschitz maps is one; without the norms the same weights stretch more than ten times."""
    plain, bounded = network(lambda layer: layer).to(device), network(WAYS[way]).to(device)
    for _ in range(100):  # each forward in training goes on with the power iteration
        bounded(tx.zeros(1, 8, device=device))
    for layer in bounded.eval()[::2]:
        assert abs(tx.linalg.svdvals(layer.weight.cpu())[0].item() - 1) < 1e-3
    assert stretch(plain, device, 8) > 10
    assert 0.02 < stretch(bounded, device, 8) <= 1.001


@pytest.mark.parametrize("way", WAYS)
def test_the_bound_is_reached(way, device):
    """Along the first singular vector a linear layer keeps lengths: the bound is no looser than it must be."""
    layer = WAYS[way](nn.Linear(6, 4, bias=False)).to(device)
    for _ in range(200):
        layer(tx.zeros(1, 6, device=device))
    layer.eval()
    v = layer.weight_v if way == "hook" else layer.parametrizations.weight[0]._v
    assert abs(layer(v).norm().item() - 1) < 1e-4


@pytest.mark.parametrize("way", WAYS)
def test_training_does_not_loosen_it(way, device):
    """The weights grow, what the layer applies does not: the power iteration follows them from step to step."""
    tx.manual_seed(1)
    layer = WAYS[way](nn.Linear(5, 5)).to(device)
    original = dict(layer.named_parameters())["weight_orig" if way == "hook" else "parametrizations.weight.original"]
    optimizer = tx.optim.SGD(layer.parameters(), lr=0.5)
    x, target = tx.randn(64, 5, device=device), 10 * tx.randn(64, 5, device=device)
    for _ in range(60):
        optimizer.zero_grad()
        (layer(x) - target).square().mean().backward()
        optimizer.step()
    for _ in range(300):  # singular values that lie close together take it a while
        layer(x[:1])
    applied = tx.linalg.svdvals(layer.eval().weight.detach().cpu())[0].item()
    assert abs(applied - 1) < 1e-2 and tx.linalg.svdvals(original.detach().cpu())[0].item() > 1.2


@pytest.mark.parametrize("way", WAYS)
def test_evaluation_does_not_move_it(way, device):
    layer = WAYS[way](nn.Conv2d(2, 3, 2)).to(device).eval()
    x = tx.randn(1, 2, 4, 4, device=device)
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    assert tx.equal(layer(x), layer(x))
    assert all(tx.equal(value, state[name]) for name, value in layer.state_dict().items())
    layer.train()(x)
    assert not all(tx.equal(value, state[name]) for name, value in layer.state_dict().items())


def test_the_gradient_accounts_for_the_norm(device):
    """Scaling the original changes nothing, so its gradient is orthogonal to it."""
    layer = parametrizations.spectral_norm(nn.Linear(5, 4)).to(device)
    for _ in range(200):
        layer.weight
    layer.eval()
    original = layer.parametrizations.weight.original
    layer(tx.randn(3, 5, device=device)).sin().sum().backward()
    along = (original * original.grad).sum().abs().item()
    assert along < 1e-4 * (original.norm() * original.grad.norm()).item()


def test_weight_norm_parts_norm_and_direction(device):
    tx.manual_seed(0)
    layer = parametrizations.weight_norm(nn.Linear(5, 4)).to(device)
    g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    assert tx.allclose(layer.weight.norm(dim=1, keepdim=True), g)
    with tx.no_grad():
        before = layer.weight.clone()
        v.mul_(7)  # the length of v does not matter
        assert tx.allclose(layer.weight, before)
        g.mul_(2)
        assert tx.allclose(layer.weight, 2 * before)
    layer(tx.randn(3, 5, device=device)).sin().sum().backward()
    assert ((v * v.grad).sum(1).abs() < 1e-5).all()  # each row's gradient is orthogonal to its direction
    parametrize.remove_parametrizations(layer, "weight")
    assert tx.allclose(layer.weight, 2 * before) and list(layer.state_dict()) == ["bias", "weight"]

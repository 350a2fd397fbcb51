"""Row 27: load a part of a pretrained network, replace its head, freeze the rest, fine-tune. The mechanics."""

import copy
import io
from collections import OrderedDict

import pytest
from memory_use import peak

import tensorx as tx
from tensorx import nn

pytestmark = pytest.mark.usefixtures("seeded")


def network(classes, width=8):
    return nn.Sequential(
        OrderedDict(
            features=nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width)),
            head=nn.Linear(width, classes),
        )
    )


@pytest.fixture
def pretrained():
    tx.manual_seed(0)
    model = network(5)
    model(tx.randn(32, 4) * 2 + 1)  # running statistics of something
    return model


def test_loading_in_part(pretrained, device):
    """Through a file: the shared names are loaded, the head of another size is left out, and both are reported."""
    file = io.BytesIO()
    tx.save(pretrained.state_dict(), file)
    file.seek(0)
    state = tx.load(file, map_location=device)
    model = network(3).to(device)
    before = model.head.weight.detach().clone()
    with pytest.raises(RuntimeError, match=r"size mismatch for head.weight: .*\[5, 8\].*\[3, 8\]"):
        model.load_state_dict(state, strict=False)  # another size is no missing name
    state = {name: value for name, value in state.items() if not name.startswith("head.")}
    keys = model.load_state_dict(state, strict=False)
    assert keys.missing_keys == ["head.weight", "head.bias"] and keys.unexpected_keys == []
    assert tx.equal(model.head.weight, before)
    for name, value in pretrained.features.state_dict().items():
        assert tx.equal(model.features.state_dict()[name].cpu(), value), name
    x = tx.randn(6, 4)
    expected = pretrained.eval().features(x)
    assert tx.allclose(model.eval().features(x.to(device)).cpu(), expected, atol=1e-6)


def test_loading_under_other_names(pretrained):
    """A checkpoint of a wrapped model, whose names have a prefix: renamed on the way, or by a hook while loading."""
    state = {f"module.{name}": value for name, value in pretrained.state_dict().items()}
    renamed = {name.removeprefix("module."): value for name, value in state.items()}
    assert str(network(5).load_state_dict(renamed)) == "<All keys matched successfully>"
    model = network(5)

    def rename(module, state_dict, prefix, *_):
        for name in list(state_dict):
            if name.startswith("module."):
                state_dict[name.removeprefix("module.")] = state_dict.pop(name)

    model.register_load_state_dict_pre_hook(rename)
    assert str(model.load_state_dict(state)) == "<All keys matched successfully>"
    assert tx.equal(model.head.weight, pretrained.head.weight)
    wrapped = nn.ModuleDict({"module": network(5)})
    wrapped.load_state_dict(state)
    assert tx.equal(wrapped["module"].head.weight, pretrained.head.weight)


def test_replacing_the_head(pretrained, device):
    model = pretrained.to(device)
    model.head = nn.Linear(8, 3).to(device)
    assert model(tx.ones(2, 4, device=device)).shape == (2, 3) and list(model.state_dict())[-1] == "head.bias"
    assert [name for name, _ in model.named_children()] == ["features", "head"]
    model.set_submodule("features.3", nn.Identity())
    assert model(tx.ones(2, 4, device=device)).shape == (2, 3)


def train(model, parameters, device, steps=5):
    optimizer = tx.optim.Adam(parameters, lr=0.05, weight_decay=0.1)
    x, y = tx.randn(16, 4, device=device), tx.arange(16, device=device) % 3
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, optimizer


def test_frozen_layers_do_not_move(pretrained, device):
    """No gradient, no optimiser state, no change, not even by weight decay; and in evaluation no statistics."""
    model = pretrained.to(device)
    model.head = nn.Linear(8, 3).to(device)
    model.features.requires_grad_(False).eval()
    before = copy.deepcopy(model.state_dict())
    losses, optimizer = train(model, [p for p in model.parameters() if p.requires_grad], device)
    assert losses[-1] < losses[0] and len(optimizer.state) == 2
    for name, value in model.state_dict().items():
        assert tx.equal(value, before[name]) == name.startswith("features."), name
    assert all(parameter.grad is None for parameter in model.features.parameters())


def test_frozen_layers_cost_no_gradients(device):
    """Nothing of what is frozen is kept for backward: the memory of a step falls."""

    def step(frozen):
        tx.manual_seed(0)
        body = nn.Sequential(*[nn.Sequential(nn.Linear(32, 32), nn.Tanh()) for _ in range(10)]).to(device)
        head = nn.Linear(32, 2).to(device)
        body.requires_grad_(not frozen)
        x = tx.randn(64, 32, device=device)
        assert body(x).requires_grad is not frozen
        return peak(device, lambda: head(body(x)).sum().backward())

    assert step(frozen=True) < 0.25 * step(frozen=False)


def test_thawing_with_a_smaller_rate(pretrained, device):
    """Later the features are trained too, with a tenth of the head's rate: a parameter group that is added."""
    model = pretrained.to(device)
    model.head = nn.Linear(8, 3).to(device)
    model.features.requires_grad_(False)
    optimizer = tx.optim.SGD(model.head.parameters(), lr=0.1)
    model.features.requires_grad_()
    optimizer.add_param_group({"params": model.features.parameters(), "lr": 0.01})
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": model.head.parameters()})
    weight, head = model.features[0].weight, model.head.weight
    before, head_before = weight.detach().clone(), head.detach().clone()
    model(tx.randn(8, 4, device=device)).square().sum().backward()
    optimizer.step()
    assert tx.allclose(weight, before - 0.01 * weight.grad) and tx.allclose(head, head_before - 0.1 * head.grad)

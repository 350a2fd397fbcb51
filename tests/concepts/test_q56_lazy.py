"""Row 56, lazy modules: sizes inferred by the first forward pass, saved and loaded before and after it."""

import copy
import io
import pickle

import pytest

import tensorx as tx

nn = tx.nn


def network():
    return nn.Sequential(
        nn.LazyConv2d(4, 3, padding=1),
        nn.LazyBatchNorm2d(),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(5),
        nn.LazyLinear(2),
    )


def test_the_first_call_infers_every_size(device):
    model = network().to(device)
    assert "LazyConv2d(0, 4" in repr(model) and model[4].has_uninitialized_params()
    out = model(tx.randn(2, 3, 6, 6, device=device))
    assert out.shape == (2, 2) and out.device.type == device
    assert [type(layer).__name__ for layer in model] == ["Conv2d", "BatchNorm2d", "ReLU", "Flatten", "Linear", "Linear"]
    assert model[0].in_channels == 3 and model[1].num_features == 4 and model[4].in_features == 4 * 36
    assert all(type(parameter) is nn.Parameter for parameter in model.parameters())
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 1"):
        model(tx.randn(2, 1, 6, 6, device=device))


def test_the_result_is_that_of_the_ordinary_layers(device):
    tx.manual_seed(0)
    lazy = nn.LazyLinear(4, device=device)
    x = tx.randn(3, 7, device=device)
    tx.manual_seed(1)
    out = lazy(x)
    tx.manual_seed(1)
    assert tx.equal(out, nn.Linear(7, 4, device=device)(x))


def through_a_file(state):
    file = io.BytesIO()
    tx.save(state, file)
    file.seek(0)
    return tx.load(file)


def test_save_and_load_before_and_after(device):
    x = tx.randn(2, 3, 6, 6, device=device)
    trained = network().to(device)
    trained(x)
    trained.eval()

    fresh = network().to(device)  # after to before: the sizes come with the values
    assert fresh.load_state_dict(through_a_file(trained.state_dict())).missing_keys == []
    assert tx.equal(fresh.eval()(x), trained(x)) and repr(fresh) == repr(trained)

    again = network().to(device)  # before to before: still lazy
    again.load_state_dict(through_a_file(network().state_dict()))
    assert all(again[i].has_uninitialized_params() for i in (0, 1, 4, 5))
    again(x)
    again.load_state_dict(trained.state_dict())  # after to after
    assert tx.equal(again.eval()(x), trained(x))

    with pytest.raises(RuntimeError, match="the shape of an uninitialized parameter or buffer"):  # before to after
        again.load_state_dict(network().state_dict())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_lazy_on_their_own(duplicate):
    model = network()
    twin = duplicate(model)
    twin(tx.randn(2, 1, 4, 4))
    model(tx.randn(2, 3, 6, 6))
    assert (twin[0].in_channels, model[0].in_channels) == (1, 3)


def test_errors_say_what_to_do(device):
    layer = nn.LazyLinear(3, device=device)
    with pytest.raises(RuntimeError, match="call the module with a batch first"):
        layer.weight.shape
    for use in (
        lambda: layer.weight.norm(),
        lambda: layer.weight * 2,
        lambda: sum(p.numel() for p in layer.parameters()),
    ):
        with pytest.raises(ValueError, match="before the first call of the lazy module"):
            use()
    with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyConv2d"):
        nn.LazyConv2d(3, 2, device=device)(tx.zeros(4, 4, device=device))


def test_training_from_the_first_step(device):
    """An optimiser may be made before the first call: the parameters stay the same objects."""
    tx.manual_seed(0)
    model = nn.Sequential(nn.LazyLinear(8), nn.Tanh(), nn.LazyLinear(1)).to(device)
    optimiser = tx.optim.SGD(model.parameters(), lr=0.1)
    x = tx.randn(32, 4, device=device)
    y = x.sum(1, keepdim=True)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4

"""Functions of nn.functional that draw random numbers, and the in-place activations."""

import math

import numpy as np
import pytest

import tensorx as tx

F = tx.nn.functional
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not tx.cuda.is_available(), reason="no CUDA device"))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(40, 30, 2, 2, 3), (300, 2, 2, 3)], ids=str)
def test_dropout3d(shape, device):
    x = tx.ones(shape, device=device).requires_grad_()
    y = F.dropout3d(x, 0.25)
    channels = y.detach().cpu().flatten(-3).numpy()
    assert set(np.unique(channels)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (channels == channels[..., :1]).all()  # a channel lives or dies as a whole
    assert abs((channels == 0).mean() - 0.25) < 6 * math.sqrt(0.25 * 0.75 / channels[..., 0].size)
    y.sum().backward()
    assert (x.grad == y.detach()).all().item()
    assert (F.dropout3d(x, 0.25, training=False) == x).all().item()
    z = tx.ones(shape, device=device)
    F.dropout3d(z, 0.5, inplace=True)
    assert (z == 0).any().item() and (z == 2).any().item()
    with pytest.raises(ValueError, match="between 0 and 1"):
        F.dropout3d(x, 1.5)


@pytest.mark.parametrize("device", DEVICES)
def test_feature_alpha_dropout(device):
    tx.manual_seed(0)
    x = F.selu(tx.randn(200, 50, 4, device=device))
    y = F.feature_alpha_dropout(x, 0.3, training=True)
    values = y.cpu().numpy()
    dropped = (values == values[..., :1]).all(-1)
    assert abs(dropped.mean() - 0.3) < 0.03
    assert len(np.unique(values[dropped])) == 1
    assert abs(values.mean()) < 0.05 and abs(values.std() - 1) < 0.05
    assert F.feature_alpha_dropout(x, 0.3) is x
    assert F.feature_alpha_dropout(x, 0.3, training=True, inplace=True) is x
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        F.feature_alpha_dropout(tx.ones(3, device=device), 0.3, training=True)


@pytest.mark.parametrize("device", DEVICES)
def test_fractional_pooling_draws(device):
    x = tx.arange(400.0, device=device).view(1, 1, 20, 20).expand(3, 4, 20, 20)
    tx.manual_seed(0)
    first, at = F.fractional_max_pool2d(x, 2, output_ratio=0.6, return_indices=True)
    assert first.shape == (3, 4, 12, 12)
    assert (x.flatten(2).gather(2, at.flatten(2)).view(at.shape) == first).all().item()
    assert not (first == F.fractional_max_pool2d(x, 2, output_ratio=0.6)).all().item()
    tx.manual_seed(0)
    assert (first == F.fractional_max_pool2d(x, 2, output_ratio=0.6)).all().item()


IN_PLACE = {
    "relu_": (),
    "elu_": (0.5,),
    "celu_": (0.5,),
    "selu_": (),
    "leaky_relu_": (0.2,),
    "hardtanh_": (-0.5, 0.5),
    "threshold_": (0.1, -3.0),
    "rrelu_": (0.1, 0.1),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_activations(name, device):
    x = tx.linspace(-2, 2, 9, dtype=tx.float64, device=device).requires_grad_()
    wanted = getattr(F, name[:-1])(x, *IN_PLACE[name])
    y = x.clone()
    assert getattr(F, name)(y, *IN_PLACE[name]) is y
    assert (y == wanted).all().item()
    for result in (wanted, y):
        x.grad = None
        result.sum().backward()
        gradient = x.grad.tolist()
        if result is wanted:
            expected = gradient
    assert gradient == expected


@pytest.mark.parametrize("device", DEVICES)
def test_ctc_gradient_of_what_cannot_be(device):
    """A loss that is infinite because its target does not fit gives no gradient when zero_infinity makes it 0."""
    x = tx.randn(2, 2, 3, dtype=tx.float64, device=device).requires_grad_()
    targets = tx.tensor([[1, 1, 2], [1, 0, 0]], device=device)
    loss = F.ctc_loss(x.log_softmax(2), targets, (2, 2), (3, 1), reduction="none", zero_infinity=True)
    assert loss[0].item() == 0 and 0 < loss[1].item() < math.inf
    loss.sum().backward()
    assert (x.grad[:, 0] == 0).all().item() and (x.grad[:, 1] != 0).any().item()
    assert F.ctc_loss(x.log_softmax(2), targets, (2, 2), (3, 1), reduction="none")[0].item() == math.inf

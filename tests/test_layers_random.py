"""Dropout layers."""

import pytest

import tensorx as tx
from tensorx.nn import functional as F


@pytest.mark.parametrize("inplace", [False, True])
def test_dropout(inplace):
    tx.manual_seed(0)
    x = tx.ones(100, 100, requires_grad=True)
    out = tx.nn.Dropout(0.3, inplace)(x * 1)
    kept = out.detach() != 0
    assert abs(kept.float().mean().item() - 0.7) < 0.02
    assert tx.allclose(out.detach()[kept], tx.tensor(1 / 0.7))
    out.sum().backward()
    assert tx.equal(x.grad, out.detach())  # the gradient uses the same mask
    layer = tx.nn.Dropout(0.3).eval()
    assert layer(x) is x


def test_channel_dropout():
    tx.manual_seed(0)
    for layer, shape in ((tx.nn.Dropout1d(0.5), (64, 8, 5)), (tx.nn.Dropout2d(0.5), (64, 8, 3, 4))):
        channels = layer(tx.ones(shape)).reshape(64 * 8, -1)
        assert tx.equal(channels.amin(1), channels.amax(1)) and set(channels.unique().tolist()) == {0.0, 2.0}
        assert abs((channels[:, 0] == 0).float().mean().item() - 0.5) < 0.1
    assert tx.nn.Dropout1d(0.5)(tx.ones(8, 5)).shape == (8, 5)


def test_alpha_dropout_keeps_the_moments():
    tx.manual_seed(0)
    x = tx.randn(200, 200)
    y = tx.nn.AlphaDropout(0.2)(x)
    assert abs(y.mean().item()) < 0.02 and abs(y.std().item() - 1) < 0.02


def test_dropout_probability_is_checked():
    for layer in (tx.nn.Dropout, tx.nn.Dropout2d):
        with pytest.raises(ValueError, match="between 0 and 1, but got 1.5"):
            layer(1.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        F.dropout(tx.ones(2), -0.1)

"""Row 52, dropout: inverted, of elements or of whole channels; the identity in evaluation; one mask for both directions."""

import pytest

import tensorx as tx

F, nn = tx.nn.functional, tx.nn

SHAPES = {
    nn.Dropout: (50, 40),
    nn.Dropout1d: (50, 20, 3),
    nn.Dropout2d: (50, 20, 3, 2),
    nn.Dropout3d: (50, 20, 2, 3, 2),
    nn.AlphaDropout: (50, 40),
    nn.FeatureAlphaDropout: (50, 20, 3),
}
ALL = pytest.mark.parametrize("layer_class", SHAPES)


@ALL
def test_evaluation_is_the_identity(layer_class, device):
    x = tx.randn(SHAPES[layer_class], device=device)
    assert layer_class(0.9).eval()(x) is x
    assert tx.equal(layer_class(0.0)(x), x)


@pytest.mark.parametrize("layer_class", [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_inverted(layer_class, device):
    """What is kept is scaled up in training, so that the mean is the same in both modes, and evaluation costs nothing."""
    tx.manual_seed(0)
    out = layer_class(0.25)(tx.ones(SHAPES[layer_class], device=device))
    kept = out != 0
    assert tx.equal(out[kept], tx.full_like(out[kept], 1 / 0.75))
    assert abs(kept.float().mean().item() - 0.75) < 0.05 and abs(out.mean().item() - 1) < 0.07


@pytest.mark.parametrize("layer_class", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout])
def test_whole_channels(layer_class, device):
    channels = layer_class(0.5)(tx.ones(SHAPES[layer_class], device=device)).flatten(2)
    assert tx.equal(channels.amin(2), channels.amax(2)) and len(channels.unique()) == 2
    unbatched = layer_class(0.5)(tx.ones(SHAPES[layer_class][1:], device=device))
    assert unbatched.shape == SHAPES[layer_class][1:]


@pytest.mark.parametrize("layer_class", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_dropout_keeps_mean_and_variance(layer_class, device):
    tx.manual_seed(0)
    out = layer_class(0.2)(tx.randn(200, 100, device=device))
    assert abs(out.mean().item()) < 0.05 and abs(out.std().item() - 1) < 0.05


@ALL
def test_the_gradient_uses_the_same_mask(layer_class, device):
    tx.manual_seed(0)
    x = tx.ones(SHAPES[layer_class], device=device).requires_grad_()
    out = layer_class(0.5)(x)
    out.sum().backward()
    if "Alpha" in layer_class.__name__:  # dropped is what has the lower value; the kept are scaled by one factor
        dropped = out.detach() == out.detach().min()
        assert (x.grad[dropped] == 0).all() and len(x.grad[~dropped].unique()) == 1
    else:
        assert tx.equal(x.grad, out.detach())


@ALL
def test_the_module_is_the_function(layer_class, device):
    function = getattr(F, {"Dropout": "dropout", "AlphaDropout": "alpha_dropout", "FeatureAlphaDropout": "feature_alpha_dropout"}.get(
        layer_class.__name__, layer_class.__name__.lower()
    ))  # fmt: skip
    x = tx.randn(SHAPES[layer_class], device=device)
    tx.manual_seed(3)
    out = layer_class(0.4)(x)
    tx.manual_seed(3)
    assert tx.equal(function(x, 0.4, True), out)
    assert layer_class(0.4).training  # and a model's train() and eval() switch it:
    model = nn.Sequential(nn.Linear(3, 3), layer_class(0.4))
    assert not model.eval()[1].training and model.train()[1].training


def test_in_place(device):
    x = tx.ones(40, 40, device=device)
    assert nn.Dropout(0.5, inplace=True)(x) is x and (x == 0).any()


def test_every_call_draws_another_mask(device):
    x = tx.ones(30, 30, device=device)
    layer = nn.Dropout(0.5)
    assert not tx.equal(layer(x), layer(x))
    tx.manual_seed(1)
    first = layer(x)
    tx.manual_seed(1)
    assert tx.equal(layer(x), first)
    tx.manual_seed(1)
    assert tx.equal(layer(x.cpu()), first.cpu())  # the same mask on every device


def test_the_extremes(device):
    x = tx.randn(5, 5, device=device).requires_grad_()
    out = nn.Dropout(1.0)(x)
    out.sum().backward()
    assert out.count_nonzero().item() == 0 and x.grad.count_nonzero().item() == 0
    assert tx.equal(nn.Dropout(0.0)(x), x)
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            nn.Dropout(p)

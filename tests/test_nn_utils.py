"""nn.utils: clipping, fusion, memory formats, skipped initialisation. Parametrizations and pruning have files of their own."""

import pytest

import tensorx as tx
from nn_parity import assert_close, draw, to_tx, torch
from tensorx import nn
from tensorx.nn import utils

pytestmark = pytest.mark.usefixtures("seeded")


def test_every_public_name():
    ours = set(dir(utils))
    assert [name for name in torch.nn.utils.__all__ if name not in ours] == []
    for module in ("parametrize", "parametrizations", "stateless"):
        names = getattr(getattr(torch.nn.utils, module), "__all__", ["functional_call"])
        assert [name for name in names if not hasattr(getattr(utils, module), name)] == []


# Clipping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.0, 2.0, 0.5, float("inf"), 3])
def test_clipping_with_a_norm_that_is_known(p):
    pairs = [(tx.nn.Parameter(tx.zeros(shape)), torch.zeros(shape)) for shape in [(3, 2), (4,), ()]]
    for seed, (ours, theirs) in enumerate(pairs):
        theirs.grad = draw(*theirs.shape, grad=False, seed=seed).float()
        ours.grad = to_tx(theirs.grad)
    gradients = [theirs.grad for _, theirs in pairs]
    total = utils.get_total_norm([to_tx(g) for g in gradients], p)
    reference = torch.nn.utils.get_total_norm(gradients, p)
    assert_close(total, reference)
    utils.clip_grads_with_norm_((ours for ours, _ in pairs), 0.1, total)
    torch.nn.utils.clip_grads_with_norm_([theirs for _, theirs in pairs], 0.1, reference)
    for ours, theirs in pairs:
        assert_close(ours.grad, theirs.grad)


def test_clipping_of_nothing():
    assert utils.get_total_norm([]).item() == 0
    utils.clip_grads_with_norm_([], 1.0, tx.tensor(2.0))
    weight = nn.Parameter(tx.ones(2))
    assert utils.clip_grad_norm_(weight, 1.0).item() == 0 and weight.grad is None


def test_the_deprecated_name():
    weight = nn.Parameter(tx.ones(2))
    weight.grad = tx.tensor([3.0, 4.0])
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        assert utils.clip_grad_norm(weight, 1.0).item() == 5
    assert tx.allclose(weight.grad, tx.tensor([0.6, 0.8]))


# Fusion -------------------------------------------------------------------------------------------

FUSED = [
    ("Conv1d", (3, 4, 2), {}, "BatchNorm1d", (2, 3, 6)),
    ("Conv2d", (4, 6, 3), {"bias": False, "groups": 2}, "BatchNorm2d", (2, 4, 5, 6)),
    ("ConvTranspose2d", (3, 4, 3), {"stride": 2}, "BatchNorm2d", (2, 3, 4, 4)),
    ("Linear", (3, 4), {}, "BatchNorm1d", (5, 3)),
    ("Linear", (3, 4), {"bias": False}, "BatchNorm1d", (5, 3)),
]


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name, arguments, options, norm_name, shape", FUSED)
def test_fusion(name, arguments, options, norm_name, shape, affine, device):
    torch.manual_seed(1)
    layer, norm = getattr(nn, name)(*arguments, **options), getattr(nn, norm_name)(arguments[1], affine=affine)
    norm(tx.randn(64, *([arguments[1]] if name == "Linear" else [arguments[1], 3, 3][: len(shape) - 1])) * 3 + 1)
    if affine:
        norm.weight.data.uniform_(0.5, 2)
        norm.bias.data.uniform_(-1, 1)
    layer, norm = layer.to(device).eval(), norm.to(device).eval()
    x = tx.randn(shape, device=device)
    if name == "Linear":
        fused = utils.fuse_linear_bn_eval(layer, norm)
    else:
        fused = utils.fuse_conv_bn_eval(layer, norm, transpose="Transpose" in name)
    assert tx.allclose(fused(x), norm(layer(x)), atol=1e-5)
    assert type(fused) is type(layer) and fused is not layer and isinstance(fused.weight, nn.Parameter)
    assert not tx.equal(fused.weight, layer.weight)
    if name == "ConvTranspose2d":
        return
    reference, reference_norm = (
        getattr(torch.nn, name)(*arguments, **options),
        getattr(torch.nn, norm_name)(arguments[1], affine=affine),
    )
    for ours, theirs in ((layer, reference), (norm, reference_norm)):
        theirs.load_state_dict({n: torch.from_numpy(v.cpu().numpy()) for n, v in ours.state_dict().items()})
        theirs.eval()
    if affine or name != "Linear":
        fuse = torch.nn.utils.fuse_linear_bn_eval if name == "Linear" else torch.nn.utils.fuse_conv_bn_eval
        expected = fuse(reference, reference_norm)
        assert_close(fused.cpu().weight, expected.weight)
        assert_close(fused.bias, expected.bias)
        assert fused.bias.requires_grad == expected.bias.requires_grad


def test_fusion_of_a_linear_with_one_feature_and_half_types():
    linear, norm = nn.Linear(3, 4).half().eval(), nn.BatchNorm1d(1).eval()
    norm.running_var.fill_(4.0)
    fused = utils.fuse_linear_bn_eval(linear, norm)
    assert fused.weight.dtype == fused.bias.dtype == tx.float16
    assert tx.allclose(fused.weight, linear.weight / 2, atol=1e-3)


def test_fusion_errors():
    conv, norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
    with pytest.raises(AssertionError, match="only for eval"):
        utils.fuse_conv_bn_eval(conv, norm.eval())
    with pytest.raises(AssertionError, match="only for eval"):
        utils.fuse_linear_bn_eval(nn.Linear(2, 2).eval(), nn.BatchNorm1d(2))
    with pytest.raises(AssertionError, match="running_mean"):
        utils.fuse_conv_bn_eval(conv.eval(), nn.BatchNorm2d(2, track_running_stats=False).eval())
    with pytest.raises(AssertionError, match="linear.out_features=4 and bn.num_features=2"):
        utils.fuse_linear_bn_eval(nn.Linear(2, 4).eval(), nn.BatchNorm1d(2).eval())


# The rest -----------------------------------------------------------------------------------------


def test_memory_format(device):
    model = nn.Sequential(nn.Conv2d(4, 6, 3), nn.Sequential(nn.ConvTranspose2d(6, 4, 3)), nn.Linear(2, 2)).to(device)
    weights = [parameter for parameter in model.parameters()]
    before = [weight.detach().clone() for weight in weights]
    assert utils.convert_conv2d_weight_memory_format(model, tx.channels_last) is model
    assert model[0].weight.is_contiguous(memory_format=tx.channels_last) and not model[0].weight.is_contiguous()
    assert model[1][0].weight.is_contiguous(memory_format=tx.channels_last) and model[2].weight.is_contiguous()
    assert all(weight is parameter for weight, parameter in zip(weights, model.parameters()))
    assert all(tx.equal(weight, old) for weight, old in zip(weights, before))
    utils.convert_conv2d_weight_memory_format(model, tx.contiguous_format)
    assert model[0].weight.is_contiguous()


@pytest.mark.skipif(not hasattr(nn, "Conv3d"), reason="needs 3d convolutions")
def test_memory_format_3d():
    model = utils.convert_conv3d_weight_memory_format(
        nn.Sequential(nn.Conv3d(4, 6, 3), nn.Conv2d(4, 6, 3)), tx.channels_last_3d
    )
    assert model[0].weight.is_contiguous(memory_format=tx.channels_last_3d) and model[1].weight.is_contiguous()


def test_skip_init(device):
    tx.manual_seed(0)
    state = tx.get_rng_state()
    layer = utils.skip_init(nn.Linear, 3, 2, bias=False, device=device, dtype=tx.float64)
    assert type(layer) is nn.Linear and layer.weight.shape == (2, 3) and layer.weight.dtype == tx.float64
    assert layer.weight.device.type == device and layer.bias is None
    assert tx.equal(tx.get_rng_state(), state)
    layer.reset_parameters()
    assert layer(tx.ones(1, 3, dtype=tx.float64, device=device)).isfinite().all()
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        utils.skip_init(nn.ReLU)
    with pytest.raises(RuntimeError, match="Expected a Module"):
        utils.skip_init(dict)


def test_stateless():
    layer, given = nn.Linear(2, 1), {"weight": tx.ones(1, 2)}
    with pytest.warns(FutureWarning, match=r"func\.functional_call"):
        result = utils.stateless.functional_call(layer, given, tx.ones(2))
    assert result.item() == pytest.approx(2 + layer.bias.item())

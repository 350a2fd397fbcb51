"""Quantized modules, and the way to them: fusing, prepare, training, convert."""

import copy
import io
import pickle

import numpy as np
import pytest

import tensorx as tx
from tensorx import nn
from tensorx.ao import quantization as Q
from tensorx.ao.nn import intrinsic, qat, quantized

EIGHT_BITS = Q.get_default_qconfig("onednn")
EIGHT_BITS_QAT = Q.get_default_qat_qconfig("onednn")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.dequant = Q.QuantStub(), Q.DeQuantStub()
        self.conv, self.norm, self.relu = nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.skip = quantized.FloatFunctional()
        self.second = nn.Conv2d(8, 8, 1, bias=False)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(8 * 9, 5)

    def forward(self, x):
        x = self.relu(self.norm(self.conv(self.quant(x))))
        x = nn.functional.max_pool2d(self.skip.add(x, self.second(x)), 2)
        return self.dequant(self.output(self.dropout(x.flatten(1))))


FUSED = ["conv", "norm", "relu"]


def trained_net(device="cpu"):
    """A net whose batch norm has seen something, and typical inputs."""
    tx.manual_seed(0)
    net, x = Net(), tx.randn(64, 2, 6, 6)
    for _ in range(20):
        net(x)
    return net.eval().to(device), x.to(device)


def error_of(model, net, x):
    with tx.no_grad():
        expected = net(x)
        return ((model(x) - expected).abs().max() / expected.abs().max()).item()


def test_after_training(device):
    net, x = trained_net(device)
    fused = Q.fuse_modules(net, FUSED)
    assert type(fused.conv) is intrinsic.ConvReLU2d and type(net.conv) is nn.Conv2d
    assert error_of(fused, net, x) < 1e-5
    fused.qconfig = EIGHT_BITS
    prepared = Q.prepare(fused)
    assert error_of(prepared, net, x) < 1e-5
    converted = Q.convert(prepared)
    assert [type(m) for m in (converted.conv, converted.second, converted.output, converted.skip, converted.dropout)] == [
        intrinsic.quantized.ConvReLU2d, quantized.Conv2d, quantized.Linear, quantized.QFunctional, quantized.Dropout,
    ]  # fmt: skip
    assert 1e-5 < error_of(converted, net, x) < 0.05
    assert not any(hasattr(m, "qconfig") or hasattr(m, "activation_post_process") for m in (converted.conv, converted))


def test_results_are_the_same_on_every_device():
    if not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    net, x = trained_net()
    model = Q.quantize(with_config(Q.fuse_modules(net, FUSED), EIGHT_BITS), lambda m, data: m(data), [x])
    expected = model(x)
    assert model.to("cuda")(x.to("cuda")).cpu().tolist() == expected.tolist()
    assert model.to("cpu")(x).tolist() == expected.tolist()


def with_config(model, qconfig):
    model.qconfig = qconfig
    return model


def test_training(device):
    net, x = trained_net(device)
    x = x[:16]  # the emulated device is slow
    model = with_config(Q.fuse_modules_qat(net.train(), FUSED), EIGHT_BITS_QAT)
    prepared = Q.prepare_qat(model)
    assert [type(m) for m in (prepared.conv, prepared.second, prepared.output)] == [
        intrinsic.qat.ConvBnReLU2d, qat.Conv2d, qat.Linear,
    ]  # fmt: skip
    target = tx.randn(16, 5).to(device)
    optimizer = tx.optim.Adam(prepared.parameters(), lr=5e-3)
    losses = []
    for _ in range(15):
        loss = (prepared(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    prepared.eval()
    prepared.apply(Q.disable_observer)
    converted = Q.convert(prepared)
    # Training saw the very rounding that the integers do.
    assert error_of(converted, prepared, x) < 0.02
    assert not any("fake" in key or "norm" in key for key in converted.state_dict())


def test_quantize_qat_and_quantize():
    net, x = trained_net()
    run = lambda model, data: [model(data) for _ in range(5)]
    before = net.state_dict()["conv.weight"].tolist()
    assert (
        error_of(
            Q.quantize_qat(with_config(Q.fuse_modules_qat(net.train(), FUSED), EIGHT_BITS_QAT), run, [x]), net.eval(), x
        )
        < 0.2
    )
    assert error_of(Q.quantize(with_config(Q.fuse_modules(net, FUSED), EIGHT_BITS), run, [x]), net, x) < 0.05
    assert net.state_dict()["conv.weight"].tolist() == before


def test_frozen_batch_norm():
    model = with_config(Q.fuse_modules_qat(trained_net()[0].train(), FUSED), EIGHT_BITS_QAT)
    prepared = Q.prepare_qat(model)
    prepared.apply(intrinsic.qat.freeze_bn_stats)
    before = prepared.conv.bn.running_mean.tolist()
    prepared.train()(tx.randn(4, 2, 6, 6) + 3)
    assert prepared.conv.bn.running_mean.tolist() == before
    prepared.apply(intrinsic.qat.update_bn_stats)
    prepared(tx.randn(4, 2, 6, 6) + 3)
    assert prepared.conv.bn.running_mean.tolist() != before


def test_state_dict_and_pickle():
    net, x = trained_net()
    convert = lambda data: Q.quantize(with_config(Q.fuse_modules(net, FUSED), EIGHT_BITS), lambda m, d: m(d), [data])
    model, other = convert(x), convert(x * 3)
    assert model(x).tolist() != other(x).tolist()
    file = io.BytesIO()
    tx.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(tx.load(file))
    assert other(x).tolist() == model(x).tolist()
    assert pickle.loads(pickle.dumps(model))(x).tolist() == model(x).tolist()
    assert copy.deepcopy(model)(x).tolist() == model(x).tolist()
    incomplete = model.state_dict()
    del incomplete["conv.scale"]
    with pytest.raises(RuntimeError, match=r"conv\.scale"):
        other.load_state_dict(incomplete)


def test_dynamic(device):
    model = nn.Sequential(nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 7, bias=False)).to(device)
    x = tx.randn(5, 3, 40).to(device)
    for config in (None, {nn.Linear: Q.per_channel_dynamic_qconfig}):
        converted = Q.quantize_dynamic(model, config)
        assert type(converted[0]) is quantized.dynamic.Linear and type(model[0]) is nn.Linear
        assert converted(x).shape == (5, 3, 7) and error_of(converted, model, x) < 0.03
    partly = Q.quantize_dynamic(model, {"2"})
    assert type(partly[0]) is nn.Linear and type(partly[2]) is quantized.dynamic.Linear
    assert converted(x[:0]).shape == (0, 3, 7)
    with pytest.raises(RuntimeError, match="40"):
        converted(x[..., :7])


def test_dynamic_as_pytorch():
    torch = pytest.importorskip("torch")
    values, weight, bias = (
        np.random.default_rng(2).normal(size=s).astype(np.float32) for s in ((16, 24), (9, 24), (9,))
    )
    results = []
    for t, q in ((tx, Q), (torch, torch.ao.quantization)):
        layer = t.nn.Linear(24, 9)
        with t.no_grad():
            layer.weight.copy_(t.tensor(weight.tolist()))
            layer.bias.copy_(t.tensor(bias.tolist()))
        results.append(np.array(q.quantize_dynamic(t.nn.Sequential(layer))(t.tensor(values.tolist())).tolist()))
    # The same, but where the processor has VNNI: PyTorch then takes 8 bits for the inputs, not 7.
    np.testing.assert_allclose(*results, atol=0.3)


def quantized_layers(make, *arguments, seed=0, per_channel=True):
    """The same quantized layer of tensorx and of PyTorch, with an input of each."""
    import torch
    import torch.ao.nn.intrinsic.quantized as their_fused
    import torch.ao.nn.quantized as theirs

    random = np.random.default_rng(seed)
    made = []
    for t, spaces in ((tx, (quantized, intrinsic.quantized)), (torch, (theirs, their_fused))):
        layer = next(getattr(space, make) for space in spaces if hasattr(space, make))(*arguments)
        made.append((t, layer))
    shape = tuple(made[0][1].weight_integers.shape)
    weight, bias = random.normal(size=shape).astype(np.float32), random.normal(size=shape[0]).astype(np.float32)
    scales = np.abs(weight).reshape(shape[0], -1).max(1) / 127
    results = []
    images = {2: (20, shape[1]), 3: (4, arguments[0], 17), 4: (4, arguments[0], 9, 10)}[len(shape)]
    values = random.normal(size=images).astype(np.float32)
    for t, layer in made:
        w = t.tensor(weight.tolist())
        if per_channel:
            w = t.quantize_per_channel(w, t.tensor(scales.tolist()), t.zeros(shape[0], dtype=t.int64), 0, t.qint8)
        else:
            w = t.quantize_per_tensor(w, float(scales.max()), 0, t.qint8)
        layer.set_weight_bias(w, t.tensor(bias.tolist()))
        layer.scale, layer.zero_point = 0.11, 60
        results.append(layer(t.quantize_per_tensor(t.tensor(values.tolist()), 0.05, 64, t.quint8)))
    return results


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize(
    "make, arguments",
    [
        ("Linear", (37, 20)),
        ("LinearReLU", (64, 33)),
        ("Conv2d", (3, 20, 3)),
        ("Conv2d", (8, 16, (3, 2), (2, 1), (1, 0), (1, 2), 2)),
        ("ConvReLU2d", (16, 8, 3, 1, 1)),
        ("Conv1d", (6, 9, 5, 2, 2)),
    ],
)
def test_layers_as_pytorch(make, arguments, per_channel):
    pytest.importorskip("torch")
    try:
        ours, theirs = quantized_layers(make, *arguments, per_channel=per_channel)
    except RuntimeError as error:
        pytest.skip(f"PyTorch's engine does not run here: {error}")
    assert (ours.q_scale(), ours.q_zero_point(), tuple(ours.shape)) == (
        theirs.q_scale(),
        theirs.q_zero_point(),
        tuple(theirs.shape),
    )
    a, b = np.array(ours.int_repr().tolist()), np.array(theirs.int_repr().tolist())
    assert np.abs(a - b).max() <= 1 and (a != b).mean() < 0.01  # PyTorch adds the bias in another order


@pytest.mark.parametrize("kind", ["quint8", "qint8"])
def test_linear_is_exact(kind, device):
    random = np.random.default_rng(3)
    weight = tx.quantize_per_tensor(tx.from_numpy(random.normal(size=(5, 12)).astype(np.float32)), 0.02, 0, tx.qint8)
    bias = tx.from_numpy(random.normal(size=5).astype(np.float32))
    layer = quantized.Linear(12, 5)
    layer.set_weight_bias(weight, bias)
    layer.scale, layer.zero_point = 0.07, 99
    x = tx.quantize_per_tensor(
        tx.from_numpy(random.normal(size=(7, 2, 12)).astype(np.float32)), 0.03, 5, getattr(tx, kind)
    )
    exact = x.dequantize().double() @ weight.dequantize().double().t() + bias.double()
    exact = exact.clamp(-99 * 0.07, (255 - 99) * 0.07)
    y = layer.to(device)(x.to(device))
    assert y.shape == (7, 2, 5) and (y.dequantize().cpu().double() - exact).abs().max() <= 0.5001 * 0.07
    assert (
        layer.weight().dequantize().tolist() == weight.dequantize().tolist() and layer.bias().tolist() == bias.tolist()
    )


def test_qat_layers_as_pytorch():
    torch = pytest.importorskip("torch")
    import torch.ao.nn.intrinsic.qat as their_fused

    random = np.random.default_rng(4)
    shapes = {
        "weight": (6, 3, 3, 3),
        "bias": (6,),
        "bn.weight": (6,),
        "bn.bias": (6,),
        "x": (5, 3, 8, 8),
        "g": (5, 6, 6, 6),
    }
    values = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    results = []
    for t, space, q in ((tx, intrinsic.qat, Q), (torch, their_fused, torch.ao.quantization)):
        layer = space.ConvBnReLU2d(3, 6, 3, bias=True, qconfig=q.get_default_qat_qconfig("onednn", 0))
        with t.no_grad():
            for name, parameter in layer.named_parameters():
                parameter.copy_(t.tensor(values[name].tolist()))
        x = t.tensor(values["x"].tolist(), requires_grad=True)
        for _ in range(2):
            y = layer(x)
        (y * t.tensor(values["g"].tolist())).sum().backward()
        outputs = [y, x.grad, layer.weight.grad, layer.bn.weight.grad, layer.bn.bias.grad, layer.bn.running_var]
        results.append([np.array(v.tolist()) for v in outputs])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_simple_modules(device):
    x = tx.quantize_per_tensor(tx.linspace(-4, 9, 60).to(device), 0.05, 80, tx.quint8)
    assert quantized.ReLU6()(x).dequantize().tolist() == x.dequantize().clamp(0, 6).tolist()
    assert (
        quantized.Sigmoid(1 / 256, 0)(x).dequantize() - x.dequantize().sigmoid()
    ).abs().max() < 0.0039  # 1 is 255 / 256
    f = quantized.QFunctional()
    f.scale, f.zero_point = 0.1, 100
    for y, expected in [
        (f.add(x, x), x.dequantize() * 2),
        (f.add_relu(x, x), (x.dequantize() * 2).relu()),
        (f.mul(x, x), x.dequantize().square()),
        (f.cat([x, x]), tx.cat([x.dequantize()] * 2)),
        (f.mul_scalar(x, 0.5), x.dequantize() * 0.5),
        (f.add_scalar(x, -0.25), x.dequantize() - 0.25),
    ]:
        limited = expected.clamp((0 - y.q_zero_point()) * y.q_scale(), (255 - y.q_zero_point()) * y.q_scale())
        assert (y.dequantize() - limited).abs().max() <= 0.0501
    assert f.state_dict()["scale"].item() == pytest.approx(0.1)


def test_layers_that_are_not_fused():
    """Batch norm and sigmoid on their own, a Sequential, a wrapper, and a module that is left in floats."""
    tx.manual_seed(0)
    net = nn.Sequential(
        Q.QuantWrapper(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(), nn.Sigmoid())), nn.Flatten(),
        nn.Linear(64, 3),
    )  # fmt: skip
    x = tx.randn(32, 1, 6, 6)
    net(x)
    net.eval()
    net[0].qconfig = EIGHT_BITS
    prepared = Q.prepare(net)
    prepared(x)
    converted = Q.convert(prepared)
    assert [type(m).__module__.split(".")[-1] for m in converted[0].module] == ["layers", "simple", "simple", "simple"]
    assert type(converted[2]) is nn.Linear and error_of(converted, net, x) < 0.05


def test_hooks_stay():
    net, x = trained_net()
    net.qconfig = EIGHT_BITS
    seen = []
    net.output.register_forward_hook(lambda module, arguments, result: seen.append(type(result)))
    prepared = Q.prepare(net)
    prepared(x)
    Q.convert(prepared)(x)
    assert seen == [tx.Tensor, Q.QuantizedTensor]


def test_observer_state_dict():
    net, x = trained_net()
    first, second = (Q.prepare(with_config(net, EIGHT_BITS)) for _ in range(2))
    first(x)
    Q.load_observer_state_dict(second, Q.get_observer_state_dict(first))
    assert Q.convert(second)(x).tolist() == Q.convert(first)(x).tolist()


ERRORS = [
    (lambda: Q.prepare_qat(nn.Linear(2, 2).eval()), AssertionError, "training mode"),
    (lambda: Q.fuse_modules(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), ["0", "1"]), NotImplementedError, "Known are"),
    (lambda: Q.fuse_modules(nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2).eval()), ["0", "1"]), AssertionError, "same mode"),
    (lambda: qat.Linear(2, 2), AssertionError, "qconfig must be provided"),
    (lambda: intrinsic.LinearReLU(nn.ReLU(), nn.Linear(2, 2)), AssertionError, "expected Linear, ReLU"),
    (lambda: quantized.Conv2d(1, 2, 3, padding_mode="reflect"), NotImplementedError, "zeros"),
    (lambda: quantized.Linear(2, 2)(tx.ones(1, 2)), RuntimeError, "QuantStub"),
    (lambda: quantized.Linear(2, 2)(tx.quantize_per_tensor(tx.ones(1, 3), 0.1, 0, tx.quint8)), RuntimeError, r"\(\*, 2\)"),
    (lambda: quantized.Conv2d(2, 2, 1)(tx.quantize_per_tensor(tx.ones(1, 3, 2, 2), 0.1, 0, tx.quint8)), RuntimeError, "2 channels"),
    (lambda: quantized.Linear(2, 2).set_weight_bias(tx.ones(2, 2), None), RuntimeError, "qint8"),
    (
        lambda: quantized.Linear(2, 2).set_weight_bias(tx.quantize_per_tensor(tx.ones(2, 2), 0.1, 3, tx.qint8), None),
        RuntimeError, "symmetric weight",
    ),
    (lambda: Q.quantize_dynamic(nn.Linear(2, 2), dtype=tx.float16), ValueError, "qint8"),
    (lambda: quantized.FloatFunctional()(tx.ones(1)), RuntimeError, "methods"),
]  # fmt: skip


@pytest.mark.parametrize("run, error, message", ERRORS)
def test_errors(run, error, message):
    with pytest.raises(error, match=message):
        run()


def test_prepare_without_qconfig_warns():
    with pytest.warns(UserWarning, match="qconfig"):
        Q.prepare(nn.Sequential(nn.Linear(2, 2)))

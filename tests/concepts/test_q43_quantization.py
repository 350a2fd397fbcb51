"""43. The straight-through estimator and quantization: a custom autograd.Function, fake quantization, int8 tensors, and a
network that trains with rounding and then multiplies integers."""

import pytest
from memory_use import held

import tensorx as tx
from tensorx import nn
from tensorx.ao import quantization as Q


class RoundStraightThrough(tx.autograd.Function):
    """Rounds, and passes the gradient on as if it had not."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g


def test_rounding_has_no_gradient_and_a_custom_function_gives_it_one(device):
    x = tx.tensor([0.2, 1.7, -3.4], device=device, requires_grad=True)
    x.round().sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    x.grad = None
    y = RoundStraightThrough.apply(x)
    (y * tx.tensor([1.0, 2.0, 3.0], device=device)).sum().backward()
    assert y.tolist() == [0, 2, -3] and x.grad.tolist() == [1, 2, 3]


def test_fake_quantization_passes_gradients_where_nothing_is_clamped(device):
    x = tx.tensor([-9.0, -0.26, 0.24, 9.0], device=device, requires_grad=True)
    y = tx.fake_quantize_per_tensor_affine(x, 0.1, 0, -8, 7)
    y.sum().backward()
    assert y.tolist() == pytest.approx([-0.8, -0.3, 0.2, 0.7])
    assert x.grad.tolist() == [0, 1, 1, 0]
    scale, zero_point = tx.tensor([0.1, 1.0], device=device), tx.tensor([0, 0], device=device)
    rows = tx.fake_quantize_per_channel_affine(tx.full((2, 1), 0.26, device=device), scale, zero_point, 0, -8, 7)
    assert rows.flatten().tolist() == pytest.approx([0.3, 0])


def test_int8_takes_a_quarter_of_the_memory(device):
    n = 1 << 20
    x = tx.rand(n).to(device) * 2 - 1
    before = held(device)
    q = tx.quantize_per_tensor(x, 2 / 255, 128, tx.quint8)
    assert n <= held(device) - before < n + n // 8  # bytes; x has 4 n
    assert (q.dequantize() - x).abs().max().item() <= 1 / 255 * 1.001
    assert q.int_repr().dtype == tx.uint8 and (q.q_scale(), q.q_zero_point()) == (2 / 255, 128)


def test_int8_products_are_exact(device):
    a, b = tx.full((2, 300), -128, dtype=tx.int8).to(device), tx.full((300, 2), 127, dtype=tx.int8).to(device)
    assert tx._int_mm(a, b).tolist() == [[-128 * 127 * 300] * 2] * 2


def spirals(n):
    """Points on two spirals, and which of them: no straight line parts them."""
    tx.manual_seed(0)
    label = tx.arange(n) % 2
    radius = tx.linspace(0.3, 3, n)
    angle = radius * 2 + label * 3.14159
    return tx.stack([radius * angle.cos(), radius * angle.sin()], 1) + 0.05 * tx.randn(n, 2), label


def test_a_network_trains_with_rounding_and_then_runs_on_integers(device):
    x, label = (t.to(device) for t in spirals(200))
    tx.manual_seed(0)
    layers = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)).to(device)
    model = Q.QuantWrapper(layers)
    model = Q.fuse_modules_qat(model, [["module.0", "module.1"], ["module.2", "module.3"]])
    model.qconfig = Q.get_default_qat_qconfig("onednn")
    model = Q.prepare_qat(model)
    optimizer = tx.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(x), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    model.apply(Q.disable_observer)
    converted = Q.convert(model)
    accuracy, of_integers = ((m(x).argmax(1) == label).float().mean().item() for m in (model, converted))
    assert accuracy > 0.9 and abs(of_integers - accuracy) <= 0.02
    # Every layer multiplies int8 weights, and what lies between layers are integers as well.
    seen = []
    for layer in (converted.module[0], converted.module[2], converted.module[4]):
        assert layer.weight().int_repr().dtype == tx.int8
        layer.register_forward_hook(lambda _, given, result: seen.append((given[0].dtype, result.dtype)))
    converted(x)
    assert seen == [(tx.quint8, tx.quint8)] * 3

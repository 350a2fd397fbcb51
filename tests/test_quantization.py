"""Quantized tensors, fake quantization and observers, against NumPy and PyTorch."""

import copy
import pickle

import numpy as np
import pytest

import tensorx as tx
from tensorx import _C
from tensorx.ao import quantization as Q
from tensorx.ao.quantization import affine
from tensorx.ao.quantization.fake_quantize import _LearnableFakeQuantize
from tensorx.ao.quantization.products import pack, sums_of

RANDOM = np.random.default_rng(0)
PARAMETERS = [("quint8", 0.1, 10), ("quint8", 0.037, 0), ("qint8", 0.05, -7), ("qint8", 3e-3, 127), ("qint32", 1e-4, 5)]
VALUES = np.concatenate([RANDOM.normal(size=500) * 8, [0.05, 0.15, -0.25, 1e30, -1e30, np.inf, -np.inf, 0.0, -0.0]])


def numbers(values=VALUES, device="cpu"):
    return tx.from_numpy(np.asarray(values, np.float32)).to(device)


def rounded(values, scale, zero_point, lowest, highest):
    """The integers, by NumPy."""
    inverse = np.float32(1) / np.float32(scale)
    with np.errstate(over="ignore"):
        integers = np.rint(np.asarray(values, np.float32) * inverse).astype(np.float64) + zero_point
    return np.clip(integers, lowest, highest).astype(np.int64)


# ---- quantized tensors


@pytest.mark.parametrize("dtype, scale, zero_point", PARAMETERS)
def test_quantize_per_tensor(dtype, scale, zero_point, device):
    kind = getattr(tx, dtype)
    q = tx.quantize_per_tensor(numbers(device=device), scale, zero_point, kind)
    integers = rounded(VALUES, scale, zero_point, kind.lowest, kind.highest)
    assert q.dtype is kind and q.int_repr().dtype == kind.integer and q.qscheme() is tx.per_tensor_affine
    assert q.int_repr().tolist() == integers.tolist()
    assert (q.q_scale(), q.q_zero_point()) == (scale, zero_point)
    expected = (integers - zero_point).astype(np.float32) * np.float32(scale)
    assert q.dequantize().cpu().numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype, scale, zero_point", PARAMETERS)
def test_quantize_per_tensor_as_pytorch(dtype, scale, zero_point):
    torch = pytest.importorskip("torch")
    values = VALUES if dtype != "qint32" else VALUES[:500]  # beyond int32, PyTorch's conversion is undefined
    theirs = torch.quantize_per_tensor(
        torch.tensor(values, dtype=torch.float32), scale, zero_point, getattr(torch, dtype)
    )
    ours = tx.quantize_per_tensor(numbers(values), scale, zero_point, getattr(tx, dtype))
    # PyTorch divides by the scale for qint32.
    difference = np.abs(np.array(ours.int_repr().tolist()) - np.array(theirs.int_repr().tolist())).max()
    assert difference <= (1 if dtype == "qint32" else 0)
    if not difference:
        assert ours.dequantize().tolist() == theirs.dequantize().tolist()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_quantize_per_channel(axis, device):
    values = RANDOM.normal(size=(3, 4, 5)).astype(np.float32)
    n = values.shape[axis]
    scales, zero_points = RANDOM.uniform(0.01, 0.1, n), RANDOM.integers(-20, 20, n)
    q = tx.quantize_per_channel(
        numbers(values, device), tx.tensor(scales).to(device), tx.tensor(zero_points).to(device), axis, tx.qint8
    )
    assert q.q_per_channel_axis() == axis % 3 and q.qscheme() is tx.per_channel_affine
    assert q.q_per_channel_scales().tolist() == scales.tolist()
    assert q.q_per_channel_zero_points().tolist() == zero_points.tolist()
    whole, restored = q.int_repr().cpu().numpy(), q.dequantize().cpu().numpy()
    for i in range(n):
        integers = rounded(values.take(i, axis), scales[i], zero_points[i], -128, 127)
        assert (whole.take(i, axis) == integers).all()
        expected = (integers - zero_points[i]).astype(np.float32) * np.float32(scales[i])
        assert (restored.take(i, axis) == expected).all()


def test_quantize_of_nan_strided_empty_and_0d(device):
    assert tx.quantize_per_tensor(numbers([np.nan], device), 0.1, 3, tx.quint8).int_repr().tolist() == [0]
    x = numbers(RANDOM.normal(size=(4, 6)), device)
    q = tx.quantize_per_tensor(x.t()[::2], 0.1, 100, tx.quint8)
    assert q.int_repr().tolist() == tx.quantize_per_tensor(x, 0.1, 100, tx.quint8).int_repr().t()[::2].tolist()
    assert tx.quantize_per_tensor(x[:0], 0.1, 0, tx.qint8).shape == (0, 6)
    assert tx.quantize_per_tensor(x[0, 0], 0.1, 0, tx.qint8).dequantize().ndim == 0


def test_quantized_tensor_moves_as_a_tensor_does(device):
    x = numbers(RANDOM.normal(size=(2, 3, 4)), device)
    q = tx.quantize_per_tensor(x, 0.02, 128, tx.quint8)
    for name, arguments in [
        ("flatten", (1,)), ("reshape", (6, 4)), ("permute", (2, 0, 1)), ("transpose", (0, 1)), ("unsqueeze", (0,)),
        ("narrow", (1, 0, 2)), ("select", (0, 1)), ("contiguous", ()), ("clone", ()), ("view", (24,)), ("squeeze", ()),
    ]:  # fmt: skip
        moved = getattr(q, name)(*arguments)
        assert type(moved) is Q.QuantizedTensor and (moved.q_scale(), moved.q_zero_point()) == (0.02, 128)
        assert moved.int_repr().tolist() == getattr(q.int_repr(), name)(*arguments).tolist(), name
    assert tx.reshape(q, (-1,)).int_repr().tolist() == q.int_repr().flatten().tolist()
    assert q[1, :, 2].int_repr().tolist() == q.int_repr()[1, :, 2].tolist()
    assert tx.relu(q).dequantize().tolist() == q.dequantize().relu().tolist()
    assert q.to(device).equal(q) and q.cpu().device.type == "cpu" and not q.equal(q.relu())
    for other in (pickle.loads(pickle.dumps(q)), copy.deepcopy(q)):
        assert other.equal(q)
    assert len(q) == 2 and q.numel() == 24 and q.size(-1) == 4 and q.dim() == 3


@pytest.mark.parametrize(
    "kernel, stride, padding, dilation, ceil_mode",
    [
        (2, None, 0, 1, False),
        (3, 2, 1, 1, False),
        (3, 2, 1, 1, True),
        ((2, 3), (1, 2), (1, 0), (2, 1), False),
        (1, 1, 0, 1, False),
    ],
)
@pytest.mark.parametrize("dtype", ["quint8", "qint8"])
def test_pooling_of_integers(kernel, stride, padding, dilation, ceil_mode, dtype, device):
    x = numbers(RANDOM.normal(size=(2, 3, 9, 8)), device)
    q = tx.quantize_per_tensor(x, 0.02, 20, getattr(tx, dtype))
    for images in (q, q.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)):
        pooled = tx.nn.functional.max_pool2d(images, kernel, stride, padding, dilation, ceil_mode)
        expected = tx.nn.functional.max_pool2d(q.dequantize(), kernel, stride, padding, dilation, ceil_mode)
        assert pooled.dequantize().tolist() == expected.tolist()
    average = tx.nn.functional.avg_pool2d(q, 2).dequantize()
    assert (average - tx.nn.functional.avg_pool2d(q.dequantize(), 2)).abs().max() <= 0.0101


ERRORS = [
    (lambda: tx.quantize_per_tensor(tx.ones(2).double(), 0.1, 0, tx.quint8), RuntimeError, "float32"),
    (lambda: tx.quantize_per_tensor(tx.ones(2), 0.0, 0, tx.quint8), RuntimeError, "positive, finite scale"),
    (lambda: tx.quantize_per_tensor(tx.ones(2), float("nan"), 0, tx.quint8), RuntimeError, "positive, finite scale"),
    (lambda: tx.quantize_per_tensor(tx.ones(2), 0.1, 256, tx.quint8), RuntimeError, "zero_point between 0 and 255"),
    (lambda: tx.quantize_per_tensor(tx.ones(2), 0.1, 0, tx.float32), TypeError, "quint8"),
    (lambda: tx.quantize_per_tensor(tx.ones(2), tx.ones(2), 0, tx.qint8), RuntimeError, "one scale"),
    (lambda: tx.quantize_per_channel(tx.ones(2, 3), tx.ones(2), tx.zeros(2), 1, tx.qint8), RuntimeError, "each of 3"),
    (lambda: tx.quantize_per_channel(tx.ones(2, 3), tx.ones(2), tx.zeros(2), 2, tx.qint8), IndexError, "axis"),
    (lambda: tx.fake_quantize_per_tensor_affine(tx.ones(2), 0.1, 0, 5, 4), RuntimeError, "quant_min <= quant_max"),
    (lambda: tx.fake_quantize_per_tensor_affine(tx.ones(2), 0.1, 9, 0, 8), RuntimeError, "zero_point between 0 and 8"),
    (lambda: tx.exp(tx.quantize_per_tensor(tx.ones(2), 0.1, 0, tx.quint8)), TypeError, r"dequantize\(\)"),
    (lambda: tx.quantize_per_tensor(tx.ones(2), 0.1, 0, tx.quint8).sin, AttributeError, r"dequantize\(\)"),
    (lambda: tx.quantize_per_tensor(tx.ones(2), 0.1, 0, tx.quint8).q_per_channel_axis(), RuntimeError, "one scale"),
    (lambda: tx.quantize_per_tensor(tx.ones(2), 0.1, 0, tx.quint8).to(tx.float32), RuntimeError, "dtype"),
    (lambda: tx._int_mm(tx.ones(2, 2), tx.ones(2, 2)), RuntimeError, "int8 matrix"),
    (lambda: tx._int_mm(tx.ones(2, 3).to(tx.int8), tx.ones(2, 3).to(tx.int8)), RuntimeError, r"\(k, n\)"),
    (lambda: Q.QConfig(Q.MinMaxObserver(), Q.MinMaxObserver), ValueError, "classes of observers"),
    (lambda: Q.MinMaxObserver(qscheme=tx.per_channel_affine), NotImplementedError, "per tensor"),
    (lambda: Q.PerChannelMinMaxObserver(qscheme=tx.per_tensor_affine), NotImplementedError, "per channel"),
    (lambda: Q.MinMaxObserver(quant_min=3, quant_max=9), AssertionError, "quant_min <= 0 <= quant_max"),
    (lambda: Q.FakeQuantize(quant_min=-1, quant_max=9), AssertionError, "quant_max <= 255"),
    (lambda: Q.get_default_qconfig("tpu"), AssertionError, "x86"),
    (lambda: Q.PlaceholderObserver().calculate_qparams(), RuntimeError, "observes nothing"),
    (lambda: Q.HistogramObserver()(tx.tensor([float("nan")])), RuntimeError, "NaN"),
]


@pytest.mark.parametrize("run, error, message", ERRORS)
def test_errors(run, error, message):
    with pytest.raises(error, match=message):
        run()


# ---- fake quantization


@pytest.mark.parametrize(
    "scale, zero_point, lowest, highest", [(0.1, 3, 0, 255), (0.3, 0, -8, 7), (0.05, -20, -128, 127)]
)
def test_fake_quantize_per_tensor(scale, zero_point, lowest, highest, device):
    x = numbers(device=device).requires_grad_()
    y = tx.fake_quantize_per_tensor_affine(x, scale, zero_point, lowest, highest)
    y.backward(tx.full_like(y, 3))
    inverse = np.float32(1) / np.float32(scale)
    free = np.rint(VALUES.astype(np.float32) * inverse).astype(np.float64) + zero_point
    expected = (np.clip(free, lowest, highest) - zero_point).astype(np.float32) * np.float32(scale)
    assert y.tolist() == expected.tolist()
    assert x.grad.tolist() == (3.0 * ((free >= lowest) & (free <= highest))).tolist()
    same = tx.fake_quantize_per_tensor_affine(x, tx.tensor([scale]), tx.tensor([zero_point]), lowest, highest)
    assert same.tolist() == y.tolist()


def test_fake_quantize_per_channel(device):
    values = RANDOM.normal(size=(4, 3, 2)).astype(np.float32) * 3
    scales, zero_points = np.float32([0.1, 0.3, 1]), np.int32([0, 5, -3])
    x = numbers(values, device).requires_grad_()
    y = tx.fake_quantize_per_channel_affine(
        x, tx.from_numpy(scales).to(device), tx.from_numpy(zero_points).to(device), 1, -8, 7
    )
    y.sum().backward()
    for i in range(3):
        one = numbers(values[:, i], device).requires_grad_()
        z = tx.fake_quantize_per_tensor_affine(one, float(scales[i]), int(zero_points[i]), -8, 7)
        z.sum().backward()
        assert y[:, i].tolist() == z.tolist() and x.grad[:, i].tolist() == one.grad.tolist()


def test_fake_quantize_as_pytorch():
    torch = pytest.importorskip("torch")
    values = np.append(VALUES, np.nan).astype(np.float32)
    ours, theirs = numbers(values).requires_grad_(), torch.tensor(values, requires_grad=True)
    ours_y = tx.fake_quantize_per_tensor_affine(ours, 0.1, 3, 0, 255)
    theirs_y = torch.fake_quantize_per_tensor_affine(theirs, 0.1, 3, 0, 255)
    assert ours_y.tolist() == theirs_y.tolist()
    ours_y.sum().backward()
    theirs_y.sum().backward()
    assert ours.grad.tolist() == theirs.grad.tolist()


@pytest.mark.parametrize("channels", [1, 3])
def test_learnable_fake_quantize_as_pytorch(channels):
    torch = pytest.importorskip("torch")
    values = (RANDOM.normal(size=(3, 40)) * 2).astype(np.float32)
    scale, zero_point = np.full(channels, 0.13, np.float32), np.full(channels, 1.3, np.float32)
    results = []
    for t, prefix in ((tx, affine), (torch, torch)):
        x, s, z = (t.tensor(v.tolist(), requires_grad=True) for v in (values, scale, zero_point))
        if channels == 1:
            y = prefix._fake_quantize_learnable_per_tensor_affine(x, s, z, -8, 7, 0.5)
        else:
            y = prefix._fake_quantize_learnable_per_channel_affine(x, s, z, 0, -8, 7, 0.5)
        (y * t.arange(120.0).reshape(3, 40)).sum().backward()
        results.append([y.detach().numpy(), x.grad.numpy(), s.grad.numpy(), z.grad.numpy()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-4)


def test_learnable_scale_finds_a_better_one():
    tx.manual_seed(0)
    x = tx.randn(2000)
    fake = _LearnableFakeQuantize(quant_min=-8, quant_max=7, scale=2.0)
    optimizer = tx.optim.Adam(fake.parameters(), lr=0.02)
    errors = []
    for _ in range(150):
        error = (fake(x) - x).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < errors[0] / 10 and 0.2 < fake.scale.item() < 0.6


# ---- observers

OBSERVERS = [
    ("MinMaxObserver", {}),
    ("MinMaxObserver", {"reduce_range": True}),
    ("MinMaxObserver", {"dtype": "qint8", "qscheme": "per_tensor_symmetric"}),
    ("MinMaxObserver", {"dtype": "quint8", "qscheme": "per_tensor_symmetric"}),
    ("MinMaxObserver", {"quant_min": 0, "quant_max": 127, "qscheme": "per_tensor_symmetric"}),
    ("MinMaxObserver", {"dtype": "qint8", "quant_min": -127, "quant_max": 127, "eps": 2**-12}),
    ("MinMaxObserver", {"quant_min": 0, "quant_max": 255, "reduce_range": True}),
    ("MovingAverageMinMaxObserver", {"averaging_constant": 0.3}),
    ("PerChannelMinMaxObserver", {"dtype": "qint8", "qscheme": "per_channel_symmetric"}),
    ("PerChannelMinMaxObserver", {"ch_axis": 1}),
    ("MovingAveragePerChannelMinMaxObserver", {"dtype": "qint8", "qscheme": "per_channel_affine", "ch_axis": 1}),
    ("HistogramObserver", {}),
    ("HistogramObserver", {"reduce_range": True, "bins": 512}),
    ("HistogramObserver", {"dtype": "qint8", "qscheme": "per_tensor_symmetric"}),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, options", OBSERVERS)
@pytest.mark.parametrize("kind", ["normal", "positive", "zeros", "heavy"])
def test_observers_as_pytorch(name, options, kind):
    torch = pytest.importorskip("torch")
    import torch.ao.quantization as theirs_q

    random = np.random.default_rng(1)
    draws = {
        "normal": lambda: random.normal(size=(6, 50)),
        "positive": lambda: random.uniform(0.5, 3, size=(6, 50)),
        "zeros": lambda: np.zeros((6, 50)),
        "heavy": lambda: random.standard_t(2, size=(6, 50)),
    }
    batches = [draws[kind]().astype(np.float32) for _ in range(4)]
    results = []
    for t, q in ((tx, Q), (torch, theirs_q)):
        given = {k: getattr(t, v) if isinstance(v, str) else v for k, v in options.items()}
        observer = getattr(q, name)(**given)
        for batch in batches:
            x = t.tensor(batch.tolist())
            assert observer(x) is x
        scale, zero_point = observer.calculate_qparams()
        results.append((np.array(scale.tolist()), zero_point.tolist(), (observer.quant_min, observer.quant_max)))
    (scale, zero_point, limits), (their_scale, their_zero_point, their_limits) = results
    assert limits == their_limits
    if name == "HistogramObserver":  # a search by sums of squares, which rounding may end one bin earlier
        np.testing.assert_allclose(scale, their_scale, rtol=0.02)
        np.testing.assert_allclose(zero_point, their_zero_point, atol=2)
    else:
        np.testing.assert_allclose(scale, their_scale, rtol=1e-6)
        assert zero_point == their_zero_point


def test_observers_keep_their_state(device):
    x = numbers(RANDOM.normal(size=(4, 8)), device)
    for make in (Q.MinMaxObserver, Q.PerChannelMinMaxObserver, Q.HistogramObserver):
        observer, other = make().to(device), make().to(device)
        observer(x)
        observer(x * 1.5)
        assert observer.calculate_qparams()[0].device.type == device
        other.load_state_dict(observer.state_dict())
        for ours, theirs in zip(other.calculate_qparams(), observer.calculate_qparams(), strict=True):
            assert ours.tolist() == theirs.tolist()
        if hasattr(observer, "reset_min_max_vals"):
            observer.reset_min_max_vals()
            with pytest.warns(UserWarning, match="must run observer"):
                assert observer.calculate_qparams()[0].tolist() == [1]


def test_histogram_ignores_an_outlier_and_infinity():
    x = tx.cat([tx.linspace(-1, 1, 20000), tx.tensor([60.0])])
    histogram, extremes = Q.HistogramObserver(), Q.MinMaxObserver()
    with pytest.warns(UserWarning, match="infinite"):
        histogram(tx.cat([x, tx.tensor([float("inf")])]))
    extremes(x)
    errors = []
    for observer in (histogram, extremes):
        scale, zero_point = observer.calculate_qparams()
        y = tx.quantize_per_tensor(x, scale, zero_point, tx.quint8).dequantize()
        errors.append((y - x).square().sum().item())
    assert errors[0] <= errors[1] * 1.001


def test_recording_and_fixed_observers():
    recording = Q.RecordingObserver()
    recording(tx.ones(2))
    assert [x.tolist() for x in recording.get_tensor_value()] == [[1, 1]]
    assert [x.tolist() for x in Q.default_fixed_qparams_range_0to1_observer().calculate_qparams()] == [[1 / 256], [0]]
    fake = Q.default_fixed_qparams_range_0to1_fake_quant()
    assert fake(tx.tensor([0.5, 2.0])).tolist() == [0.5, 255 / 256]


def test_fake_quantize_module(device):
    fake = Q.default_per_channel_weight_fake_quant().to(device)
    x = numbers(RANDOM.normal(size=(3, 20)), device)
    y = fake(x)
    assert fake.scale.shape == (3,) and 0 < (y - x).abs().max() <= fake.scale.max() / 2 * 1.001
    before = fake.scale.tolist()
    fake.apply(Q.disable_observer)
    fake(x * 100)
    assert fake.scale.tolist() == before
    fake.apply(Q.disable_fake_quant)
    assert fake(x) is x
    other = Q.default_per_channel_weight_fake_quant().to(device)
    other.load_state_dict(fake.state_dict())
    other.apply(Q.enable_fake_quant)
    assert other(x).tolist() == y.tolist()


# ---- the kernel

#    batch, height, width, channels, out, kernel, stride, padding, dilation, groups
SHAPES = [
    (1, 1, 1, 7, 5, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (20, 1, 1, 64, 33, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (2, 8, 8, 1, 32, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (3, 9, 7, 12, 20, (3, 2), (2, 1), (1, 1), (1, 2), 2),
    (2, 6, 6, 8, 8, (3, 3), (1, 1), (3, 3), (2, 1), 8),
    (2, 5, 5, 6, 17, (3, 3), (1, 1), (4, 4), (1, 1), 1),
    (2, 4, 4, 40, 64, (1, 1), (2, 2), (0, 0), (1, 1), 1),
]


def expected_sums(x, zero_point, weight, kernel, stride, padding, dilation, groups):
    """The sums of a convolution (n, h, w, c) with weights (out, kh, kw, c / groups), by NumPy in int64."""
    n, h, w, channels = x.shape
    wide = np.full((n, h + 2 * padding[0], w + 2 * padding[1], channels), zero_point, np.int64)
    wide[:, padding[0] : padding[0] + h, padding[1] : padding[1] + w] = x
    down, across = (
        (wide.shape[1 + i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(2)
    )  # fmt: skip
    out, per_group, per_channel = (
        np.zeros((n, down, across, len(weight)), np.int64),
        len(weight) // groups,
        channels // groups,
    )
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows = slice(i * dilation[0], i * dilation[0] + (down - 1) * stride[0] + 1, stride[0])
            columns = slice(j * dilation[1], j * dilation[1] + (across - 1) * stride[1] + 1, stride[1])
            for g in range(groups):
                those = slice(g * per_group, (g + 1) * per_group)
                part = wide[:, rows, columns, g * per_channel : (g + 1) * per_channel] - zero_point
                out[..., those] += part @ weight[those, i, j].astype(np.int64).T
    return out


@pytest.mark.parametrize("usual, largest", [(127, 127), (127, 255), (255, 255)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_of_bytes_are_exact(shape, usual, largest, device):
    n, h, w, channels, out, kernel, stride, padding, dilation, groups = shape
    x = RANDOM.integers(0, usual + 1, (n, h, w, channels), np.uint8)
    x[RANDOM.random(x.shape) < 0.01] = RANDOM.integers(usual, largest + 1)
    x.flat[:5] = largest  # the extremes, side by side: from 129 on, sums of two products exceed 16 bits
    weight = RANDOM.integers(-128, 128, (out, *kernel, channels // groups), np.int8)
    weight[0] = 127
    weight[-1] = -128
    zero_point = int(RANDOM.integers(0, usual + 1))
    sums = expected_sums(x, zero_point, weight, kernel, stride, padding, dilation, groups)
    images, weights = tx.from_numpy(x).to(device), tx.from_numpy(weight).to(device)
    offset, multiplier = (
        RANDOM.normal(size=out).astype(np.float32) * 100,
        RANDOM.uniform(1e-4, 3e-3, out).astype(np.float32),
    )

    def run(dtype, out_zero_point=0, lowest=0):
        factors = (None, None) if dtype == tx.int32 else (numbers(offset, device), numbers(multiplier, device))
        return _C.quantized_convolution(
            images, zero_point, pack(weights, groups), sums_of(weights), *factors, kernel, stride, padding, dilation,
            dtype, out_zero_point, lowest,
        ).cpu().numpy()  # fmt: skip

    assert (run(tx.int32) == sums).all()
    y = (sums.astype(np.float32) + offset) * multiplier
    assert run(tx.float32).tobytes() == y.tobytes()
    for out_zero_point, lowest in ((0, 0), (100, 0), (100, 100), (255, 3)):
        expected = np.clip(np.rint(y), lowest - out_zero_point, 255 - out_zero_point) + out_zero_point
        assert (run(tx.uint8, out_zero_point, lowest) == expected).all()


def test_products_do_not_depend_on_the_number_of_threads(threads):
    x = tx.randint(0, 256, (500, 1, 1, 300), dtype=tx.uint8)
    weight = tx.randint(-128, 128, (200, 300), dtype=tx.int8)
    ones, none = (1, 1), (0, 0)
    factors = tx.randn(200), tx.rand(200) * 1e-3
    results = []
    for count in (1, 2, 3, 8):
        threads(count)
        results.append(
            _C.quantized_convolution(
                x, 7, pack(weight), sums_of(weight), *factors, ones, ones, none, ones, tx.uint8, 90, 0
            ).tolist()
        )
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("m, k, n", [(1, 1, 1), (17, 33, 20), (5, 0, 3), (0, 4, 3), (4, 4, 0), (64, 128, 40)])
def test_int_mm(m, k, n, device):
    a, b = RANDOM.integers(-128, 128, (m, k), np.int8), RANDOM.integers(-128, 128, (k, n), np.int8)
    result = tx._int_mm(tx.from_numpy(a).to(device), tx.from_numpy(b).to(device))
    assert result.dtype == tx.int32 and result.tolist() == (a.astype(np.int64) @ b.astype(np.int64)).tolist()
    strided = tx._int_mm(tx.from_numpy(a.T.copy()).to(device).t(), tx.from_numpy(b.T.copy()).to(device).t())
    assert strided.tolist() == result.tolist()


def test_padding_with_a_large_zero_point_is_exact(device):
    """All bytes of the images are small; those around them are not."""
    x, weight = np.full((1, 3, 3, 8), 127, np.uint8), np.full((16, 3, 3, 8), -128, np.int8)
    places = (3, 3), (1, 1), (1, 1), (1, 1)
    weights = tx.from_numpy(weight).to(device)
    sums = _C.quantized_convolution(
        tx.from_numpy(x).to(device), 255, pack(weights), sums_of(weights), None, None, *places, tx.int32, 0, 0
    )
    assert (sums.cpu().numpy() == expected_sums(x, 255, weight, *places, 1)).all()


def test_sums_wrap_around(device):
    k = 140_000  # -128 * -128 * k exceeds int32
    a = tx.full((1, k), -128, dtype=tx.int8).to(device)
    assert tx._int_mm(a, a.t()).item() == (128 * 128 * k + 2**31) % 2**32 - 2**31


def test_hostile_arguments_of_the_kernel():
    x, w = tx.zeros(2, 3, 3, 4, dtype=tx.uint8), tx.zeros(5, 1, 1, 4, dtype=tx.int8)
    good = [x, 0, pack(w), sums_of(w), None, None, (1, 1), (1, 1), (0, 0), (1, 1), tx.int32, 0, 0]
    _C.quantized_convolution(*good)
    for place, bad in [
        (0, x.to(tx.int8)), (0, x[0]), (1, 256), (1, -1), (2, pack(w)[:, :, :0]), (2, w), (2, pack(w).to(tx.uint8)),
        (3, sums_of(w)[:0]), (3, sums_of(w).long()), (6, (2, 1)), (6, (0, 1)), (6, (1,)), (7, (0, 1)), (8, (-1, 0)),
        (8, (2**40, 0)), (9, (0, 1)), (10, tx.float64), (10, tx.uint8), (11, 300), (12, -1), (0, x[:, :0]),
    ]:  # fmt: skip
        given = list(good)
        given[place] = bad
        with pytest.raises((RuntimeError, ValueError, NotImplementedError, OverflowError, TypeError)):
            _C.quantized_convolution(*given)

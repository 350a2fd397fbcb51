"""Row 51: what an output unit sees of the input, by formula and by gradient, for every kind of convolution."""

import itertools

import pytest

import tensorx as tx
from tensorx import nn
from tensorx.nn.utils.receptive_field import receptive_field, receptive_field_by_gradient, receptive_fields


def conv(dims, transposed=False):
    return getattr(nn, f"Conv{'Transpose' if transposed else ''}{dims}d", None)


# (name, number of spatial dimensions, layers of nn, sizes of the input)
MODELS = [
    ("one", 1, lambda: [conv(1)(2, 3, 3)], (9,)),
    ("stacked", 1, lambda: [conv(1)(2, 3, 3), conv(1)(3, 2, 5)], (15,)),
    ("dilated", 1, lambda: [conv(1)(1, 1, 2, dilation=d) for d in (1, 2, 4, 8)], (24,)),
    ("strided", 1, lambda: [conv(1)(2, 3, 3, stride=2, padding=1), conv(1)(3, 2, 3, stride=3)], (40,)),
    ("same", 1, lambda: [conv(1)(2, 2, 4, padding="same", dilation=3)], (20,)),
    (
        "grouped",
        2,
        lambda: [conv(2)(4, 4, (3, 1), groups=4), conv(2)(4, 4, 1), conv(2)(4, 4, (1, 3), groups=2)],
        (7, 8),
    ),
    (
        "plane",
        2,
        lambda: [conv(2)(2, 2, (3, 5), stride=(2, 1), padding=(1, 2)), conv(2)(2, 2, 3, dilation=2)],
        (15, 14),
    ),
    ("pooled", 2, lambda: [conv(2)(2, 2, 3), nn.AvgPool2d(2), conv(2)(2, 2, 3), nn.AvgPool2d(3, 2, 1)], (21, 20)),
    ("adaptive", 2, lambda: [conv(2)(2, 2, 3, padding=1), nn.AdaptiveAvgPool2d((3, 2))], (8, 7)),
    ("transposed", 1, lambda: [conv(1, True)(2, 2, 4, stride=2, padding=1)], (9,)),
    ("transposed dilated", 1, lambda: [conv(1, True)(2, 2, 3, stride=2, dilation=3)], (9,)),
    ("autoencoder", 2, lambda: [conv(2)(1, 2, 3, 2, 1), conv(2)(2, 2, 3), conv(2, True)(2, 1, 3, 2, 1, 1)], (12, 11)),
    ("volume", 3, lambda: [conv(3)(1, 2, (2, 3, 1), stride=(1, 2, 1)), conv(3)(2, 1, 2)], (5, 9, 4)),
    ("volume transposed", 3, lambda: [conv(3, True)(1, 1, 3, stride=2, padding=1)], (3, 4, 2)),
]


def build(layers, device, shape):
    tx.manual_seed(0)
    model = nn.Sequential(*layers()).to(device)
    with tx.no_grad():  # no weight so small that its gradient could vanish
        for parameter in model.parameters():
            parameter.copy_(tx.rand(parameter.shape) + 0.5)
    return model, tx.rand(1, model[0].in_channels, *shape, device=device)


@pytest.mark.parametrize("name, dims, layers, shape", MODELS, ids=[row[0] for row in MODELS])
def test_formula_and_gradient_agree_everywhere(name, dims, layers, shape, device):
    """The formula's ranges are where the gradient is not zero, for each output unit (dilation leaves holes)."""
    if conv(dims) is None or conv(dims, True) is None:
        pytest.skip("this build has no such convolution yet")
    model, x = build(layers, device, shape)
    outputs = model(x).shape[2:]
    positions = list(itertools.product(*(range(size) for size in outputs)))
    for position in positions[:: max(1, len(positions) // 8)]:
        seen = receptive_field_by_gradient(model, x, position) > 0
        assert seen.shape == shape and seen.device.type == device
        for i, expected in enumerate(receptive_field(model, x, position)):
            along = seen.movedim(i, 0).flatten(1).any(1).tolist() if dims > 1 else seen.tolist()
            inside = [at for at, hit in enumerate(along) if hit]
            assert (inside[0], inside[-1]) == (expected.start, expected.stop - 1)


def test_the_default_is_the_middle():
    model, x = build(lambda: [nn.Conv1d(1, 1, 3)], "cpu", (9,))
    assert receptive_field(model, x) == receptive_field(model, x, (3,)) == (range(3, 6),)
    assert receptive_field(nn.ReLU(), x) == (range(4, 5),)
    for position in ((7,), (-1,), (1, 1)):
        with pytest.raises(IndexError, match="is not one of an output of sizes"):
            receptive_field(model, x, position)
        with pytest.raises(IndexError, match="is not one of an output of sizes"):
            receptive_field_by_gradient(model, x, position)


def test_it_grows_linearly_with_depth_and_exponentially_with_dilation():
    plain = nn.Sequential(*[nn.Conv1d(1, 1, 3) for _ in range(5)])
    dilated = nn.Sequential(*[nn.Conv1d(1, 1, 3, dilation=2**i) for i in range(5)])
    x = tx.zeros(1, 1, 100)
    assert [field.size[0] for field in receptive_fields(plain, x)] == [3, 5, 7, 9, 11]
    assert [field.size[0] for field in receptive_fields(dilated, x)] == [3, 7, 15, 31, 63]


def test_a_network_of_blocks():
    """VGG-16: the last pooling layer sees 212 pixels, 32 apart."""
    layers, channels = [], 1
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            layers += [nn.Conv2d(channels, 1, 3, padding=1), nn.BatchNorm2d(1), nn.ReLU()]
            channels = 1
        layers.append(nn.MaxPool2d(2))
    fields = receptive_fields(nn.Sequential(*layers).eval(), tx.zeros(1, 1, 224, 224))
    assert fields[-1].size == (212, 212) and fields[-1].step == (32, 32)
    assert [field.size[0] for field in fields if field.layer in ("6", "13", "23", "33", "43")] == [6, 16, 44, 100, 212]


def test_the_gradient_fades_towards_the_edge(device):
    """The effective field: many paths lead to the middle, one to a corner."""
    model, x = build(lambda: [nn.Conv2d(1, 1, 3) for _ in range(6)], device, (17, 17))
    seen = receptive_field_by_gradient(model, x)
    middle, corner = seen[8, 8].item(), seen[2, 2].item()
    assert 0 < corner < 1e-3 * middle
    assert (seen > 0.1 * middle).sum().item() < 0.4 * (seen > 0).sum().item()


class Residual(nn.Module):
    def __init__(self, halve=False):
        super().__init__()
        self.first = nn.Conv1d(1, 1, 3, padding=1, stride=2 if halve else 1)
        self.second = nn.Conv1d(1, 1, 3, padding=1)
        self.shortcut = nn.Conv1d(1, 1, 1, stride=2) if halve else None

    def forward(self, x):
        other = x if self.shortcut is None else self.shortcut(x)
        return nn.functional.relu(self.second(nn.functional.relu(self.first(x)))) + other


def test_what_is_no_chain():
    x = tx.zeros(1, 1, 12)
    assert receptive_field(Residual(), x, (5,)) == (range(3, 8),)
    with pytest.raises(ValueError, match="'first' gets an input of shape .* no chain"):
        receptive_field(Residual(halve=True), x)
    with pytest.raises(ValueError, match=r"no rule for layer '1', Linear.*receptive_field_by_gradient"):
        receptive_field(nn.Sequential(nn.Conv1d(1, 1, 3), nn.Linear(10, 10)), x)
    model = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Linear(10, 10))
    assert (receptive_field_by_gradient(model, tx.randn(1, 1, 12)) > 0).all()
    assert not any(layer._forward_hooks for layer in model.modules())

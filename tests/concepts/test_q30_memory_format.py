"""Row 30, memory format: channels_last is strides alone, and what works on images keeps it."""

import numpy as np
import pytest

import tensorx as tx

F = tx.nn.functional
LAST, LAST_3D = tx.channels_last, tx.channels_last_3d


def channels_last(x):
    return not x.is_contiguous() and x.is_contiguous(memory_format=LAST if x.ndim == 4 else LAST_3D)


def test_conversions(device):
    x = tx.arange(120.0, device=device).view(2, 3, 4, 5)
    for y in (x.contiguous(memory_format=LAST), x.to(memory_format=LAST), x.clone(memory_format=LAST)):
        assert y.stride() == (60, 1, 15, 3)
        assert y.shape == x.shape and (y == x).all().item()
    assert y.contiguous(memory_format=LAST) is y
    assert y.contiguous().stride() == x.stride()
    assert x.view(2, 3, 2, 2, 5).contiguous(memory_format=LAST_3D).stride() == (60, 1, 30, 15, 3)
    with pytest.raises(RuntimeError, match="rank 4"):
        x[0].contiguous(memory_format=LAST)


IMAGES = {
    "elementwise": lambda x: F.relu(x) * 2 + x,
    "broadcast": lambda x: x * tx.ones(8, 1, 1, device=x.device),
    "where": lambda x: tx.where(x > 0, x, 0.0),
    "cast": lambda x: x.double(),
    "zeros_like": tx.zeros_like,
    "conv2d": lambda x: F.conv2d(x, tx.ones(4, 8, 3, 3, device=x.device)),
    "conv2d 1x1": lambda x: F.conv2d(x, tx.ones(4, 8, 1, 1, device=x.device)),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, tx.ones(8, 4, 2, 2, device=x.device)),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 2),
    "adaptive_avg_pool2d uneven": lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, (4, 3)),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "group_norm": lambda x: F.group_norm(x, 2),
    "local_response_norm": lambda x: F.local_response_norm(x, 2),
    "dropout": F.dropout,
    "dropout2d": F.dropout2d,
    "pad": lambda x: F.pad(x, (1, 2, 0, 1)),
    "pad reflect": lambda x: F.pad(x, (1, 2, 0, 1), "reflect"),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "bilinear": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "bicubic": lambda x: F.interpolate(x, (9, 5), mode="bicubic"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x, 2),
    "glu": lambda x: F.glu(x, 1),
}
RANDOM = {"dropout", "dropout2d", "zeros_like"}


@pytest.mark.parametrize("name", IMAGES)
def test_what_works_on_images_keeps_it(name, device):
    x = tx.from_numpy(np.random.default_rng(0).standard_normal((2, 8, 6, 6)).astype(np.float32)).to(device)
    last = x.contiguous(memory_format=LAST)
    y = IMAGES[name](last)
    assert channels_last(y), f"{name}: strides {y.stride()} of shape {tuple(y.shape)}"
    if name not in RANDOM:
        np.testing.assert_allclose(y.cpu().numpy(), IMAGES[name](x).cpu().numpy(), 1e-5, 1e-5)


@pytest.mark.parametrize(
    "function", [lambda x: F.max_pool3d(x, 2), lambda x: F.interpolate(x, (3, 5, 4), mode="trilinear"), lambda x: x * 2]
)
def test_volumes(function, device):
    x = tx.ones(2, 3, 4, 4, 4, device=device).contiguous(memory_format=LAST_3D)
    assert channels_last(function(x))


def test_gradients_and_modules_keep_it(device):
    model = tx.nn.Sequential(
        tx.nn.Conv2d(3, 8, 3), tx.nn.BatchNorm2d(8), tx.nn.ReLU(), tx.nn.MaxPool2d(2), tx.nn.Conv2d(8, 4, 1)
    ).to(device)
    x = tx.randn(2, 3, 10, 10, device=device)
    first = model(x)
    model = model.to(memory_format=LAST)
    assert channels_last(model[0].weight)
    last = x.contiguous(memory_format=LAST).requires_grad_()
    second = model(last)
    assert channels_last(second)
    np.testing.assert_allclose(second.detach().cpu().numpy(), first.detach().cpu().numpy(), 1e-4, 1e-4)
    second.sum().backward()
    assert channels_last(last.grad)

"""Row 49: mixed precision. Per-op policy, a scaler that skips overflows, the accuracy of float32, and less memory."""

import math
import sys
from pathlib import Path

import pytest

import tensorx as tx
import tensorx.nn.functional as F
from concepts.memory_use import held
from tensorx import nn

PRECISIONS = {"float32": None, "bfloat16": tx.bfloat16, "float16": tx.float16}


def test_each_op_runs_in_the_dtype_that_suits_it(device):
    layer, x = nn.Linear(4, 3).to(device), tx.randn(2, 4, device=device)
    with tx.autocast(device, dtype=tx.bfloat16):
        logits = layer(x)
        loss = F.cross_entropy(logits, tx.tensor([0, 2], device=device))
    assert (logits.dtype, loss.dtype) == (tx.bfloat16, tx.float32)
    loss.backward()
    assert {p.grad.dtype for p in layer.parameters()} == {tx.float32}


@pytest.fixture(scope="module")
def digits():
    examples = str(Path(__file__).parents[2] / "examples")
    sys.path.insert(0, examples)
    try:
        from digits import load_digits
    except ModuleNotFoundError as missing:
        pytest.skip(f"the examples need {missing.name}")
    finally:
        sys.path.remove(examples)
    return load_digits()


class Small(nn.Module):
    """Too small to learn the digits well within a few steps, so that a precision that loses something shows it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.hidden = nn.Linear(8 * 4 * 4, 32)
        self.output = nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.output(F.relu(self.hidden(x.flatten(1))))


def accuracy_after_training(dtype, images, labels, device="cpu", epochs=12, batch=100, seed=0):
    """Percent of the last third of the images, in an order by the seed."""
    tx.manual_seed(seed)
    order = tx.randperm(len(images))
    images, labels = images[order].to(device), labels[order].to(device)
    train, test = slice(0, len(images) // 300 * 200), slice(len(images) // 300 * 200, None)
    model = Small().to(device)
    optimizer = tx.optim.Adam(model.parameters(), lr=5e-3)
    scaler = tx.amp.GradScaler(device, growth_interval=20, enabled=dtype is tx.float16)
    autocast = tx.autocast(device, dtype=dtype, enabled=dtype is not None)
    for _ in range(epochs):
        for x, y in zip(images[train].split(batch), labels[train].split(batch), strict=True):
            with autocast:
                loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    model.eval()
    with tx.no_grad(), autocast:
        right = model(images[test]).argmax(1) == labels[test]
    return 100 * right.double().mean().item()


def test_it_learns_what_float32_learns(digits):
    accuracies = {
        name: sum(accuracy_after_training(dtype, *digits, seed=seed) for seed in (0, 1)) / 2
        for name, dtype in PRECISIONS.items()
    }
    assert accuracies["float32"] > 95
    assert min(accuracies.values()) >= accuracies["float32"] - 0.5, accuracies


@pytest.mark.parametrize("name", PRECISIONS)
def test_it_learns_on_either_device(name, digits, device):
    images, labels = (x[:300] for x in digits)
    assert accuracy_after_training(PRECISIONS[name], images, labels, device, epochs=1, batch=10) > 30  # by chance: 10


def test_an_overflow_is_skipped_and_the_scale_seeks_its_place(device):
    layer = nn.Linear(2, 1, bias=False).to(device)
    optimizer = tx.optim.SGD(layer.parameters(), lr=0.1)
    scaler = tx.amp.GradScaler(device, init_scale=2.0**24, growth_interval=3)
    x, scales, before = tx.full((4, 2), 64.0, device=device), [], layer.weight.detach().clone()
    for step in range(16):
        with tx.autocast(device, dtype=tx.float16):
            loss = (layer(x).float() / 64).mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(math.log2(scaler.get_scale()))
        if step == 0:
            assert tx.equal(layer.weight, before)
    assert scales[0] == 23 and not tx.equal(layer.weight, before)
    settled = scales[scales.index(min(scales)) :]
    assert max(settled) - min(settled) == 1 and len(settled) > 4  # it tries the next one, and goes back
    assert layer.weight.isfinite().all()


def test_without_scaling_small_gradients_vanish_in_float16(device):
    weight = tx.ones(2, 1, device=device, requires_grad=True)
    x = tx.full((1, 2), 1e-3, device=device)

    def gradient(scaler):
        weight.grad = None
        with tx.autocast(device, dtype=tx.float16):
            loss = (x @ weight).float().sum() * 1e-5
        scaler.scale(loss).backward()
        optimizer = tx.optim.SGD([weight], lr=1)
        scaler.unscale_(optimizer)
        return weight.grad.clone()

    assert (gradient(tx.amp.GradScaler(device, enabled=False)) == 0).all()
    assert tx.allclose(gradient(tx.amp.GradScaler(device)), tx.full((2, 1), 1e-8, device=device), rtol=1e-2, atol=0)


def test_what_is_kept_for_backward_takes_half_the_memory(device):
    model = nn.Sequential(*(layer for _ in range(6) for layer in (nn.Linear(32, 32), nn.ReLU()))).to(device)
    x = tx.randn(2000, 32, device=device)
    kept = {}
    for dtype in (None, tx.bfloat16):
        before = held(device)
        with tx.autocast(device, dtype=dtype, enabled=dtype is not None):
            y = model(x)
        kept[dtype] = held(device) - before
        del y
    assert kept[tx.bfloat16] < 0.6 * kept[None], kept

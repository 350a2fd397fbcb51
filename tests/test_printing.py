"""Printing, compared with PyTorch's character for character where torch is installed."""

import re

import numpy as np
import pytest

import tensorx as tx


def test_examples():
    assert repr(tx.tensor([1.0, 2.5])) == "tensor([1.0000, 2.5000])"
    assert repr(tx.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tx.tensor([[1, 2], [30, 4]])) == "tensor([[ 1,  2],\n        [30,  4]])"
    assert repr(tx.tensor(3)) == "tensor(3)"
    assert repr(tx.tensor([True, False])) == "tensor([ True, False])"
    assert repr(tx.tensor([])) == "tensor([])"
    assert repr(tx.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(tx.zeros(0, dtype=tx.int64)) == "tensor([], dtype=tensorx.int64)"
    assert repr(tx.tensor([1e-10, 1.0])) == "tensor([1.0000e-10, 1.0000e+00])"
    assert repr(tx.tensor([float("nan"), float("inf"), -1.0])) == "tensor([nan, inf, -1.])"
    assert repr(tx.tensor([1], dtype=tx.int8)) == "tensor([1], dtype=tensorx.int8)"
    assert str(tx.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"


def test_history_is_shown():
    x = tx.ones(2, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"
    assert repr(x.detach()) == "tensor([1., 1.])"


def test_subclass_and_format():
    class Distance(tx.Tensor):
        pass

    assert repr(tx.ones(2).as_subclass(Distance)) == "Distance([1., 1.])"
    assert f"{tx.tensor(1.23456):.2f}" == "1.23"
    assert f"{tx.ones(1)}" == "tensor([1.])"


@pytest.fixture
def restored_options():
    before = tx.get_printoptions()
    yield
    tx.set_printoptions(**before)


def test_options(restored_options):
    tx.set_printoptions(precision=2)
    assert repr(tx.tensor([1.23456])) == "tensor([1.23])"
    tx.set_printoptions(threshold=5, edgeitems=1)
    assert repr(tx.arange(10)) == "tensor([0,  ..., 9])"
    tx.set_printoptions(sci_mode=True, profile="default")
    assert repr(tx.tensor([1.5])) == "tensor([1.5000e+00])"
    with tx.printoptions(precision=1):
        assert repr(tx.tensor([1.55])) == "tensor([1.5])"
    assert tx.get_printoptions()["precision"] == 4


def random_case(rng):
    """(array, torch dtype name) of a random shape, dtype, scale, with some special values."""
    kind = rng.integers(6)
    shape = tuple(
        int(n)
        for n in rng.choice([0, 1, 2, 3, 5, 9, 40], size=rng.integers(0, 4), p=[0.03, 0.1, 0.2, 0.3, 0.2, 0.12, 0.05])
    )
    if rng.random() < 0.1:
        shape = (int(rng.integers(990, 1500)),)
    name = str(rng.choice(["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool"]))
    if name == "bool":
        return (rng.random(shape) < 0.5), name
    if name.startswith(("int", "uint")):
        info = np.iinfo(name)
        high = min(info.max, 10 ** int(rng.integers(1, 19)))
        return rng.integers(0 if name == "uint8" else max(info.min, -high), high, size=shape).astype(name), name
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-6, 9)
    if kind == 0:
        values = np.round(values)
    if kind == 1:
        values = values * 10.0 ** rng.integers(-8, 9, size=shape)
    if kind == 2:
        special = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], size=shape)
        values = np.where(rng.random(shape) < 0.3, special, values)
    if kind == 3:
        values = np.full(shape, rng.choice([0.0, 1.0, -1.0, np.nan, 1e-5, 1e9, 999.5]))
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(name), name


def test_random_tensors_print_as_in_torch(restored_options):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for i in range(3000):
        array, _ = random_case(rng)
        options = {}
        if i % 3 == 1:
            options = {
                "precision": int(rng.integers(0, 8)),
                "edgeitems": int(rng.integers(0, 4)),
                "threshold": int(rng.integers(1, 60)),
                "linewidth": int(rng.integers(20, 120)),
            }
        tx.set_printoptions(profile="default")
        torch.set_printoptions(profile="default")
        tx.set_printoptions(**options)
        torch.set_printoptions(**options)
        ours, theirs = repr(tx.tensor(array)), repr(torch.tensor(array))
        torch.set_printoptions(profile="default")
        # "tensorx" is longer than "torch", so the line may break earlier before dtype=.
        ours, theirs = (re.sub(r",\s+dtype=\w+\.", ", dtype=", text) for text in (ours, theirs))
        assert ours == theirs, (array, options)

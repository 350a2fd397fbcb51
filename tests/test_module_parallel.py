"""DataParallel: what it cuts, and that the result is the module's own."""

from collections import namedtuple

import pytest

import tensorx as tx
from tensorx import nn
from tensorx.nn.parallel import data_parallel, gather, scatter


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x, scale=1.0, *, parts=None):
        seen = x.shape[0]
        return {"value": self.norm(self.layer(x)) * scale, "mean": x.mean(), "rows": [x * 0 + seen], "none": None}


def devices_of(device):
    """Three parts on one device: several GPUs are not needed to cut and join."""
    return [tx.device(device, 0) if device == "cuda" else tx.device(device)] * 3


def test_the_result_is_that_of_the_module(device):
    tx.manual_seed(0)
    model = Net().to(device).eval()
    parallel = nn.DataParallel(model, devices_of(device))
    x = tx.randn(7, 3, device=device, requires_grad=True)
    out = parallel(x, scale=2.0)
    assert tx.allclose(out["value"], model(x, 2.0)["value"], atol=1e-6) and out["none"] is None
    assert out["rows"][0][:, 0].tolist() == [3.0] * 6 + [1.0] and out["mean"].shape == (3,)
    out["value"].sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    model(x, 2.0)["value"].sum().backward()
    for before, parameter in zip(gradients, model.parameters()):
        assert tx.allclose(before, parameter.grad, atol=1e-5)
    assert list(parallel.state_dict())[0] == "module.layer.weight"


def test_buffers_follow_the_first_device(device):
    model = Net().to(device)
    parallel = nn.DataParallel(model, devices_of(device)[:1])
    parallel(tx.randn(4, 3, device=device))
    assert model.norm.num_batches_tracked.item() == 1


def test_without_a_device_it_is_called():
    model = nn.Linear(3, 2)
    x = tx.ones(4, 3)
    assert tx.equal(nn.DataParallel(model, device_ids=[])(x), model(x))
    assert tx.equal(data_parallel(model, x, device_ids=[]), model(x))


Pair = namedtuple("Pair", ["a", "b"])


def test_scatter_and_gather(device):
    targets = devices_of(device)
    x = tx.arange(8.0, device=device).reshape(4, 2)
    parts = scatter(({"x": x, "name": "n"}, [x + 1], Pair(x, None)), targets)
    assert len(parts) == 2 and [part[0]["x"].shape[0] for part in parts] == [2, 2]  # four rows by threes: two parts
    assert parts[0][0]["name"] == "n" and isinstance(parts[0][1], list) and parts[1][2].b is None
    assert tx.equal(gather([part[2] for part in parts], targets[0]).a, x)
    assert tx.equal(gather([part[1] for part in scatter((0, x), targets, dim=1)], targets[0], dim=1), x)
    assert scatter("text", targets) == ["text"] * 3


@pytest.mark.skipif(not tx.cuda.is_available(), reason="needs a second kind of device")
def test_parameters_elsewhere():
    with pytest.raises(RuntimeError, match="must have its parameters and buffers on device cuda:0"):
        data_parallel(nn.Linear(3, 2), tx.ones(4, 3), device_ids=[0, 0])

"""A program over the public API that says the types it expects: tools/lint checks them, test_stubs.py runs it."""

from collections.abc import Iterator
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import tensorx as tx
import tensorx.nn.functional as F
from tensorx import nn
from tensorx.optim.lr_scheduler import CosineAnnealingLR
from tensorx.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split


def creation() -> tx.Tensor:
    assert_type(tx.zeros(2, 3), tx.Tensor)
    assert_type(tx.ones((2, 3), dtype=tx.float64, device="cpu"), tx.Tensor)
    assert_type(tx.arange(6, dtype=tx.int64, out=None), tx.Tensor)
    assert_type(tx.from_numpy(np.zeros(3)), tx.Tensor)
    assert_type(tx.randint(10, (4,), generator=tx.Generator().manual_seed(1)), tx.Tensor)
    assert_type(tx.float32, tx.dtype)
    assert_type(tx.float32.itemsize, int)
    assert_type(tx.device("cpu").type, str)
    assert_type(tx.finfo(tx.float32).eps, float)
    return tx.tensor([[1.0, 5.0], [7.0, 2.0]], requires_grad=True)


def attributes(x: tx.Tensor) -> None:
    assert_type(x.shape, tx.Size)
    assert_type(x.shape[0], int)
    assert_type(x.shape[:1], tx.Size)
    assert_type(x.size(0), int)
    assert_type(x.size(), tx.Size)
    assert_type(x.stride(), tuple[int, ...])
    assert_type(x.dtype, tx.dtype)
    assert_type(x.device, tx.device)
    assert_type(x.ndim, int)
    assert_type(x.grad, tx.Tensor | None)
    assert_type(x.T, tx.Tensor)
    assert_type(len(x), int)
    assert_type(x.sum().item(), int | float)
    assert_type(float(x.sum()), float)
    assert_type(x.numel(), int)
    assert_type(x.detach().numpy(), NDArray[Any])
    assert_type(x.is_contiguous(), bool)


def operators(x: tx.Tensor) -> None:
    assert_type(x + 1, tx.Tensor)
    assert_type(1 - x, tx.Tensor)
    assert_type(x @ x, tx.Tensor)
    assert_type(x**2, tx.Tensor)
    assert_type(-x, tx.Tensor)
    assert_type(x < x.T, tx.Tensor)
    assert_type(x == 1, tx.Tensor)
    assert_type(x[0, ..., None], tx.Tensor)
    assert_type(x[x > 1], tx.Tensor)
    assert_type(bool((x == x).all()), bool)
    assert_type([row for row in x], list[tx.Tensor])
    y = x.detach().clone()
    y += 1
    y[0, 1:] = 0
    assert_type(y.add_(1).clamp_(min=0), tx.Tensor)


def several_results(x: tx.Tensor) -> None:
    assert_type(x.max(), tx.Tensor)
    assert_type(x.max(0), tx.return_types.max)
    assert_type(tx.max(x, 1, keepdim=True).indices, tx.Tensor)
    assert_type(tx.max(x, x.T), tx.Tensor)
    values, indices = x.sort(descending=True)
    assert_type(values, tx.Tensor)
    assert_type(x.topk(1).values, tx.Tensor)
    assert_type(x.split(1), tuple[tx.Tensor, ...])
    assert_type(tx.unbind(x, 0), tuple[tx.Tensor, ...])
    assert_type(tx.var_mean(x, dim=0), tuple[tx.Tensor, tx.Tensor])
    assert_type(x.unique(), tx.Tensor)
    assert_type(x.unique(return_counts=True), tuple[tx.Tensor, tx.Tensor])
    assert_type(tx.where(x > 1), tuple[tx.Tensor, ...])
    assert_type(tx.where(x > 1, x, 0.0), tx.Tensor)
    assert_type(x.nonzero(), tx.Tensor)
    assert_type(tx.allclose(x, x), bool)


def ops(x: tx.Tensor) -> None:
    out = tx.empty(2, 2)
    assert_type(tx.exp(x.detach(), out=out), tx.Tensor)
    assert_type(tx.add(x, 1, alpha=2), tx.Tensor)
    assert_type(x.sum((0, 1), keepdim=True, dtype=tx.float64), tx.Tensor)
    assert_type(x.permute(1, 0).reshape((4,)).view(2, -1).expand(2, 2), tx.Tensor)
    assert_type(tx.permute(x, (1, 0)), tx.Tensor)
    assert_type(tx.cat([x, x], dim=1), tx.Tensor)
    assert_type(x.to(tx.float64).to("cpu").to(x), tx.Tensor)
    assert_type(x.gather(1, tx.zeros(2, 1, dtype=tx.int64)), tx.Tensor)
    assert_type(x.type(), str)
    assert_type(tx.get_default_device(), tx.device)
    assert_type(tx.result_type(x, 1), tx.dtype)


@tx.no_grad()
def predict(model: nn.Module, x: tx.Tensor) -> tx.Tensor:
    model.eval()
    assert_type(model(x), Any)
    prediction: tx.Tensor = model(x)
    return prediction.argmax(1)


class Squares(Dataset[tuple[tx.Tensor, int]]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[tx.Tensor, int]:
        return tx.tensor([float(index)]), index**2


class Network(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(width, 2, bias=False)
        self.scale = nn.Parameter(tx.ones(1))
        self.register_buffer("steps", tx.zeros(1))

    def forward(self, x: tx.Tensor) -> tx.Tensor:
        self.steps += 1
        return F.log_softmax(self.head(self.body(x)) * self.scale, dim=1)


def training() -> None:
    model = Network(8).train()
    assert_type(model, Network)
    assert_type(model.head.weight, nn.Parameter)
    assert_type(model.parameters(), Iterator[nn.Parameter])
    data = TensorDataset(tx.randn(16, 2), tx.randint(2, (16,)))
    assert_type(random_split(data, [12, 4])[0], Subset[tuple[tx.Tensor, ...]])
    optimizer = tx.optim.AdamW([{"params": model.body.parameters()}, {"params": [model.scale]}], lr=1e-2)
    schedule = CosineAnnealingLR(optimizer, T_max=2)
    for inputs, targets in DataLoader(data, batch_size=4, shuffle=True):
        loss = F.nll_loss(model(inputs), targets, reduction="mean")
        assert_type(loss, tx.Tensor)
        optimizer.zero_grad()
        loss.backward()
        assert_type(nn.utils.clip_grad_norm_(model.parameters(), 1.0), tx.Tensor)
        optimizer.step()
    schedule.step()
    assert_type(schedule.get_last_lr(), list[float])
    assert_type(nn.init.xavier_uniform_(model.head.weight), tx.Tensor)
    assert_type(predict(model, tx.zeros(1, 2)), tx.Tensor)
    assert_type(Squares()[1], tuple[tx.Tensor, int])
    model.load_state_dict(model.state_dict())


class Double(tx.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: tx.Tensor) -> tx.Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: tx.Tensor) -> tx.Tensor:
        return grad * 2


def gradients(x: tx.Tensor) -> None:
    assert_type(tx.autograd.grad((x * x).sum(), x), tuple[tx.Tensor, ...])
    Double.apply(x).sum().backward()
    handle = x.register_hook(lambda grad: grad * 2)
    handle.remove()
    with tx.no_grad(), tx.set_grad_enabled(True):
        assert_type(tx.is_grad_enabled(), bool)
    assert_type(tx.autograd.gradcheck(lambda t: t * t, x.double().detach().requires_grad_()), bool)


def mistakes(x: tx.Tensor) -> None:
    """What must not pass: tools/lint complains about a comment here that silences nothing."""
    x.summ()  # type: ignore[attr-defined]
    tx.zeros("2")  # type: ignore[arg-type]
    tx.exp(x, 1)  # type: ignore[call-arg, arg-type]
    x.sum(dim="0")  # type: ignore[arg-type]
    nn.Linear(2)  # type: ignore[call-arg]
    nn.Linear("2", 3)  # type: ignore[arg-type]
    F.relu(2)  # type: ignore[arg-type]
    tx.optim.SGD(lr=1.0)  # type: ignore[call-arg]
    DataLoader()  # type: ignore[call-arg]
    tx.op  # type: ignore[attr-defined]


def main() -> None:
    x = creation()
    for part in (attributes, operators, several_results, ops, gradients):
        part(x)
    training()

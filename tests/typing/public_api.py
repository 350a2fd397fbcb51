"""What a type checker must see of the public API. Checked by mypy, never run: see tools/lint."""

from typing import assert_type

import numpy as np

import tensorx as tx
import tensorx.nn.functional as F
from tensorx import nn
from tensorx.utils.data import DataLoader, TensorDataset

x = tx.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
assert_type(x, tx.Tensor)
assert_type(x + 1, tx.Tensor)
assert_type(2 * x @ x.T, tx.Tensor)
assert_type(x < 0, tx.Tensor)
assert_type(x[0, :], tx.Tensor)
assert_type(x.sum(dim=1, keepdim=True), tx.Tensor)
assert_type(tx.softmax(x, dim=1), tx.Tensor)
assert_type(tx.cat([x, x], dim=0), tx.Tensor)
assert_type(tx.zeros(2, 3, dtype=tx.float64), tx.Tensor)
assert_type(x.to(tx.bfloat16).view(-1), tx.Tensor)
assert_type(x.dim(), int)
assert_type(x.dtype, tx.dtype)
assert_type(x.requires_grad, bool)

array: np.ndarray = x.detach().numpy()
gradient: tx.Tensor | None = x.grad
with tx.no_grad():
    x.add_(1)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, inputs: tx.Tensor) -> tx.Tensor:
        return F.relu(self.linear(inputs))


model = Model()
optimizer = tx.optim.AdamW(model.parameters(), lr=1e-3)
for inputs, targets in DataLoader(TensorDataset(x, x), batch_size=1, shuffle=True):
    loss = F.mse_loss(model(inputs), targets)
    assert_type(loss, tx.Tensor)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

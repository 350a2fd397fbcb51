"""Row 22: joining and splitting, with gradients, negative dimensions, empty inputs, and errors that name the mismatch."""

import pytest

import tensorx as tx


def test_cat_and_its_gradient(device):
    a = tx.ones(2, 3, device=device, requires_grad=True)
    b = tx.ones(2, 2, device=device, requires_grad=True)
    out = tx.cat([a, b, a], dim=-1)
    assert out.shape == (2, 8)
    (out * tx.arange(8.0, device=device)).sum().backward()
    assert a.grad.tolist() == [[5, 7, 9]] * 2 and b.grad.tolist() == [[3, 4]] * 2


def test_stack_and_its_gradient(device):
    parts = [tx.full((2,), float(i), device=device, requires_grad=True) for i in range(3)]
    for dim in (0, 1, -1):
        out = tx.stack(parts, dim=dim)
        assert out.shape == ((3, 2) if dim == 0 else (2, 3))
        (out.select(dim, 1) * 5).sum().backward()
    assert parts[1].grad.tolist() == [15, 15] and parts[0].grad.tolist() == [0, 0]


def test_empty_inputs_and_types(device):
    x = tx.ones(2, 3, device=device)
    assert tx.cat([x, tx.zeros(0, 3, device=device)]).shape == (2, 3)
    assert tx.cat([tx.zeros(0, device=device), x]).shape == (2, 3)  # as in older code
    assert tx.cat([x, tx.ones(1, 3, dtype=tx.float64, device=device)]).dtype is tx.float64
    assert tx.cat([tx.ones(1, dtype=tx.int64, device=device), tx.ones(1, device=device)]).dtype is tx.float32


def test_splitting(device):
    x = tx.arange(10, device=device)
    assert [part.tolist() for part in x.split(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [len(part) for part in x.split([1, 2, 7])] == [1, 2, 7]
    assert [len(part) for part in x.chunk(3)] == [4, 4, 2]
    assert [part.item() for part in x[:3].unbind()] == [0, 1, 2]
    assert all(part.data_ptr() >= x.data_ptr() for part in x.tensor_split(3))
    y = x.view(2, 5)
    assert [part.shape for part in y.split(2, dim=-1)] == [(2, 2), (2, 2), (2, 1)]


def test_relatives(device):
    a, b = tx.ones(3, device=device), tx.zeros(3, device=device)
    assert tx.hstack([a, b]).shape == (6,) and tx.vstack([a, b]).shape == (2, 3)
    assert tx.dstack([a, b]).shape == (1, 3, 2) and tx.column_stack([a, b]).shape == (3, 2)
    assert tx.concat([a, b]).shape == tx.concatenate([a, b]).shape == (6,)


def test_errors_name_the_mismatch(device):
    with pytest.raises(RuntimeError) as error:
        tx.cat([tx.zeros(2, 3, device=device), tx.zeros(2, 4, device=device)])
    for part in ("cat", "size 3", "number 1", "[2, 4]"):
        assert part in str(error.value), error.value
    with pytest.raises(RuntimeError) as error:
        tx.stack([tx.zeros(2, device=device), tx.zeros(3, device=device)])
    assert "[2]" in str(error.value) and "[3]" in str(error.value)
    with pytest.raises((RuntimeError, ValueError), match=r"empty|non-empty|at least one"):
        tx.cat([])
    with pytest.raises(IndexError):
        tx.cat([tx.zeros(2, device=device)], dim=1)
    with pytest.raises(RuntimeError, match=r"split"):
        tx.zeros(5, device=device).split([1, 2])

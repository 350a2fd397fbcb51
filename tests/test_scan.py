"""Scans against PyTorch where it is installed."""

import pytest

import tensorx as tx

torch = pytest.importorskip("torch")

SHAPES = [(1,), (7,), (1000,), (3, 5), (300, 17), (17, 300), (2, 40, 9), (0, 3), (3, 0)]
CASES = [(s, d) for s in SHAPES for d in range(len(s))]
NAMES = ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"]


def pair(shape, dtype="float64", requires_grad=False):
    torch.manual_seed(1)
    t = torch.randn(shape, dtype=torch.float64)
    t = (
        (t * 3).round().to(getattr(torch, dtype))
        if dtype.startswith(("int", "uint", "bool"))
        else t.to(getattr(torch, dtype))
    )
    x = tx.tensor(t.tolist(), dtype=getattr(tx, dtype)).reshape(shape)
    return x.requires_grad_(requires_grad), t.requires_grad_(requires_grad)


def close(x, t, tolerance):
    if isinstance(t, tuple):
        return all(close(a, b, tolerance) for a, b in zip(x, t, strict=True))
    assert tuple(x.shape) == tuple(t.shape) and str(x.dtype).split(".")[1] == str(t.dtype).split(".")[1]
    values = torch.tensor(x.detach().tolist(), dtype=torch.float64).reshape(t.shape)
    torch.testing.assert_close(values, t.detach().double(), rtol=tolerance, atol=tolerance, equal_nan=True)
    return True


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("shape", "dim"), CASES)
def test_values(name, shape, dim):
    x, t = pair(shape)
    close(getattr(x, name)(dim), getattr(t, name)(dim), 1e-10)


@pytest.mark.parametrize("name", NAMES[:4])
@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32"]
)
def test_dtypes(name, dtype):
    x, t = pair((4, 9), dtype)
    close(getattr(x, name)(1), getattr(t, name)(1), {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 1e-6))


def test_other_arguments():
    x, t = pair((3, 4), "int32")
    close(x.cumsum(0, dtype=tx.float64), t.cumsum(0, dtype=torch.float64), 0)
    close(tx.cumsum(x, axis=-1), torch.cumsum(t, axis=-1), 0)
    out = tx.empty(3, 4, dtype=tx.int64)
    assert tx.cumsum(x, 1, out=out) is out and out.tolist() == t.cumsum(1).tolist()
    x, t = pair((3, 4))
    close(x.t().cumprod(1), t.t().cumprod(1), 1e-12)
    close(x.clone().cumsum_(0), t.clone().cumsum_(0), 1e-12)
    assert tx.tensor(3.0).cumsum(0).tolist() == 3.0
    with pytest.raises(IndexError):
        x.cumsum(2)


@pytest.mark.parametrize("name", NAMES[2:4])
def test_nan_and_ties(name):
    values = [1.0, 3.0, 3.0, float("nan"), 9.0, -9.0]
    close(getattr(tx.tensor(values), name)(0), getattr(torch.tensor(values), name)(0), 0)
    rows = [[v, v] for v in values]
    close(getattr(tx.tensor(rows), name)(0), getattr(torch.tensor(rows), name)(0), 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("shape", "dim"), [((6,), 0), ((3, 5), 0), ((3, 5), 1), ((2, 4, 3), 1)])
def test_gradients(name, shape, dim):
    x, t = pair(shape, requires_grad=True)
    y, u = getattr(x, name)(dim), getattr(t, name)(dim)
    y, u = (y[0], u[0]) if isinstance(u, tuple) else (y, u)
    w, v = pair(shape)
    first, expected = (
        tx.autograd.grad((y * w).sum(), [x], create_graph=True)[0],
        torch.autograd.grad((u * v).sum(), t, create_graph=True)[0],
    )
    close(first, expected, 1e-9)
    if name not in ("cummax", "cummin"):
        loss, expected_loss = (first * first).sum(), (expected * expected).sum()
        if expected_loss.requires_grad and name != "cumsum":
            close(tx.autograd.grad(loss, [x])[0], torch.autograd.grad(expected_loss, t)[0], 1e-8)


def test_gradient_of_cumprod_with_zeros():
    values = [[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [2.0, 3.0, 4.0]]
    for dim in (0, 1):
        x, t = (
            tx.tensor(values, dtype=tx.float64, requires_grad=True),
            torch.tensor(values, dtype=torch.float64, requires_grad=True),
        )
        x.cumprod(dim).sum().backward()
        t.cumprod(dim).sum().backward()
        close(x.grad, t.grad, 1e-12)
        x, t = (
            tx.tensor(values, dtype=tx.float64, requires_grad=True),
            torch.tensor(values, dtype=torch.float64, requires_grad=True),
        )
        x.prod(dim).sum().backward()
        t.prod(dim).sum().backward()
        close(x.grad, t.grad, 1e-12)

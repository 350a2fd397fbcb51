"""Row 32: one tensor operation gives what a Python loop over the elements does, and the benchmark times both."""

import importlib
import math
import sys
from pathlib import Path

import pytest

import tensorx as tx
from tensorx import _C

BENCH = Path(__file__).parents[2] / "bench"


def grid(device, rows=5, columns=7):
    tx.manual_seed(0)
    return tx.randn(rows, columns, dtype=tx.float64, device=device)


# (name, by a Python loop over lists of numbers, by tensors): of two matrices a (5, 7), b (5, 7)
PAIRS = {
    "elementwise": (
        lambda a, b: [[math.tanh(x) * y + 2 for x, y in zip(r, s)] for r, s in zip(a, b)],
        lambda a, b: a.tanh() * b + 2,
    ),
    "choice": (
        lambda a, b: [[x if x > y else -y for x, y in zip(r, s)] for r, s in zip(a, b)],
        lambda a, b: tx.where(a > b, a, -b),
    ),
    "sums": (lambda a, b: [sum(r) for r in a], lambda a, b: a.sum(1)),
    "running sums": (
        lambda a, b: [[sum(r[: i + 1]) for i in range(len(r))] for r in a],
        lambda a, b: a.cumsum(1),
    ),
    "largest": (lambda a, b: [max(range(len(r)), key=r.__getitem__) for r in a], lambda a, b: a.argmax(1)),
    "products": (
        lambda a, b: [[sum(x * y for x, y in zip(r, s)) for s in b] for r in a],
        lambda a, b: a @ b.T,
    ),
    "distances": (
        lambda a, b: [[math.sqrt(sum((x - y) ** 2 for x, y in zip(r, s))) for s in b] for r in a],
        lambda a, b: (a.unsqueeze(1) - b).square().sum(-1).sqrt(),
    ),
    "softmax": (
        lambda a, b: [[math.exp(x) / sum(math.exp(y) for y in r) for x in r] for r in a],
        lambda a, b: a.softmax(1),
    ),
    "counts": (
        lambda a, b: [sum(1 for r in a for x in r if i <= x < i + 1) for i in range(-2, 2)],
        lambda a, b: ((a.flatten() >= tx.arange(-2, 2).to(a).unsqueeze(1)) & (a.flatten() < tx.arange(-1, 3).to(a).unsqueeze(1))).sum(1),
    ),
    "one hot": (
        lambda a, b: [[1 if i == r.index(max(r)) else 0 for i in range(len(r))] for r in a],
        lambda a, b: tx.nn.functional.one_hot(a.argmax(1), a.shape[1]),
    ),
    "neighbours": (
        lambda a, b: [[(r[i - 1] + r[i] + r[i + 1]) / 3 for i in range(1, len(r) - 1)] for r in a],
        lambda a, b: a.unfold(1, 3, 1).mean(-1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_tensor_operation_equals_the_loop(name, device):
    loop, tensors = PAIRS[name]
    a, b = grid(device), grid(device).flip(0)
    expected, found = loop(a.tolist(), b.tolist()), tensors(a, b)
    assert found.device.type == device
    assert tx.allclose(found.double().cpu(), tx.tensor(expected, dtype=tx.float64), rtol=1e-12, atol=1e-14)


def test_gradients_too(device):
    """A graph of one node instead of thousands, with the same gradient."""
    a = grid(device).requires_grad_()
    total = tx.zeros((), dtype=tx.float64, device=device)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total = total + a[i, j].tanh()
    (by_loop,) = tx.autograd.grad(total, a)
    (by_tensor,) = tx.autograd.grad(a.tanh().sum(), a)
    assert tx.allclose(by_loop, by_tensor, rtol=1e-14)


def test_vmap_vectorises_a_function_of_one_example(device):
    a, b = grid(device), grid(device).flip(0)

    def of_one(x, y):
        return tx.dot(x, y) / x.norm()

    expected = tx.stack([of_one(x, y) for x, y in zip(a, b)])
    assert tx.allclose(tx.vmap(of_one)(a, b), expected, rtol=1e-13)


def test_every_length_of_row(device):
    """Rows that fill no whole register, of any length: no element is lost or read twice."""
    for length in [*range(1, 40), 63, 64, 65, 127, 129]:
        values = [math.sin(i) for i in range(length)]
        x = tx.tensor(values, dtype=tx.float64, device=device)
        assert tx.allclose((x * x + 1).cpu(), tx.tensor([v * v + 1 for v in values], dtype=tx.float64), rtol=1e-15)
        assert math.isclose(x.sum().item(), math.fsum(values), rel_tol=1e-12, abs_tol=1e-13)


def test_the_instruction_set_is_chosen_at_run_time():
    """test_isa.py runs the ops with each of them."""
    assert _C.isa_name() in _C.built_isas()


def test_the_benchmark_times_both(monkeypatch):
    monkeypatch.syspath_prepend(BENCH)
    before = set(sys.modules)
    try:
        cases = list(importlib.import_module("cases_vectorization").cases())
        assert "vectorization" in importlib.import_module("run").GROUPS
        library = importlib.import_module("library").Library("tensorx", 1)
        kinds = {}
        for case in cases:
            what, how = case.name.split(": ")
            library.reseed()  # the same values each time
            result = library.numpy_values(eval(case.statement, case.setup(library)))
            result = [float(v) for values in result for v in values.reshape(-1)]
            kinds.setdefault(what, {})[how] = result
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
    for what, ways in kinds.items():
        assert any("loop" in how for how in ways) and any("loop" not in how for how in ways), what
        first, *others = ways.values()
        for other in others:
            assert other == pytest.approx(first, rel=1e-4, abs=1e-4), what

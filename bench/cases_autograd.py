"""autograd: recording, the backward sweep and small networks, where the kernels cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from case import Case
from library import Library

CHAIN = 100


def operands(library: Library) -> dict[str, Any]:
    t = library.t

    def chain() -> Any:
        y = a
        for _ in range(CHAIN):
            y = y * b
        y.sum().backward()

    def second_order() -> Any:
        (first,) = t.autograd.grad((a * a * a).sum(), a, create_graph=True)
        return t.autograd.grad(first.sum(), a)

    class Square(t.autograd.Function):  # type: ignore[name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * gradient * x

    a = library.normal(10, grad=True)
    b = library.array(1 + 0.01 * library.generator.standard_normal(10), "float32", grad=True)
    column, row = library.normal(10, 1, grad=True), library.normal(1, 10, grad=True)
    return {
        "t": t,
        "a": a,
        "b": b,
        "column": column,
        "row": row,
        "chain": chain,
        "second_order": second_order,
        "square": Square.apply,
    }


def network(library: Library) -> dict[str, Any]:
    nn = library.t.nn
    model = library.fill(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)), 0.5)
    loss = nn.MSELoss()
    inputs, targets = library.normal(4, 2), library.normal(4, 1)
    parameters = list(model.parameters())

    def forward() -> Any:
        return loss(model(inputs), targets)

    return {"forward": forward, "grad": library.t.autograd.grad, "parameters": parameters}


def cases() -> Iterator[Case]:
    yield Case("recorded a + b", "a + b", operands)
    yield Case("(a*b).sum().backward()", "(a * b).sum().backward()", operands, result="a.grad, b.grad")
    yield Case(f"{CHAIN} multiplications", "chain()", operands, result="a.grad, b.grad")
    yield Case("broadcast add", "(column + row).sum().backward()", operands, result="column.grad, row.grad")
    yield Case("a[2:5]", "a[2:5].sum().backward()", operands, result="a.grad")
    yield Case("second order", "second_order()", operands)
    yield Case("autograd.Function", "square(a).sum().backward()", operands, result="a.grad")
    yield Case("MLP 2-8-1 forward", "forward()", network)
    yield Case("MLP 2-8-1 both", "grad(forward(), parameters)", network)

"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from .elementwise import ElementwiseOptimizer, check_no_decay, column, count_up, full_like, numbers
from .optimizer import check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class Adagrad(ElementwiseOptimizer):
    """p -= lr / (1 + (t - 1) * lr_decay) * grad / (sqrt(s) + eps): s is the sum of all grad^2 so far, t the step.

    Duchi, Hazan and Singer 2011 (JMLR 12). Defaults: lr 0.01, lr_decay 0, weight_decay 0, which is added to the gradient,
    initial_accumulator_value 0 (what s starts with), eps 1e-10; `maximize` ascends. A sparse gradient changes what it stores,
    and no other element. ValueError for options out of range. `foreach` and `fused` have no effect; with `differentiable` the
    step is made of ops that are recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.Adagrad([weight], lr=0.25)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_not_negative(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        check_implementation(differentiable, foreach, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param].update(self._start(group, param))

    def _start(self, group, param):
        return {"step": host_number(0.0), "sum": full_like(param, group["initial_accumulator_value"])}

    def _update(self, group, params, gradients, states):
        _C.adagrad_step(
            params,
            gradients,
            column(states, "sum"),
            column(states, "step"),
            *numbers(group, "lr", "lr_decay", "eps", "weight_decay"),
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        lr = group["lr"] / (1 + (count_up(state) - 1) * group["lr_decay"])
        state["sum"] = state["sum"] + gradient * gradient
        return param - lr * gradient / (state["sum"].sqrt() + group["eps"])

    def _sparse_step(self, group, param, gradient, state):
        check_no_decay(group)
        gradient = gradient.coalesce()
        where, values = tuple(gradient.indices()), gradient.values()
        lr = float(group["lr"]) / (1 + (count_up(state) - 1) * group["lr_decay"])
        total = state["sum"][where] + values * values
        state["sum"][where] = total
        param[where] -= lr * (values / (total.sqrt() + group["eps"]))

"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from .elementwise import ElementwiseOptimizer, column, count_up, numbers, zeros_like
from .optimizer import check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class ASGD(ElementwiseOptimizer):
    """p -= eta * grad, after p *= 1 - lambd * eta, with the average of p from step t0 on in the state `ax`.

    Polyak and Juditsky 1992; the rate falls as eta = lr / (1 + lambd * lr * t)^alpha. Defaults: lr 0.01, lambd 1e-4,
    alpha 0.75, t0 1e6, weight_decay 0, which is added to the gradient; `maximize` ascends. ValueError for options out of range.
    `foreach` and `capturable` have no effect; with `differentiable` the step is made of ops that are recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.ASGD([weight], lr=0.25)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.5000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_not_negative(lr=lr, weight_decay=weight_decay)
        check_implementation(differentiable, foreach)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _start(self, group, param):
        return {
            "step": host_number(0.0),
            "eta": host_number(group["lr"]),
            "mu": host_number(1.0),
            "ax": zeros_like(param),
        }

    def _update(self, group, params, gradients, states):
        _C.asgd_step(
            params,
            gradients,
            column(states, "ax"),
            column(states, "eta"),
            column(states, "mu"),
            column(states, "step"),
            *numbers(group, "lr", "lambd", "alpha", "t0", "weight_decay"),
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        eta, mu, t = float(state["eta"]), float(state["mu"]), count_up(state)
        new = param * (1 - group["lambd"] * eta) - eta * gradient
        state["ax"] = new if mu == 1 else state["ax"] + (new - state["ax"]) * mu
        lr = float(group["lr"])
        state["eta"].fill_(lr / (1 + group["lambd"] * lr * t) ** group["alpha"])
        state["mu"].fill_(1 / max(1.0, t - group["t0"]))
        return new

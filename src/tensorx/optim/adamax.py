"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from .elementwise import ElementwiseOptimizer, adam_numbers, column, count_up, zeros_like
from .optimizer import check_betas, check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class Adamax(ElementwiseOptimizer):
    """p -= lr / (1 - beta1^t) * m / u: m is the average of the gradient, u = max(beta2 * u, |grad| + eps) its norm.

    Kingma and Ba 2014, arXiv:1412.6980: Adam with the infinity norm. Defaults: lr 2e-3, betas (0.9, 0.999), eps 1e-8,
    weight_decay 0, which is added to the gradient; `maximize` ascends. ValueError for options out of range. `foreach` and
    `capturable` have no effect; with `differentiable` the step is made of ops that are recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.Adamax([weight], lr=0.25)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas(betas)
        check_implementation(differentiable, foreach)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _start(self, group, param):
        return {"step": host_number(0.0), "exp_avg": zeros_like(param), "exp_inf": zeros_like(param)}

    def _update(self, group, params, gradients, states):
        _C.adamax_step(
            params,
            gradients,
            column(states, "exp_avg"),
            column(states, "exp_inf"),
            column(states, "step"),
            *adam_numbers(group),
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        beta1, beta2 = group["betas"]
        lr = group["lr"] / (1 - beta1 ** count_up(state))
        state["exp_avg"] = state["exp_avg"] + (1 - beta1) * (gradient - state["exp_avg"])
        state["exp_inf"] = (state["exp_inf"] * beta2).maximum(gradient.abs() + group["eps"])
        return param - lr * state["exp_avg"] / state["exp_inf"]

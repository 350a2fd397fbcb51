"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from .elementwise import ElementwiseOptimizer, column, count_up, numbers, zeros_like
from .optimizer import check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class Adadelta(ElementwiseOptimizer):
    """p -= lr * c with the change c = sqrt(u + eps) / sqrt(v + eps) * grad: v and u are averages of grad^2 and c^2.

    Zeiler 2012, arXiv:1212.5701. Defaults: lr 1, rho 0.9 (the part of an average that stays), eps 1e-6, weight_decay 0,
    which is added to the gradient; `maximize` ascends. ValueError for options out of range. `foreach` and `capturable`
    have no effect; with `differentiable` the step is made of ops that are recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.Adadelta([weight], lr=100.0)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.6838])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_not_negative(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)
        if rho > 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_implementation(differentiable, foreach)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def _start(self, group, param):
        return {"step": host_number(0.0), "square_avg": zeros_like(param), "acc_delta": zeros_like(param)}

    def _update(self, group, params, gradients, states):
        _C.adadelta_step(
            params,
            gradients,
            column(states, "square_avg"),
            column(states, "acc_delta"),
            column(states, "step"),
            *numbers(group, "lr", "rho", "eps", "weight_decay"),
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        count_up(state)
        rho, eps = group["rho"], group["eps"]
        state["square_avg"] = rho * state["square_avg"] + (1 - rho) * gradient * gradient
        change = (state["acc_delta"] + eps).sqrt() / (state["square_avg"] + eps).sqrt() * gradient
        state["acc_delta"] = rho * state["acc_delta"] + (1 - rho) * change * change
        return param - group["lr"] * change

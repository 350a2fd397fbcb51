"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from .elementwise import ElementwiseOptimizer, column, count_up, numbers, zeros_like
from .optimizer import check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class RMSprop(ElementwiseOptimizer):
    """p -= lr * grad / (sqrt(v) + eps): v is the moving average of grad^2.

    Tieleman and Hinton 2012 (Coursera, lecture 6e). `centered` takes the square of the average gradient off v (Graves 2013,
    arXiv:1308.0850); with `momentum`, p -= lr * b with b = momentum * b + grad / (sqrt(v) + eps). Defaults: lr 0.01, alpha 0.99
    (the part of an average that stays), eps 1e-8, weight_decay 0, which is added to the gradient, momentum 0; `maximize`
    ascends. ValueError for options out of range. `foreach` and `capturable` have no effect; with `differentiable` the step is
    made of ops that are recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.RMSprop([weight], lr=0.025)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_not_negative(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        check_implementation(differentiable, foreach)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def _start(self, group, param):
        state = {"step": host_number(0.0), "square_avg": zeros_like(param)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = zeros_like(param)
        return state

    def _update(self, group, params, gradients, states):
        _C.rmsprop_step(
            params,
            gradients,
            column(states, "square_avg"),
            column(states, "momentum_buffer") if group["momentum"] > 0 else [],
            column(states, "grad_avg") if group["centered"] else [],
            column(states, "step"),
            *numbers(group, "lr", "alpha", "eps", "weight_decay", "momentum"),
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        count_up(state)
        alpha = group["alpha"]
        state["square_avg"] = variance = alpha * state["square_avg"] + (1 - alpha) * gradient * gradient
        if group["centered"]:
            state["grad_avg"] = state["grad_avg"] + (1 - alpha) * (gradient - state["grad_avg"])
            variance = variance - state["grad_avg"] * state["grad_avg"]
        change = gradient / (variance.sqrt() + group["eps"])
        if group["momentum"] > 0:
            state["momentum_buffer"] = change = group["momentum"] * state["momentum_buffer"] + change
        return param - group["lr"] * change

"""Rprop."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C, ones_like, where
from .elementwise import ElementwiseOptimizer, column, count_up, full_like, zeros_like
from .optimizer import check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class Rprop(ElementwiseOptimizer):
    """p -= s * sign(grad): every element has a step size s, which grows while the sign stays and shrinks where it turns.

    Riedmiller and Braun 1993, for gradients of the whole data set. s starts with `lr` (0.01) and is multiplied by
    etas[1] = 1.2 or etas[0] = 0.5, within `step_sizes` (1e-6, 50); where the sign turned, p stays for one step. `maximize`
    ascends. ValueError for options out of range. `foreach` and `capturable` have no effect; with `differentiable` the step is
    made of ops that are recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.Rprop([weight], lr=0.25)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_not_negative(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        check_implementation(differentiable, foreach)
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _start(self, group, param):
        return {"step": host_number(0.0), "prev": zeros_like(param), "step_size": full_like(param, group["lr"])}

    def _update(self, group, params, gradients, states):
        _C.rprop_step(
            params,
            gradients,
            column(states, "prev"),
            column(states, "step_size"),
            column(states, "step"),
            *map(float, (*group["etas"], *group["step_sizes"])),
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        count_up(state)
        sign = (gradient * state["prev"]).sign()
        shrink, grow = group["etas"]
        factor = where(sign > 0, grow, where(sign < 0, shrink, ones_like(sign)))
        state["step_size"] = (state["step_size"] * factor).clamp(*group["step_sizes"])
        state["prev"] = gradient = where(sign < 0, 0.0, gradient)
        return param - gradient.sign() * state["step_size"]

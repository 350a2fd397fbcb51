"""RAdam."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from .elementwise import ElementwiseOptimizer, adam_numbers, column, count_up, moments, zeros_like
from .optimizer import check_betas, check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class RAdam(ElementwiseOptimizer):
    """Adam that steps along m alone while too few squares are averaged for their variance to be small, and rectified after.

    Liu et al. 2019, arXiv:1908.03265. m and v are the averages of the gradient and its square, n = 2 / (1 - beta2) - 1 the
    length of v's window and l = n - 2 t beta2^t / (1 - beta2^t) what it has of it at step t. Up to l = 5,
    p -= lr * m / (1 - beta1^t); beyond, that times r * sqrt(1 - beta2^t) / (sqrt(v) + eps) with
    r^2 = (l - 4)(l - 2) n / ((n - 4)(n - 2) l). Defaults: lr 1e-3, betas (0.9, 0.999), eps 1e-8, weight_decay 0, which is
    added to the gradient, or taken from p with `decoupled_weight_decay`; `maximize` ascends. ValueError for options out of
    range. `foreach` and `capturable` have no effect; with `differentiable` the step is made of ops that are recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.RAdam([weight], lr=0.25)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.5000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def _start(self, group, param):
        return {"step": host_number(0.0), "exp_avg": zeros_like(param), "exp_avg_sq": zeros_like(param)}

    def _update(self, group, params, gradients, states):
        _C.radam_step(
            params,
            gradients,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "step"),
            *adam_numbers(group),
            group["decoupled_weight_decay"],
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        (beta1, beta2), t = group["betas"], count_up(state)
        m, v = moments(group, gradient, state)
        change = group["lr"] * m / (1 - beta1**t)
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        if length > 5:
            squared = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            change = change * (squared * (1 - beta2**t)) ** 0.5 / (v.sqrt() + group["eps"])
        return param - change

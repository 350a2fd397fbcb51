"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from .elementwise import ElementwiseOptimizer, adam_numbers, column, count_up, moments, zeros_like
from .optimizer import check_betas, check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class Adam(ElementwiseOptimizer):
    """p -= lr * m / (sqrt(v) + eps): m and v are the bias-corrected moving averages of the gradient and its square.

    Kingma and Ba 2014, arXiv:1412.6980. Defaults: lr 1e-3, betas (0.9, 0.999), eps 1e-8, weight_decay 0, which is
    added to the gradient (`decoupled_weight_decay` makes this AdamW). `amsgrad` divides by the largest v so far
    (Reddi et al. 2018, arXiv:1904.09237); `maximize` ascends. ValueError for options out of range. `foreach`, `fused`
    and `capturable` have no effect: a step is one call for all tensors; with `differentiable` it is made of ops that are
    recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.Adam([weight], lr=0.25)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas(betas)
        check_implementation(differentiable, foreach, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def _start(self, group, param):
        state = {"step": host_number(0.0), "exp_avg": zeros_like(param), "exp_avg_sq": zeros_like(param)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(param)
        return state

    def _update(self, group, params, gradients, states):
        _C.adam_step(
            params,
            gradients,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "max_exp_avg_sq") if group["amsgrad"] else [],
            column(states, "step"),
            *adam_numbers(group),
            group["decoupled_weight_decay"],
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        (beta1, beta2), t = group["betas"], count_up(state)
        m, v = moments(group, gradient, state)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = v = state["max_exp_avg_sq"].maximum(v)
        return param - group["lr"] / (1 - beta1**t) * m / ((v / (1 - beta2**t)).sqrt() + group["eps"])


class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 by default: p -= lr * weight_decay * p, apart from the gradient.

    Loshchilov and Hutter 2017, arXiv:1711.05101. Everything else as in Adam.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> weight.grad = tx.zeros(1)
    >>> tx.optim.AdamW([weight], lr=0.5, weight_decay=0.5).step()
    >>> weight.detach()
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

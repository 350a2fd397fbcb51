"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from .elementwise import ElementwiseOptimizer, adam_numbers, column, count_up, moments, numbers, zeros_like
from .optimizer import check_betas, check_implementation, check_not_negative, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class NAdam(ElementwiseOptimizer):
    """Adam with Nesterov's momentum: the step looks ahead to the momentum of the next one, which warms up to beta1.

    Dozat 2016, "Incorporating Nesterov momentum into Adam". At step t the momentum is
    mu(t) = beta1 * (1 - 0.96^(t * momentum_decay) / 2), and M the product of those so far; m and v are the averages of the
    gradient and its square: p -= lr * ((1 - mu(t)) / (1 - M) * grad + mu(t + 1) / (1 - M mu(t + 1)) * m) /
    (sqrt(v / (1 - beta2^t)) + eps). Defaults: lr 2e-3, betas (0.9, 0.999), eps 1e-8, weight_decay 0, which is added to the
    gradient, or taken from p with `decoupled_weight_decay`, momentum_decay 4e-3; `maximize` ascends. ValueError for options
    out of range. `foreach` and `capturable` have no effect; with `differentiable` the step is made of ops that are recorded.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.NAdam([weight], lr=0.25)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.7359])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        check_betas(betas)
        check_implementation(differentiable, foreach)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def _start(self, group, param):
        return {
            "step": host_number(0.0),
            "mu_product": host_number(1.0),
            "exp_avg": zeros_like(param),
            "exp_avg_sq": zeros_like(param),
        }

    def _update(self, group, params, gradients, states):
        _C.nadam_step(
            params,
            gradients,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "mu_product"),
            column(states, "step"),
            *adam_numbers(group),
            *numbers(group, "momentum_decay"),
            group["decoupled_weight_decay"],
            group["maximize"],
        )

    def _updated(self, group, param, gradient, state):
        (beta1, beta2), t = group["betas"], count_up(state)
        now, later = (beta1 * (1 - 0.5 * 0.96 ** (s * group["momentum_decay"])) for s in (t, t + 1))
        product = float(state["mu_product"].fill_(float(state["mu_product"]) * now))
        m, v = moments(group, gradient, state)
        ahead = (1 - now) / (1 - product) * gradient + later / (1 - product * later) * m
        return param - group["lr"] * ahead / ((v / (1 - beta2**t)).sqrt() + group["eps"])

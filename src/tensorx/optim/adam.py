"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .. import _C, float32, float64, get_default_dtype, tensor, zeros_like
from .optimizer import Optimizer, check_options, evaluate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Adam(Optimizer):
    """p -= lr * m / (sqrt(v) + eps): m and v are the bias-corrected moving averages of the gradient and its square.

    Kingma and Ba 2014, arXiv:1412.6980. Defaults: lr 1e-3, betas (0.9, 0.999), eps 1e-8, weight_decay 0, which is
    added to the gradient (`decoupled_weight_decay` makes this AdamW). `amsgrad` divides by the largest v so far
    (Reddi et al. 2018, arXiv:1904.09237); `maximize` ascends. ValueError for options out of range. `foreach`, `fused`
    and `capturable` have no effect: a step is one call for all tensors.

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
        lr: float = 1e-3,
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
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i in (0, 1):
            if not 0.0 <= betas[i] < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        check_options(type(self).__name__, differentiable, foreach, fused)
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

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient. Returns the closure's loss, if there is one."""
        loss = evaluate(closure)
        for group in self.param_groups:
            params = [param for param in group["params"] if param.grad is not None]
            if not params:
                continue
            amsgrad = group["amsgrad"]
            states = [self.state[param] for param in params]
            for param, state in zip(params, states):
                if not state:
                    self._start(param, state, amsgrad)
            beta1, beta2 = group["betas"]
            _C.adam_step(
                params,
                [param.grad for param in params],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [state["max_exp_avg_sq"] for state in states] if amsgrad else [],
                [state["step"] for state in states],
                float(group["lr"]),
                float(beta1),
                float(beta2),
                float(group["eps"]),
                float(group["weight_decay"]),
                group["decoupled_weight_decay"],
                amsgrad,
                group["maximize"],
            )
        return loss

    def _start(self, param, state, amsgrad):
        state["step"] = tensor(0.0, dtype=float64 if get_default_dtype() == float64 else float32)
        for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if amsgrad else 2]:
            state[name] = zeros_like(param, requires_grad=False)


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
        lr: float = 1e-3,
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

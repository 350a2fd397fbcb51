"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .. import _C, empty_like
from .optimizer import Optimizer, check_options, evaluate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SGD(Optimizer):
    """p -= lr * v, with v = momentum * v + (1 - dampening) * (grad + weight_decay * p).

    Defaults: momentum 0, dampening 0, weight_decay 0. The first v is the gradient itself, undampened. `nesterov`
    (Sutskever et al. 2013) steps along grad + momentum * v, and needs a momentum and no dampening; `maximize`
    ascends. ValueError for a negative lr, momentum or weight_decay. `foreach` and `fused` have no effect: a
    step is one call for all tensors.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.SGD([weight], lr=0.25, momentum=0.9)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.5000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_options("SGD", differentiable, foreach, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient. Returns the closure's loss, if there is one."""
        loss = evaluate(closure)
        for group in self.param_groups:
            params = [param for param in group["params"] if param.grad is not None]
            momentum = float(group["momentum"])
            if momentum == 0:
                self._update(group, params, [], momentum, False)
                continue
            state = self.state
            fresh = [param for param in params if state[param].get("momentum_buffer") is None]
            if fresh:  # the first v is the gradient: the kernel writes it there
                for param in fresh:
                    state[param]["momentum_buffer"] = empty_like(param, requires_grad=False)
                self._update(group, fresh, [state[param]["momentum_buffer"] for param in fresh], momentum, True)
                done = set(map(id, fresh))
                params = [param for param in params if id(param) not in done]
            self._update(group, params, [state[param]["momentum_buffer"] for param in params], momentum, False)
        return loss

    def _update(self, group, params, buffers, momentum, first):
        if params:
            _C.sgd_step(
                params,
                [param.grad for param in params],
                buffers,
                float(group["lr"]),
                momentum,
                float(group["dampening"]),
                float(group["weight_decay"]),
                group["nesterov"],
                group["maximize"],
                first,
            )

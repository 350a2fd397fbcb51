"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C, empty_like
from .elementwise import ElementwiseOptimizer, check_no_decay, column, numbers
from .optimizer import check_implementation, check_not_negative

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class SGD(ElementwiseOptimizer):
    """p -= lr * v, with v = momentum * v + (1 - dampening) * (grad + weight_decay * p).

    Defaults: lr 1e-3, momentum 0, dampening 0, weight_decay 0. The first v is the gradient itself, undampened. `nesterov`
    (Sutskever et al. 2013) steps along grad + momentum * v, and needs a momentum and no dampening; `maximize`
    ascends. Gradients may be sparse. ValueError for a negative lr, momentum or weight_decay. `foreach` and `fused` have no
    effect: a step is one call for all tensors; with `differentiable` it is made of ops that are recorded.

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
        lr: float | Tensor = 1e-3,
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
        check_not_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_implementation(differentiable, foreach, fused)
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

    def _states(self, group, params):
        return super()._states(group, params) if group["momentum"] != 0 else [None] * len(params)

    def _start(self, group, param):
        return {}  # the first v is the gradient: the kernel writes it

    def _update(self, group, params, gradients, states):
        if group["momentum"] == 0:
            self._call(group, params, gradients, [], False)
            return
        fresh = [state.get("momentum_buffer") is None for state in states]
        if True not in fresh:
            self._call(group, params, gradients, column(states, "momentum_buffer"), False)
            return
        for first in (True, False):
            chosen = [i for i, is_fresh in enumerate(fresh) if is_fresh == first]
            for i in chosen if first else ():
                states[i]["momentum_buffer"] = empty_like(params[i], requires_grad=False)
            buffers = [states[i]["momentum_buffer"] for i in chosen]
            self._call(group, [params[i] for i in chosen], [gradients[i] for i in chosen], buffers, first)

    def _call(self, group, params, gradients, buffers, first):
        _C.sgd_step(
            params,
            gradients,
            buffers,
            *numbers(group, "lr", "momentum", "dampening", "weight_decay"),
            group["nesterov"],
            group["maximize"],
            first,
        )

    def _direction(self, group, gradient, state):
        """What to step along: the gradient, or its momentum."""
        momentum = group["momentum"]
        if momentum == 0:
            return gradient
        buffer = state.get("momentum_buffer")
        buffer = gradient.clone() if buffer is None else buffer * momentum + gradient * (1 - group["dampening"])
        state["momentum_buffer"] = buffer
        return gradient + buffer * momentum if group["nesterov"] else buffer

    def _updated(self, group, param, gradient, state):
        return param - group["lr"] * self._direction(group, gradient, state)

    def _sparse_step(self, group, param, gradient, state):
        check_no_decay(group)
        change = self._direction(group, gradient, state).coalesce()
        param[tuple(change.indices())] -= float(group["lr"]) * change.values()

"""Adafactor."""

from __future__ import annotations

from collections.abc import Iterable

from .. import finfo, zeros
from .elementwise import count_up
from .optimizer import ParameterwiseOptimizer, check_one_number, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class Adafactor(ParameterwiseOptimizer):
    """Adam's adaptive step from the row and column means of the squared gradient alone: state of n + m numbers for n x m.

    Shazeer and Stern 2018, arXiv:1804.04235, with PyTorch's reading of `lr` and eps. The averages of the means of grad^2 along
    the rows (r) and the columns (c) decay by 1 - t^beta2_decay at step t; the second moment is the matrix v = r c / mean(r).
    A parameter of fewer than two dimensions keeps v itself. The change u = grad / sqrt(max(v, eps[0]^2)) is scaled
    down to a root mean square of `d`, and p -= max(eps[1], rms(p)) * min(lr, 1 / sqrt(t)) * u, after p -= lr * weight_decay * p.

    Defaults: lr 0.01, beta2_decay -0.8, eps (None, 1e-3), where None is the dtype's epsilon, d 1, weight_decay 0; `maximize`
    ascends. ValueError for options out of range, RuntimeError in `step` for complex parameters and sparse gradients.
    `foreach` has no effect.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.ones(100, 200))
    >>> optimizer = tx.optim.Adafactor([weight])
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> round(weight[0, 0].item(), 4)
    0.99
    >>> {name: tuple(value.shape) for name, value in optimizer.state[weight].items()}
    {'step': (), 'row_var': (100, 1), 'col_var': (1, 200)}
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_one_number("lr", lr)
        for name, value, valid, range in (
            ("Learning rate", lr, lr >= 0.0, ">= 0"),
            ("beta2_decay", beta2_decay, beta2_decay <= 0.0, "<= 0"),
            ("epsilon1", eps[0], eps[0] is None or eps[0] >= 0.0, ">= 0"),
            ("epsilon2", eps[1], eps[1] >= 0.0, ">= 0"),
            ("Clipping threshold d", d, d >= 1.0, ">= 1"),
            ("weight_decay", weight_decay, weight_decay >= 0.0, ">= 0"),
        ):
            if not valid:
                raise ValueError(f"{name} should be {range} but is: {value}")
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def _start(self, param):
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters: optimise view_as_real of them")
        if param.grad.is_sparse:
            raise RuntimeError(
                "Adafactor does not support sparse gradients: call to_dense() on them, or use SparseAdam"
            )
        state = {"step": host_number(0.0)}
        like = {"dtype": param.dtype, "device": param.device}
        shape = tuple(param.shape)
        if param.ndim > 1:
            state["row_var"] = zeros((*shape[:-1], 1), **like)
            state["col_var"] = zeros((*shape[:-2], 1, shape[-1]), **like)
        else:
            state["variance"] = zeros(shape, **like)
        return state

    def _update(self, group, param, state):
        if not state:
            state.update(self._start(param))
        t = count_up(state)
        if param.numel() == 0:
            return
        gradient = -param.grad if group["maximize"] else param.grad
        lr, (eps1, eps2) = float(group["lr"]), group["eps"]
        eps1 = finfo(param.dtype).eps if eps1 is None else eps1
        weight = t ** group["beta2_decay"]
        step_size = max(eps2, _root_mean_square(param)) * min(lr, 1 / t**0.5)
        if group["weight_decay"] != 0:
            param.mul_(1 - lr * group["weight_decay"])
        squared = gradient * gradient
        if param.ndim > 1:
            rows = state["row_var"].lerp_(squared.mean(-1, keepdim=True), weight)
            columns = state["col_var"].lerp_(squared.mean(-2, keepdim=True), weight)
            variance = rows @ columns / rows.mean(-2, keepdim=True).clamp(min=eps1)
        else:
            variance = state["variance"].lerp_(squared, weight)
        change = variance.clamp(min=eps1 * eps1).rsqrt() * gradient
        param.sub_(change, alpha=step_size / max(1.0, _root_mean_square(change) / group["d"]))


def _root_mean_square(x):
    return x.norm().item() / x.numel() ** 0.5

"""Muon: momentum, made orthogonal."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .. import addmm, bfloat16
from .elementwise import zeros_like
from .optimizer import ParameterwiseOptimizer, check_one_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class Muon(ParameterwiseOptimizer):
    """p -= lr * a * orthogonal(b): the step is the momentum with its singular values brought near 1. For matrices alone.

    Jordan et al. 2024 (kellerjordan.github.io/posts/muon). b = momentum * b + (1 - momentum) * grad, and one interpolation
    ahead of it with `nesterov`. `ns_steps` Newton-Schulz iterations with the polynomial of `ns_coefficients`, in bfloat16,
    make it nearly orthogonal; `eps` keeps its norm from 0. `adjust_lr_fn` chooses the factor a for an n x m matrix:
    "original" (the default) sqrt(max(1, n / m)), "match_rms_adamw" 0.2 sqrt(max(n, m)). Weight decay is decoupled. Give
    other parameters (biases, embeddings, norms) to another optimiser.

    Defaults: lr 1e-3, weight_decay 0.1, momentum 0.95, nesterov True. ValueError for options out of range and parameters that
    are no matrices; RuntimeError in `step` for complex ones and sparse gradients.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.eye(2))
    >>> weight.grad = tx.diag(tx.tensor([3.0, 2.0]))
    >>> tx.optim.Muon([weight], lr=0.5, weight_decay=0.0).step()
    >>> bool((weight.diagonal() < 0.75).all()), weight[0, 1].item()
    (True, 0.0)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_one_number("lr", lr)
        for name, value in (("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if not 0.0 <= value:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        for param in self.param_groups[-1]["params"]:
            if param.ndim != 2:
                self.param_groups.pop()
                raise ValueError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {list(param.shape)}"
                )

    def _update(self, group, param, state):
        gradient, momentum, lr = param.grad, group["momentum"], float(group["lr"])
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        if gradient.is_sparse:
            raise RuntimeError("Muon does not support sparse gradients: call to_dense() on them, or use SparseAdam")
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(param)
        buffer = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        direction = gradient.lerp(buffer, momentum) if group["nesterov"] else buffer
        step = orthogonal(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = param.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            factor = 0.2 * math.sqrt(max(rows, columns))
        else:
            factor = math.sqrt(max(1, rows / columns)) if columns else 1.0
        param.mul_(1 - lr * group["weight_decay"])
        param.sub_(step.to(param.dtype), alpha=lr * factor)


def orthogonal(matrix, coefficients, steps, eps):
    """`matrix` with its singular values between about 0.7 and 1.2, in bfloat16: iterations x = (a + b x x' + c (x x')^2) x."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = matrix.to(bfloat16)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.t()
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        squared = x @ x.t()
        x = addmm(x, addmm(squared, squared, squared, beta=b, alpha=c), x, beta=a)
    return x.t() if tall else x

"""SparseAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .elementwise import zeros_like
from .optimizer import ParameterwiseOptimizer, check_betas, check_not_negative

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class SparseAdam(ParameterwiseOptimizer):
    """Adam for sparse gradients: the elements that a gradient stores are updated, and their averages; all others stay.

    Parameters are dense, and real; `nn.Embedding(sparse=True)` makes such gradients. A step takes time in proportion to
    what the gradients store. Defaults: lr 1e-3, betas (0.9, 0.999), eps 1e-8; `maximize` ascends. ValueError for options
    out of range, RuntimeError in `step` for a dense gradient.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.ones(3))
    >>> weight.grad = tx.sparse_coo_tensor([[1]], [4.0], (3,))
    >>> tx.optim.SparseAdam([weight], lr=0.25).step()
    >>> weight.detach()
    tensor([1.0000, 0.7500, 1.0000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_not_negative(lr=lr, eps=eps)
        if lr == 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if eps == 0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        for i, group in enumerate(self.param_groups):
            for j, param in enumerate(group["params"]):
                if param.is_sparse:
                    raise ValueError(
                        f"Sparse params at indices {[[i, j]]}: SparseAdam requires dense parameter tensors"
                    )
                if param.is_complex():
                    raise ValueError(
                        f"Complex params at indices {[[i, j]]}: SparseAdam does not support complex parameters"
                    )

    def _update(self, group, param, state):
        if not param.grad.is_sparse:
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        if not state:
            state.update(step=0, exp_avg=zeros_like(param), exp_avg_sq=zeros_like(param))
        state["step"] += 1
        gradient = (-param.grad if group["maximize"] else param.grad).coalesce()
        at, g = tuple(gradient.indices()), gradient.values()
        if g.numel() == 0:
            return
        (beta1, beta2), t = group["betas"], state["step"]
        m, v = state["exp_avg"][at], state["exp_avg_sq"][at]
        m = m + (1 - beta1) * (g - m)
        v = v + (1 - beta2) * (g * g - v)
        state["exp_avg"][at], state["exp_avg_sq"][at] = m, v
        step_size = float(group["lr"]) * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        param[at] -= step_size * m / (v.sqrt() + group["eps"])

"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import tensorx

from .elementwise import as_real
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer, check_not_negative

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Tensor


class LBFGS(Optimizer):
    """Limited-memory BFGS: steps along -H grad, with H made of the last changes of the parameters and of the gradient.

    Nocedal 1980; Liu and Nocedal 1989. `step(closure)` makes up to `max_iter` (20) iterations and calls the closure, which
    computes the loss and its gradients anew, up to about `max_eval` (max_iter * 5 / 4) times. It stops early where no gradient
    is larger than `tolerance_grad` (1e-7), or the loss or all parameters change by less than `tolerance_change` (1e-9). A step
    is `lr` (1) times the direction, or with line_search_fn="strong_wolfe" what the line search finds. State: `history_size`
    (100) pairs of vectors as long as all parameters together. There can be only one parameter group, and the parameters
    must be on one device. ValueError for options out of range or several groups, RuntimeError for another line search.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.tensor([-1.0, 2.0]))
    >>> optimizer = tx.optim.LBFGS([weight], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - weight[0]) ** 2 + 10 * (weight[1] - weight[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3):
    ...     loss = optimizer.step(closure)
    >>> bool(((weight - 1).abs() < 1e-3).all())
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_not_negative(lr=lr)
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Up to `max_iter` iterations. Returns the loss before the first."""
        if self.param_groups[0]["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        with tensorx.no_grad():
            return self._minimise(closure)

    def _minimise(self, closure):
        group = self.param_groups[0]
        max_iter, max_eval, lr = group["max_iter"], group["max_eval"], float(group["lr"])
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]
        state = self.state[group["params"][0]]  # of all parameters together, kept for the first, as in PyTorch
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss, loss, gradient = self._evaluate(closure)
        state["func_evals"] += 1
        calls, iterations = 1, 0
        if _largest(gradient) <= tolerance_grad:
            return first_loss
        while iterations < max_iter:
            iterations += 1
            state["n_iter"] += 1
            direction = self._direction(state, gradient, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = gradient, loss
            step = min(1.0, 1.0 / float(gradient.abs().sum())) * lr if state["n_iter"] == 1 else lr
            state["d"], state["t"] = direction, step
            slope = float(gradient.dot(direction))
            if slope > -tolerance_change:
                break
            previous_loss, used = loss, 0
            if group["line_search_fn"] is not None:
                start = [param.clone() for param in group["params"]]

                def evaluate_at(step, start=start, direction=direction):
                    self._move(step, direction)
                    _, loss, gradient = self._evaluate(closure)
                    for param, value in zip(group["params"], start):
                        param.copy_(value)
                    return Point(step, loss, gradient, float(gradient.dot(direction)))

                point, used = strong_wolfe(
                    evaluate_at, step, Point(0.0, loss, gradient, slope), _largest(direction), max_eval - calls
                )
                step, loss, gradient = point.step, point.loss, point.gradient
                self._move(step, direction)
            else:
                self._move(step, direction)
                if iterations != max_iter:  # nothing will be done with the last one
                    _, loss, gradient = self._evaluate(closure)
                    used = 1
            state["t"] = step
            calls += used
            state["func_evals"] += used
            if (
                calls >= max_eval
                or _largest(gradient) <= tolerance_grad
                or _largest(direction) * abs(step) <= tolerance_change
                or abs(loss - previous_loss) < tolerance_change
            ):
                break
        return first_loss

    def _direction(self, state, gradient, history_size):
        """-H times the gradient by the two-loop recursion, after H has learnt from the last step."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -gradient
        gradients, steps, scales = state["old_dirs"], state["old_stps"], state["ro"]
        change, step = gradient - state["prev_flat_grad"], state["d"] * float(state["t"])
        curvature = float(change.dot(step))
        if curvature > 1e-10:
            if len(gradients) == history_size:
                for history in (gradients, steps, scales):
                    history.pop(0)
            gradients.append(change)
            steps.append(step)
            scales.append(1.0 / curvature)
            state["H_diag"] = curvature / float(change.dot(change))
        direction = -gradient
        weights = state.setdefault("al", [None] * history_size)
        for i in reversed(range(len(gradients))):
            weights[i] = float(steps[i].dot(direction)) * float(scales[i])
            direction.sub_(gradients[i], alpha=weights[i])
        direction.mul_(float(state["H_diag"]))
        for i in range(len(gradients)):
            back = float(gradients[i].dot(direction)) * float(scales[i])
            direction.add_(steps[i], alpha=weights[i] - back)
        return direction

    def _evaluate(self, closure):
        """(what the closure returned, the loss as a number, all gradients as one vector)."""
        with tensorx.enable_grad():
            returned = closure()
        return returned, float(returned), self._flat_gradient()

    def _flat_gradient(self):
        parts = []
        for param in self.param_groups[0]["params"]:
            gradient = tensorx.zeros_like(param, requires_grad=False) if param.grad is None else param.grad.detach()
            gradient = gradient.to_dense() if gradient.is_sparse else gradient
            parts.append(as_real(gradient).reshape(-1))
        return tensorx.cat(parts)

    def _move(self, step, direction):
        begin = 0
        for param in self.param_groups[0]["params"]:
            real = as_real(param)
            real.add_(direction[begin : begin + real.numel()].reshape(real.shape), alpha=step)
            begin += real.numel()


def _largest(x):
    return float(x.abs().max()) if x.numel() else 0.0

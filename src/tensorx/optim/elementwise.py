"""ElementwiseOptimizer: what the optimisers have in common that update every element by itself."""

from __future__ import annotations

import tensorx

from .optimizer import HOST_NUMBERS, Optimizer, evaluate, host_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class ElementwiseOptimizer(Optimizer):
    """An optimiser whose step is one kernel call for all tensors of a group.

    A subclass gives the states that a parameter starts with (`_start`), makes the call (`_update`), and says the same in
    ops (`_updated`), for `differentiable=True` and for the reader.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient. Returns the closure's loss, if there is one."""
        loss = evaluate(closure)
        for group in self.param_groups:
            params = [param for param in group["params"] if param.grad is not None]
            gradients = [param.grad for param in params]
            states = self._states(group, params)
            kinds: set[Any] = set(map(type, gradients))
            if any(kind.is_sparse for kind in kinds):
                params, gradients, states = self._sparse_steps(group, params, states)
            if group["differentiable"]:
                for param, state in zip(params, states):
                    self._differentiable_step(group, param, state)
            elif params:
                self._update(group, params, gradients, states)
        return loss

    def _states(self, group, params):
        """The states of the parameters, begun where there are none yet."""
        states = [self.state[param] for param in params]
        if not all(states):
            for param, state in zip(params, states):
                if not state:
                    state.update(self._start(group, param))
        return states

    def _start(self, group, param):
        """The states of a parameter before its first step, by name."""
        raise NotImplementedError

    def _update(self, group, params, gradients, states):
        """Call the kernel."""
        raise NotImplementedError

    def _updated(self, group, param, gradient, state):
        """The new value of one parameter, by ops; `state` is given new values. Sign and decay are in `gradient` already."""
        raise NotImplementedError

    def _sparse_step(self, group, param, gradient, state):
        raise RuntimeError(
            f"{type(self).__name__} does not support sparse gradients: call to_dense() on them, or use SGD"
        )

    def _sparse_steps(self, group, params, states):
        """Updates the parameters whose gradient is sparse, and returns the others, with their gradients and states."""
        dense = []
        for param, state in zip(params, states):
            if not param.grad.is_sparse:
                dense.append((param, param.grad, state))
                continue
            with tensorx.no_grad():
                self._sparse_step(group, param, -param.grad if group["maximize"] else param.grad, state)
        return map(list, zip(*dense)) if dense else ([], [], [])

    def _differentiable_step(self, group, param, state):
        is_complex = param.is_complex()
        with tensorx.enable_grad():
            old, gradient = param.clone(), -param.grad if group["maximize"] else param.grad
            decay = group.get("weight_decay", 0)
            if decay != 0 and group.get("decoupled_weight_decay"):
                old = old * (1 - group["lr"] * decay)
            elif decay != 0:
                gradient = gradient + decay * old
            if not is_complex:
                param.copy_(self._updated(group, old, gradient, state))
                return
            real = None if state is None else {name: as_real(value) for name, value in state.items()}
            new = self._updated(group, tensorx.view_as_real(old), tensorx.view_as_real(gradient), real)
            param.copy_(tensorx.view_as_complex(new))
            for name, value in (real or {}).items():
                state[name] = value if name in HOST_NUMBERS else tensorx.view_as_complex(value)

    def __setstate__(self, state):
        super().__setstate__(state)
        for entries in self.state.values():  # older versions of PyTorch saved plain numbers
            for name in HOST_NUMBERS.intersection(entries):
                entries[name] = host_number(entries[name])


def as_real(value):
    """A complex tensor with a last dimension of two, its parts; another as it is."""
    return tensorx.view_as_real(value) if value.is_complex() else value


def check_no_decay(group):
    """Decay would change the elements that a sparse gradient does not store."""
    if group["weight_decay"] != 0:
        raise RuntimeError("weight_decay option is not compatible with sparse gradients")


def zeros_like(param):
    """A state that starts with zeros, laid out as its parameter."""
    return tensorx.zeros_like(param, requires_grad=False)


def full_like(param, value):
    """A state that starts with `value`, in the real and the imaginary part."""
    value = float(value)
    return tensorx.full_like(param, complex(value, value) if param.is_complex() else value, requires_grad=False)


def column(states, name):
    """One of the states of all parameters."""
    return [state[name] for state in states]


def numbers(group, *names):
    """Options of a group for the kernel; a learning rate may be a tensor."""
    return [float(group[name]) for name in names]


def adam_numbers(group):
    """The options that Adam and its kin have in common, for the kernel."""
    return [*numbers(group, "lr"), *map(float, group["betas"]), *numbers(group, "eps", "weight_decay")]


def count_up(state):
    """Counts a step, and says the how many-th it is."""
    state["step"] += 1
    return float(state["step"])


def moments(group, gradient, state):
    """Brings the averages of the gradient and of its square up to date."""
    beta1, beta2 = group["betas"]
    state["exp_avg"] = state["exp_avg"] + (1 - beta1) * (gradient - state["exp_avg"])
    state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * gradient * gradient
    return state["exp_avg"], state["exp_avg_sq"]

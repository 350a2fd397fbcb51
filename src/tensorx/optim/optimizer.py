"""Optimizer: the base class. Parameter groups, state, hooks, saving and loading.

The layout of `state_dict()` is PyTorch's: {"state": {parameter number: {name: value}}, "param_groups": [...]},
with parameters numbered in the order of the groups.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import wraps

import tensorx

from ..utils._gradient import zero_gradient
from ..utils.hooks import RemovableHandle, add_hook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HOOK_TABLES = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)

required = object()  # the default of an option that every group has to give


class Optimizer:
    """Base class: a subclass calls `super().__init__(params, defaults)` and writes `step`.

    `params` are tensors, (name, tensor) pairs, or dictionaries {"params": ..., option: value} that make
    parameter groups with options of their own; `defaults` are the options of groups that do not give them.
    `state` holds what a subclass keeps per parameter.

    >>> import tensorx as tx
    >>> class SignDescent(tx.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...     @tx.no_grad()
    ...     def step(self):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 p -= group["lr"] * p.grad.sign()
    >>> weight = tx.nn.Parameter(tx.ones(2))
    >>> weight.sum().backward()
    >>> SignDescent([weight], lr=0.25).step()
    >>> weight.detach()
    tensor([0.7500, 0.7500])
    """

    _optimizer_step_pre_hooks: dict[int, Callable[..., Any]]
    _optimizer_step_post_hooks: dict[int, Callable[..., Any]]
    _optimizer_state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _optimizer_state_dict_post_hooks: dict[int, Callable[..., Any]]
    _optimizer_load_state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _optimizer_load_state_dict_post_hooks: dict[int, Callable[..., Any]]

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.step)

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, tensorx.Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._make_hook_tables()
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _make_hook_tables(self):
        for name in _HOOK_TABLES:
            setattr(self, name, {})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once. `closure`, if given, computes the loss anew; its value is returned."""
        raise NotImplementedError(f"{type(self).__name__} must implement step")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros with `set_to_none=False`."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                else:
                    zero_gradient(parameter)

    # Groups ---------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add {"params": ..., option: value}; options that are not given are the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, tensorx.Tensor) else list(params)
        names = [param[0] for param in params if isinstance(param, tuple)]
        params = [param[1] if isinstance(param, tuple) else param for param in params]
        if names and len(names) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        for param in params:
            if not isinstance(param, tensorx.Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(param).__name__}")
            if not (param.is_leaf or param.retains_grad or self.defaults.get("differentiable")):
                raise ValueError("can't optimize a non-leaf Tensor")
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self._check_new_group(param_group)
        self.param_groups.append(param_group)

    def _check_new_group(self, new):
        ids = {id(param) for param in new["params"]}
        if len(ids) != len(new["params"]):
            warnings.warn("optimizer contains a parameter group with duplicate parameters", stacklevel=4)
        for group in self.param_groups:
            if ("param_names" in new) != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with' if 'param_names' in new else 'without'} names to the optimizer"
                )
            if any(id(param) in ids for param in group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")

    # State ----------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state and the options of the groups, with numbers in the place of parameters."""
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                numbers.setdefault(id(param), len(numbers))
            packed = {name: value for name, value in group.items() if name != "params"}
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, tensorx.Tensor) else key: value for key, value in self.state.items()
        }
        saved = {"state": state, "param_groups": groups}
        for hook in list(self._optimizer_state_dict_post_hooks.values()):
            saved = _replaced(hook(self, saved), saved)
        return saved

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict()` gave, of this optimiser or of PyTorch's of the same name.

        State tensors are copied to the dtype and device of their parameter. ValueError if the groups
        differ in number or size.
        """
        state_dict = dict(state_dict)
        for hook in list(self._optimizer_load_state_dict_pre_hooks.values()):
            state_dict = _replaced(hook(self, state_dict), state_dict)
        saved_groups = deepcopy(state_dict["param_groups"])
        if len(saved_groups) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved_groups)}, here {len(self.param_groups)}"
            )
        params: dict[Any, Any] = {}
        for i, (saved, group) in enumerate(zip(saved_groups, self.param_groups)):
            if len(saved["params"]) != len(group["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {i} has {len(saved['params'])} parameters, here {len(group['params'])}"
                )
            params.update(zip(saved["params"], group["params"]))
            saved["params"] = group["params"]
            for name in ("param_names", *self.defaults):  # options that an older version did not save
                if name in group:
                    saved.setdefault(name, group[name])
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = _fit(value, params[key])
            else:
                state[key] = value
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        if _HOOK_TABLES[0] not in self.__dict__:
            self._make_hook_tables()

    # Hooks ----------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before `step`; it may return new (args, kwargs). `args` has the optimizer first."""
        return add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after `step`."""
        return add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict`."""
        return add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after `state_dict`; it may return another."""
        return add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before `load_state_dict`; it may return another."""
        return add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [
                f"Parameter Group {i}",
                *(f"    {name}: {group[name]}" for name in sorted(group) if name != "params"),
            ]
        return "\n".join(lines) + "\n)"


def evaluate(closure):
    """The loss of a closure given to `step`, or None without one."""
    if closure is None:
        return None
    with tensorx.enable_grad():
        return closure()


def check_not_negative(**options):
    """ValueError if one is negative or NaN."""
    for name, value in options.items():
        check_one_number(name, value)
        if not 0.0 <= value:
            raise ValueError(f"Invalid {_OPTION_NAMES.get(name, name + ' value')}: {value}")


_OPTION_NAMES = {"lr": "learning rate", "eps": "epsilon value"}


def check_one_number(name, value):
    """ValueError for a tensor of several."""
    if isinstance(value, tensorx.Tensor) and value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element")


def check_betas(betas):
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def check_implementation(differentiable=False, foreach=None, fused=None):
    """The options that choose between PyTorch's implementations: here a step is one kernel call, or ops to differentiate."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


# States that are one number per parameter. They stay on the CPU, and in float32 or float64, whatever the parameter is.
HOST_NUMBERS = frozenset({"step", "eta", "mu", "mu_product"})


def host_number(value):
    """A number, or a tensor of one, as such a state: a tensor of its own."""
    if isinstance(value, tensorx.Tensor):
        return value.to("cpu", tensorx.float64 if value.dtype == tensorx.float64 else tensorx.float32, copy=True)
    double = tensorx.get_default_dtype() == tensorx.float64
    return tensorx.tensor(float(value), dtype=tensorx.float64 if double else tensorx.float32, device="cpu")


_global_pre_hooks: dict[int, Callable[..., Any]] = {}
_global_post_hooks: dict[int, Callable[..., Any]] = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimiser, before the hooks of its own."""
    return add_hook(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimiser, after the hooks of its own.

    >>> import tensorx as tx
    >>> from tensorx.optim.optimizer import register_optimizer_step_post_hook
    >>> with register_optimizer_step_post_hook(lambda optimizer, args, kwargs: print(type(optimizer).__name__)):
    ...     tx.optim.Adam([tx.ones(1)]).step()
    Adam
    """
    return add_hook(_global_post_hooks, hook)


def _with_hooks(step):
    """`step` with its hooks around it. It also leaves a mark for the schedulers, which warn if they step first."""

    @wraps(step)
    def stepped(self, *args, **kwargs):
        self._opt_called = True
        own_before, own_after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if not (own_before or own_after or _global_pre_hooks or _global_post_hooks):
            return step(self, *args, **kwargs)
        before = [*_global_pre_hooks.values(), *own_before.values()]
        after = [*own_after.values(), *_global_post_hooks.values()]
        args = (self, *args)
        for hook in before:
            replaced = hook(self, args, kwargs)
            if replaced is None:
                continue
            if not (isinstance(replaced, tuple) and len(replaced) == 2):
                raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {replaced}.")
            args, kwargs = replaced
        result = step(*args, **kwargs)
        for hook in after:
            hook(self, args, kwargs)
        return result

    return stepped


def _replaced(result, value):
    return value if result is None else result


def _fit(value, param, name=None):
    """A saved value for `param`: tensors take its dtype and device, except those that are numbers on the CPU."""
    if isinstance(value, tensorx.Tensor):
        if name in HOST_NUMBERS:
            return host_number(value)
        return value.to(device=param.device, dtype=param.dtype if param.is_floating_point() else value.dtype, copy=True)
    if isinstance(value, dict):
        return {key: _fit(each, param, key) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fit(each, param) for each in value)
    return value


class ParameterwiseOptimizer(Optimizer):
    """An optimiser that updates one parameter after the other, by ops: a subclass writes `_update`."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient. Returns the closure's loss, if there is one."""
        loss = evaluate(closure)
        with tensorx.no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    if param.grad is not None:
                        self._update(group, param, self.state[param])
        return loss

    def _update(self, group, param, state):
        raise NotImplementedError

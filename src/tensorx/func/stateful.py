"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from ..ops.join import stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ..nn import Module
    from ..tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in place of its parameters and buffers, for the time of the call.

    Args:
        module: the module; it is as it was before when the call returns.
        parameter_and_buffer_dicts: names, as `named_parameters` and `named_buffers` give them, with tensors; or several
            such dicts, of different names.
        args: the argument of the module, or a tuple of them. kwargs: its keyword arguments.
        tie_weights: a tensor that the module has under several names is replaced under all of them.
        strict: raise RuntimeError unless every parameter and buffer is given, and nothing else. Otherwise those that are
            missing stay, and other names become attributes.

    The module may write to its buffers (as BatchNorm does in training): then it writes to the tensors given.

    >>> import tensorx as tx
    >>> layer = tx.nn.Linear(2, 1)
    >>> given = {"weight": tx.ones(1, 2), "bias": tx.zeros(1)}
    >>> tx.func.functional_call(layer, given, tx.tensor([2.0, 3.0])).tolist()
    [5.0]

    The gradients of each example, for a batch:

    >>> def loss(parameters, x):
    ...     return tx.func.functional_call(layer, parameters, (x,)).sum()
    >>> tx.vmap(tx.func.grad(loss), in_dims=(None, 0))(given, tx.ones(5, 2))["weight"].shape
    tensorx.Size([5, 1, 2])
    """
    given = _merged(parameter_and_buffer_dicts)
    places = _places(module)
    unknown = sorted(given.keys() - places.keys())
    tied = _with_ties(given, places, tie_weights)
    missing = sorted(places.keys() - tied.keys())
    if strict and (unknown or missing):
        raise RuntimeError(f"functional_call(): strict=True, but names are missing: {missing}, or unknown: {unknown}")
    for name in unknown:  # an attribute that is neither
        tied[name], places[name] = given[name], _attribute(module, name)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    replaced = []
    try:
        for name, value in tied.items():
            table, key = places[name]
            replaced.append((table, key, table.get(key, _ABSENT)))
            table[key] = value
        return module(*args, **(kwargs or {}))
    finally:
        for table, key, value in reversed(replaced):
            if value is _ABSENT:
                table.pop(key, None)
            else:
                table[key] = value


_ABSENT = object()


def _attribute(module, name):
    path, _, key = name.rpartition(".")
    owner = dict(module.named_modules(remove_duplicate=False)).get(path)
    if owner is None:
        raise AttributeError(
            f"functional_call(): {type(module).__name__} has no module {path!r}, and so no parameter or buffer {name!r}"
        )
    return vars(owner), key


def _merged(dicts):
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, (tuple, list)) or not all(isinstance(d, dict) for d in dicts):
        raise ValueError(
            "functional_call(): expected parameter_and_buffer_dicts to be a dict, or a tuple or list of dicts, got "
            f"{type(dicts).__name__}"
        )
    merged = {}
    for d in dicts:
        twice = sorted(merged.keys() & d.keys())
        if twice:
            raise ValueError(f"functional_call(): {twice[0]!r} is in more than one of the dicts")
        merged.update(d)
    return merged


def _places(module):
    """Where each parameter and buffer is kept: name -> (dict, key)."""
    return {
        f"{prefix}.{key}" if prefix else key: (vars(part), key)
        for prefix, part in module.named_modules(remove_duplicate=False)
        for members in (part._parameters, part._buffers)
        for key, value in members.items()
        if value is not None
    }


def _with_ties(given, places, tie_weights):
    """What is given, and the same under the other names of the same tensors."""
    if not tie_weights:
        return {name: value for name, value in given.items() if name in places}
    by_tensor = {}
    for name, value in given.items():
        if name in places:
            table, key = places[name]
            if by_tensor.setdefault(id(table[key]), value) is not value:
                raise ValueError(
                    f"functional_call(): {name!r} is given another value than a parameter that it shares its tensor with: "
                    "give one of them, or pass tie_weights=False"
                )
    tied = {}
    for name, (table, key) in places.items():
        if name in given:
            tied[name] = given[name]
        elif id(table[key]) in by_tensor:
            tied[name] = by_tensor[id(table[key])]
    return tied


def stack_module_state(models: Iterable[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of modules of one architecture, stacked: for an ensemble, to be mapped over.

    Returns (parameters, buffers), two dicts; the stacked parameters are leaves that require a gradient where those of the
    modules do.

    >>> import tensorx as tx
    >>> models = [tx.nn.Linear(2, 3) for _ in range(4)]
    >>> parameters, buffers = tx.func.stack_module_state(models)
    >>> parameters["weight"].shape
    tensorx.Size([4, 3, 2])
    >>> def call(parameters, buffers, x):
    ...     return tx.func.functional_call(models[0], (parameters, buffers), (x,))
    >>> tx.vmap(call, in_dims=(0, 0, None))(parameters, buffers, tx.ones(5, 2)).shape
    tensorx.Size([4, 5, 3])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state(): expected at least one model, got 0")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state(): expected all models to be of the same class")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state(): expected all models to have the same training/eval mode")
    parameters = _stacked([dict(model.named_parameters()) for model in models])
    buffers = _stacked([dict(model.named_buffers()) for model in models])
    return parameters, buffers


def _stacked(states):
    out = {}
    for name, first in states[0].items():
        if len({state[name].requires_grad for state in states}) > 1:
            raise RuntimeError(f"stack_module_state(): expected {name} to have the same requires_grad in all models")
        joined = stack([state[name].detach() for state in states])
        out[name] = joined.requires_grad_() if first.requires_grad else joined
    return out

"""Parametrizations: a parameter or buffer of a module as a function of other tensors, computed where it is read.

A parametrized tensor is a property of the module's class, and so finds its way into every forward unchanged. The class
is one of the module's own: a subclass of the class that it had, made for the names that are parametrized and never
changed after. What the tensor is computed from, `original`, and the modules that compute it, lie in
`module.parametrizations[name]`, a ParametrizationList.
"""

from __future__ import annotations

from _thread import _local
from collections.abc import Sequence

from ... import Tensor, no_grad
from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class _Cache(_local):  # what threading.local is
    """What this thread computed within `cached()`: (module, name) -> tensor."""

    def __init__(self) -> None:
        self.depth = 0
        self.values: dict[tuple[Module, str], Tensor] = {}


_cache = _Cache()


class cached:
    """Within the block every parametrized tensor is computed once, when it is first read, and kept until the end.

    For a weight that a forward uses many times, as a recurrent one does. What changes `original` within the block is not
    seen before its end. Each thread has a cache of its own.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(tx.nn.Linear(2, 2))
    >>> layer.weight is layer.weight
    False
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """

    def __enter__(self) -> None:
        _cache.depth += 1

    def __exit__(self, *_: object) -> None:
        _cache.depth -= 1
        if _cache.depth == 0:
            _cache.values = {}


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, run one after the other, and what the first of them starts from.

    That is `original`, or `original0`, `original1`, ... where the last `right_inverse` gave several tensors. It is a
    Parameter if the tensor was one, otherwise a buffer.

    Args:
        modules: at least one; the first takes the originals, each other one what the one before it gave.
        original: the tensor that is parametrized. The `right_inverse` of the modules, from last to first, where they have
            one, give the originals' values; a single original stays this very object.
        unsafe: do not check that the result has the shape and dtype of `original`.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        start: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        start = module.right_inverse(start)
                    except NotImplementedError:  # it has none after all: the values stay as they are
                        pass
        self.is_tensor = isinstance(start, Tensor)
        self.ntensors = 1 if self.is_tensor else len(_checked_sequence(start))
        if self.is_tensor:
            for attribute in ("dtype", "device"):
                before, after = getattr(original, attribute), getattr(start, attribute)
                if before != after:
                    raise ValueError(
                        f"When `right_inverse` outputs one tensor, it may not change the {attribute}.\n"
                        f"original.{attribute}: {before}\nright_inverse(original).{attribute}: {after}"
                    )
            original.data = start.detach()
            _register(self, "original", original)
        else:
            for i, part in enumerate(start):
                part = part.detach()
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                _register(self, f"original{i}", part.requires_grad_(original.requires_grad))
        if not unsafe:
            _check_result(self(), shape, dtype, "parametrized", "unparametrized")

    def _original_names(self) -> list[str]:
        return ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]

    def _originals(self) -> list[Tensor]:
        return [getattr(self, name) for name in self._original_names()]

    def right_inverse(self, value: Tensor) -> None:
        """Give the originals the values for which the result is `value`, by the `right_inverse` of the modules.

        RuntimeError if one has none. This is what `module.weight = value` does for a parametrized weight.
        """
        start: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                start = module.right_inverse(start)
        if self.is_tensor:
            if not isinstance(start, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(start).__name__}")
            start = [start]
        elif len(_checked_sequence(start)) != self.ntensors:
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. "
                f"Got a sequence of length {len(start)}."
            )
        originals = self._originals()
        for i, (original, part) in enumerate(zip(originals, start)):
            if original.dtype != part.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {part.dtype}, but the original has {original.dtype}"
                )
        for original, part in zip(originals, start):
            original.data = part.detach()

    def forward(self) -> Tensor:
        first, *others = self
        value = first(*self._originals())
        for module in others:
            value = module(value)
        return value


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer of `module` by another module from now on. Returns `module`.

    Reading `module.weight` runs `parametrization(original)`, with gradients to the original; the parameter moves to
    `parametrizations.weight.original`, under which the state dictionary has it too. Several parametrizations of one name
    run in the order of their registration.

    Args:
        module: the module; its class becomes a subclass of what it was.
        tensor_name: of a parameter or buffer.
        parametrization: its forward takes the original. It may have a method `right_inverse`, which takes a value of the
            tensor and returns an original that gives it: so the tensor keeps its value now, and can be assigned to. If
            it returns a sequence of tensors, forward takes them all.
        unsafe: allow a result of another shape or dtype.

    ValueError: there is no such tensor, or the parametrization changes its shape or dtype.

    >>> import tensorx as tx
    >>> class Symmetric(tx.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = tx.nn.utils.parametrize.register_parametrization(tx.nn.Linear(3, 3), "weight", Symmetric())
    >>> tx.equal(layer.weight, layer.weight.T)
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_step(module, tensor_name, parametrization)
        parametrizations = _parametrizations(module, tensor_name)
        parametrizations.append(parametrization)
        parametrizations.unsafe |= unsafe
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        parametrizations = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()
            module.__class__ = _parametrized_class(type(module), (tensor_name,))
        else:
            module.__class__ = _parametrized_class(type_before_parametrizations(module), (*_names(module), tensor_name))
        module.parametrizations[tensor_name] = parametrizations
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of `module` is parametrized; without a name, whether any is.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.parametrizations.spectral_norm(tx.nn.Linear(2, 2))
    >>> [tx.nn.utils.parametrize.is_parametrized(layer, name) for name in ("weight", "bias")]
    [True, False]
    """
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a tensor an ordinary parameter or buffer again. Returns `module`.

    It keeps its present value, or with `leave_parametrized=False` takes that of the original (ValueError where there are
    several). A single original is what is registered again, so that an optimiser that has it goes on.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(tx.nn.Linear(2, 2))
    >>> parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = _parametrizations(module, tensor_name)
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    base = type_before_parametrizations(module)
    del module.parametrizations[tensor_name]
    if is_parametrized(module):
        module.__class__ = _parametrized_class(base, _names(module))
    else:
        module.__class__ = base
        del module.parametrizations
    _register(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class that `module` had before the first parametrization; its class, if it has none.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.parametrizations.weight_norm(tx.nn.Linear(2, 2))
    >>> type(layer).__name__, tx.nn.utils.parametrize.type_before_parametrizations(layer).__name__
    ('ParametrizedLinear', 'Linear')
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module`, and the originals: both are then shared. Returns `to_module`.

    Args:
        from_module: as it is, if nothing in it is parametrized, nothing happens.
        to_module: a tensor that it lacks is made, with the value that `from_module` has.
        tensor_name: transfer this one alone.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils import parametrizations, parametrize
    >>> first, second = parametrizations.weight_norm(tx.nn.Linear(2, 2)), tx.nn.Linear(2, 2)
    >>> _ = parametrize.transfer_parametrizations_and_params(first, second)
    >>> tx.equal(first.weight, second.weight)
    True
    """
    if not is_parametrized(from_module):
        return to_module
    for name in _names(from_module) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        given = _parametrizations(from_module, name)
        for parametrization in given:
            register_parametrization(to_module, name, parametrization)
        taken = _parametrizations(to_module, name)
        for part in given._original_names():
            setattr(taken, part, getattr(given, part))
    return to_module


def _parametrizations(module, name) -> Any:
    return module.parametrizations[name]


def _names(module):
    return tuple(module.parametrizations.keys())


def _register(module, name, tensor):
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _parametrized_class(base, names):
    """A subclass of `base` in which `names` are computed by `self.parametrizations`."""
    members: dict[str, Any] = {name: _parametrized(name) for name in names}
    members["__reduce_ex__"] = lambda self, protocol: (_new, (base, names), self.__getstate__())
    return type(f"Parametrized{base.__name__}", (base,), members)


def _new(base, names):
    """What copies and pickles start from: pickle cannot find a class that is made at run time."""
    cls = _parametrized_class(base, names)
    return cls.__new__(cls)


def _parametrized(name):
    def value(self):
        if not _cache.depth:
            return self.parametrizations[name]()
        key = (self, name)
        if key not in _cache.values:
            _cache.values[key] = self.parametrizations[name]()
        return _cache.values[key]

    def assign(self, value):
        self.parametrizations[name].right_inverse(value)

    return property(value, assign, doc=f"The parametrized tensor {name!r}.")


def _checked_sequence(start):
    if not isinstance(start, Sequence) or not all(isinstance(part, Tensor) for part in start):
        raise ValueError(
            "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
            f"Got {type(start).__name__}"
        )
    return start


def _check_result(result, shape, dtype, after, before):
    """The result of a parametrization must be like the tensor that it stands for."""
    if not isinstance(result, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
    for attribute, expected in (("dtype", dtype), ("shape", shape)):
        given = getattr(result, attribute)
        if given != expected:
            raise ValueError(
                f"Registering a parametrization may not change the {attribute} of the tensor, unless `unsafe` flag is "
                f"enabled.\n{before} {attribute}: {expected}\n{after} {attribute}: {given}"
            )


def _check_step(module, name, parametrization):
    """A further parametrization, and its right_inverse, must keep shape and dtype."""
    before = getattr(module, name)
    result = parametrization(before)
    _check_result(result, before.shape, before.dtype, f"parametrization(module.{name})", f"module.{name}")
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(result)
        except NotImplementedError:
            return
        _check_result(back, before.shape, before.dtype, "right_inverse's", f"module.{name}")

"""Pruning: parameters of a module, masked.

A pruned parameter is `weight_orig`, its mask the buffer `weight_mask`, and `weight`, an ordinary attribute, their product,
computed by a hook before each forward. Pruning what is pruned already multiplies the masks, `remove` makes it permanent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from ... import Tensor, kthvalue, norm, ones_like, rand, rand_like, topk, zeros_like
from ..modules.module import Module
from .convert_parameters import parameters_to_vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    AnyModule = TypeVar("AnyModule", bound=Module)


class BasePruningMethod(ABC):
    """A way to choose what is pruned: subclass it and write `compute_mask`.

    `PRUNING_TYPE` says what the method sees of a tensor that is pruned already: "unstructured" the elements that are left,
    "structured" the slices along `self.dim` that are, "global" all of it.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils import prune
    >>> class Negative(prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         return default_mask * (t >= 0)
    >>> layer = tx.nn.Linear(2, 3)
    >>> _ = Negative.apply(layer, "weight")
    >>> bool((layer.weight >= 0).all())
    True
    """

    PRUNING_TYPE: str
    _tensor_name: str | None = None

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._name(module), self.apply_mask(module))

    def _name(self, module) -> str:
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned before its mask can be applied or removed")
        return self._tensor_name

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The new mask, of the shape of `t`: 0 where an element is pruned. `default_mask` is the one so far."""

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        name = self._name(module)
        original = getattr(module, name + "_orig")
        return getattr(module, name + "_mask").to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune the parameter `name` of `module`; the other arguments go to the constructor. Returns the hook.

        `importance_scores` stand for the parameter when the mask is computed. If something goes wrong, the module is as
        it was.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        older = [(i, hook) for i, hook in module._forward_pre_hooks.items() if _prunes(hook, name)]
        if len(older) > 1:
            raise AssertionError(
                f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a PruningContainer."
            )
        value = getattr(module, name)
        scores = value if importance_scores is None else importance_scores
        if scores.shape != value.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {scores.shape} vs {value.shape}"
            )
        mask = getattr(module, name + "_mask").detach().clone() if older else ones_like(value)
        for _, hook in older:
            container = PruningContainer(*(hook if isinstance(hook, PruningContainer) else (hook,)))
            container._tensor_name = name
            container.add_pruning_method(method)
            method = container
        mask = method.compute_mask(scores.detach(), default_mask=mask)
        for i, _ in older:
            del module._forward_pre_hooks[i]
        if not older:
            del module._parameters[name]
            module.register_parameter(name + "_orig", value)
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """`t` itself, pruned by this method: a tensor, no module."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {scores.shape} vs {t.shape}"
            )
        return t * self.compute_mask(scores, default_mask=ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruning permanent: the parameter is again one, of its masked values. Does not remove the hook."""
        name = self._name(module)
        value = self.apply_mask(module).detach()
        original = getattr(module, name + "_orig")
        for attribute in (name, name + "_orig", name + "_mask"):
            delattr(module, attribute)
        original.data = value
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods, one after the other, on one parameter: what applying one to a pruned parameter makes."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method for the same parameter: TypeError if it is none, ValueError if it is for another."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer "
                f"{self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """`default_mask`, with what the last method prunes of that which is left."""
        method = self._pruning_methods[-1]
        left: Any
        if method.PRUNING_TYPE == "unstructured":
            left = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = getattr(method, "dim", None)
            if dim is None:
                raise AttributeError(
                    'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
                )
            _check_dim(t, dim)
            left = _slices(t, dim, default_mask.movedim(dim, 0).flatten(1).sum(1) != 0)
        elif method.PRUNING_TYPE == "global":
            left = ...
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = default_mask.to(t.dtype, copy=True)
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(t.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the parameter a pruned one."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes elements at random: `amount` of them, or that fraction if it is a float."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        self.amount = _checked_amount(amount)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return _without_least(rand_like(t), _count(self.amount, t.numel()), default_mask)


class L1Unstructured(BasePruningMethod):
    """Prunes the elements of least absolute value: `amount` of them, or that fraction if it is a float."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        self.amount = _checked_amount(amount)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return _without_least(t.abs(), _count(self.amount, t.numel()), default_mask)


class RandomStructured(BasePruningMethod):
    """Prunes whole slices along `dim` at random: `amount` of them, or that fraction if it is a float."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        self.amount, self.dim = _checked_amount(amount), dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _check_dim(t, self.dim)
        count = _count(self.amount, t.shape[self.dim])
        if count == 0:
            return default_mask
        draws = rand(t.shape[self.dim], device=t.device)
        return _with_slices(t, self.dim, draws > kthvalue(draws, count).values, default_mask)


class LnStructured(BasePruningMethod):
    """Prunes the slices along `dim` of least n-norm: `amount` of them, or that fraction if it is a float."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        self.amount, self.n, self.dim = _checked_amount(amount), n, dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _check_dim(t, self.dim)
        size = t.shape[self.dim]
        count = _count(self.amount, size)
        if count == 0:
            return default_mask
        norms = norm(t, self.n, [d for d in range(t.dim()) if d != self.dim % t.dim()])
        return _with_slices(t, self.dim, topk(norms, size - count).indices, default_mask)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"the given mask has shape {self.mask.shape}, but what is pruned has {default_mask.shape}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: AnyModule, name: str) -> AnyModule:
    """Make the parameter `name` a pruned one without pruning anything. Returns `module`.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.prune.identity(tx.nn.Linear(2, 3), "bias")
    >>> layer.bias_mask
    tensor([1., 1., 1.])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: AnyModule, name: str, amount: float) -> AnyModule:
    """Prune elements of the parameter `name` at random. Returns `module`.

    `amount`: how many, or as a float from 0 to 1 which fraction, of the elements that are not pruned yet.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.prune.random_unstructured(tx.nn.Linear(2, 3), "weight", amount=1)
    >>> layer.weight_mask.sum()
    tensor(5.)
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(module: AnyModule, name: str, amount: float, importance_scores: Tensor | None = None) -> AnyModule:
    """Prune the elements of the parameter `name` that have the least absolute value. Returns `module`.

    `amount`: how many, or as a float from 0 to 1 which fraction, of the elements that are not pruned yet.
    `importance_scores`: compare the absolute values of these instead.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.prune.l1_unstructured(tx.nn.Linear(2, 3), "weight", amount=0.5)
    >>> sorted(name for name in layer.state_dict())
    ['bias', 'weight_mask', 'weight_orig']
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: AnyModule, name: str, amount: float, dim: int) -> AnyModule:
    """Prune slices along `dim` of the parameter `name` at random. Returns `module`.

    `amount`: how many, or as a float from 0 to 1 which fraction, of the slices that are not pruned yet.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.prune.random_structured(tx.nn.Linear(2, 3), "weight", amount=1, dim=0)
    >>> layer.weight_mask.sum()
    tensor(4.)
    """
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(
    module: AnyModule, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> AnyModule:
    """Prune the slices along `dim` of the parameter `name` that have the least n-norm. Returns `module`.

    `amount`: how many, or as a float from 0 to 1 which fraction, of the slices that are not pruned yet.
    `n`: an order as `norm` takes it. `importance_scores`: compare the norms of these instead.

    >>> import tensorx as tx
    >>> conv = tx.nn.utils.prune.ln_structured(tx.nn.Conv2d(3, 4, 3), "weight", amount=0.5, n=2, dim=0)
    >>> conv.weight_mask.flatten(1).amax(1).sum()
    tensor(2.)
    """
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: AnyModule, name: str, mask: Tensor) -> AnyModule:
    """Prune the parameter `name` by a mask of its shape, 0 where an element is pruned. Returns `module`.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.prune.custom_from_mask(tx.nn.Linear(5, 3), "bias", tx.tensor([0, 1, 0]))
    >>> layer.bias_mask
    tensor([0., 1., 0.])
    """
    CustomFromMask.apply(module, name, mask=mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one: with `amount=0.2`, a fifth of all, from some more than from others.

    Args:
        parameters: (module, name) pairs.
        pruning_method: an unstructured one, such as L1Unstructured; TypeError for others.
        importance_scores: by pair, what is compared instead of the parameter.
        kwargs: of the method.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils import prune
    >>> net = tx.nn.Sequential(tx.nn.Linear(10, 4), tx.nn.Linear(4, 1))
    >>> prune.global_unstructured([(net[0], "weight"), (net[1], "weight")], prune.L1Unstructured, amount=10)
    >>> sum(int(buffer.sum()) for buffer in net.buffers())
    34
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of type '
            f"{method.PRUNING_TYPE}"
        )
    values = [getattr(module, name).detach() for module, name in pairs]
    scores = [(importance_scores or {}).get(pair, value) for pair, value in zip(pairs, values)]
    masks = [getattr(module, name + "_mask", ones_like(value)) for (module, name), value in zip(pairs, values)]
    mask = PruningContainer(method).compute_mask(parameters_to_vector(scores), parameters_to_vector(masks))
    for (module, name), part in zip(pairs, mask.split([value.numel() for value in values])):
        custom_from_mask(module, name, mask=part.view_as(getattr(module, name)))


def remove(module: AnyModule, name: str) -> AnyModule:
    """Make the pruning of the parameter `name` permanent: it is an ordinary parameter, with zeros. Returns `module`.

    ValueError if it is not pruned.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils import prune
    >>> layer = prune.remove(prune.l1_unstructured(tx.nn.Linear(2, 3), "weight", amount=0.5), "weight")
    >>> list(layer.state_dict()), int((layer.weight == 0).sum())
    (['bias', 'weight'], 3)
    """
    for i, hook in module._forward_pre_hooks.items():
        if _prunes(hook, name):
            hook.remove(module)
            del module._forward_pre_hooks[i]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Whether anything in `module` is pruned.

    >>> import tensorx as tx
    >>> tx.nn.utils.prune.is_pruned(tx.nn.Linear(2, 3))
    False
    """
    return any(
        isinstance(hook, BasePruningMethod) for part in module.modules() for hook in part._forward_pre_hooks.values()
    )


def _prunes(hook, name):
    return isinstance(hook, BasePruningMethod) and hook._tensor_name == name


def _checked_amount(amount):
    if not (isinstance(amount, float) or _is_integer(amount)):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and not amount <= 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
    return amount


def _is_integer(amount):
    return hasattr(type(amount), "__index__") and not isinstance(amount, Tensor)


def _count(amount, size):
    """How many of `size` to prune."""
    if isinstance(amount, float):
        return round(amount * size)
    if amount > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return int(amount)


def _check_dim(t, dim):
    if t.dim() <= 1:
        raise ValueError(
            f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape {t.shape} with "
            f"{t.dim()} dims"
        )
    if not -t.dim() <= dim < t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _without_least(scores, count, default_mask):
    mask = default_mask.clone()
    if count:
        mask.view(-1)[topk(scores.flatten(), count, largest=False).indices] = 0
    return mask


def _slices(t, dim, which):
    """The index of some slices along `dim`."""
    index: list[Any] = [slice(None)] * t.dim()
    index[dim] = which
    return tuple(index)


def _with_slices(t, dim, which, default_mask):
    mask = zeros_like(t)
    mask[_slices(t, dim, which)] = 1
    return mask * default_mask.to(mask.dtype)

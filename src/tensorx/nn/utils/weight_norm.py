"""Weight normalisation by a hook: the older form of `parametrizations.weight_norm`. Salimans and Kingma 2016, arXiv:1602.07868."""

from __future__ import annotations

import warnings

import tensorx

from ... import Tensor
from ..modules.module import Module
from ..parameter import Parameter, is_lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    AnyModule = TypeVar("AnyModule", bound=Module)


def norm_except_dim(v: Tensor, pow: float = 2, dim: int = 0) -> Tensor:
    """The norm of each slice along `dim`, in a shape that broadcasts with `v`; of all of it for `dim=-1`.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils.weight_norm import norm_except_dim
    >>> norm_except_dim(tx.tensor([[3.0, 4.0], [6.0, 8.0]]))
    tensor([[ 5.],
            [10.]])
    """
    if dim == -1:
        return tensorx.linalg.vector_norm(v, pow)
    kept = dim % v.dim()
    others = tuple(d for d in range(v.dim()) if d != kept)
    return tensorx.linalg.vector_norm(v, pow, others, keepdim=True) if others else v.abs()


def normalized_weight(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """The weight of direction `v` and norms `g`."""
    return v * (g / norm_except_dim(v, 2, dim))


class WeightNorm:
    """The hook: computes `weight` from `weight_g` and `weight_v` before each forward."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        return normalized_weight(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        warnings.warn(
            "`nn.utils.weight_norm` is deprecated in favor of `nn.utils.parametrizations.weight_norm`.",
            FutureWarning,
            stacklevel=3,
        )
        if any(isinstance(hook, WeightNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
            raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError("weight_norm: the parameter is uninitialized; call the module once before")
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight.detach(), 2, hook.dim)))
        module.register_parameter(name + "_v", Parameter(weight.detach()))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        weight = self.compute_weight(module).detach()
        for suffix in ("", "_g", "_v"):
            delattr(module, self.name + suffix)
        setattr(module, self.name, Parameter(weight))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: AnyModule, name: str = "weight", dim: int | None = 0) -> AnyModule:
    """Split a parameter into its norms, `weight_g`, and its direction, `weight_v`: weight = g v / |v|. Returns `module`.

    Deprecated, as in PyTorch: `parametrizations.weight_norm` does the same without a hook. The weight is computed before
    each forward.

    Args:
        module: the module.
        name: of the parameter.
        dim: there is one norm per slice along it; None: one norm for all.

    RuntimeError if it is applied twice.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.weight_norm(tx.nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (tensorx.Size([40, 1]), tensorx.Size([40, 20]))
    """
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: AnyModule, name: str = "weight") -> AnyModule:
    """Undo `weight_norm`: the weight becomes a parameter again, of its present value. ValueError if it has none.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.remove_weight_norm(tx.nn.utils.weight_norm(tx.nn.Linear(2, 3)))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    for i, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[i]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")

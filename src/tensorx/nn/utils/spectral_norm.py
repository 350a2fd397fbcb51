"""Spectral normalisation by a hook: the older form of `parametrizations.spectral_norm`. Miyato et al. 2018, arXiv:1802.05957."""

from __future__ import annotations

import tensorx

from ... import Tensor, dot, mv, no_grad
from .. import functional as F
from ..modules.module import Module
from ..parameter import Parameter, is_lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    AnyModule = TypeVar("AnyModule", bound=Module)


def output_dim(module: Module) -> int:
    """The dimension of a layer's weight that belongs to its outputs."""
    return 1 if getattr(module, "transposed", False) else 0


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """`weight` as a matrix with a row per slice along `dim`."""
    return weight.movedim(dim, 0).flatten(1)


class SpectralNorm:
    """The hook: computes `weight` from `weight_orig` before each forward."""

    _version = 1  # 1: the state has weight_v, and not the weight

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        return as_matrix(weight, self.dim)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        weight, u, v = (getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()  # the next call writes to the buffers, the graph keeps these
        return weight / dot(u, mv(matrix, v))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        if any(isinstance(hook, SpectralNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
            raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError("spectral_norm: the parameter is uninitialized; call the module once before")
        rows, columns = hook.reshape_weight_to_matrix(weight).shape
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.data)
        for suffix, size in (("_u", rows), ("_v", columns)):
            start = weight.detach().new_empty(size).normal_(0, 1)
            module.register_buffer(name + suffix, F.normalize(start, dim=0, eps=eps))
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook

    def remove(self, module: Module) -> None:
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


class SpectralNormStateDictHook:
    """Notes the version in the metadata of the state dictionary, as PyTorch does."""

    def __init__(self, hook: SpectralNorm) -> None:
        self.hook = hook

    def __call__(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.hook.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.hook._version


class SpectralNormLoadStateDictPreHook:
    """Reads states from before version 1: these have the weight instead of v, which follows from it."""

    def __init__(self, hook: SpectralNorm) -> None:
        self.hook = hook

    def __call__(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        hook, key = self.hook, prefix + self.hook.name
        version = local_metadata.get("spectral_norm", {}).get(hook.name + ".version")
        if version is not None and version >= 1:
            return
        if version is None and key not in state_dict and all(key + s in state_dict for s in ("_orig", "_u", "_v")):
            return  # of version 1, without its metadata
        missing = [key + suffix for suffix in ("_orig", "", "_u") if key + suffix not in state_dict]
        if missing:
            missing_keys.extend(missing if strict else ())
            return
        with no_grad():
            original, u = state_dict[key + "_orig"], state_dict[key + "_u"]
            matrix = hook.reshape_weight_to_matrix(original)
            sigma = (original / state_dict.pop(key)).mean()
            v = mv(tensorx.linalg.pinv(matrix), u)
            state_dict[key + "_v"] = v * (sigma / dot(u, mv(matrix, v)))


def spectral_norm(
    module: AnyModule,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> AnyModule:
    """Divide a parameter by its largest singular value, so that the layer's Lipschitz constant is about 1. Returns `module`.

    The weight, taken as a matrix, is computed before each forward; its largest singular value u^T W v by power iteration,
    which in training goes on from the last `weight_u` and `weight_v`. `parametrizations.spectral_norm` does the same
    without a hook.

    Args:
        module: the module.
        name: of the parameter, which becomes `weight_orig`.
        n_power_iterations: steps of the power iteration in each forward.
        eps: added to norms that may be 0.
        dim: of the weight's outputs; 1 for transposed convolutions, otherwise 0.

    RuntimeError if it is applied twice.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.spectral_norm(tx.nn.Linear(20, 40))
    >>> layer.weight_u.shape
    tensorx.Size([40])
    """
    SpectralNorm.apply(module, name, n_power_iterations, output_dim(module) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module: AnyModule, name: str = "weight") -> AnyModule:
    """Undo `spectral_norm`: the weight becomes a parameter again, of its normalised value. ValueError if it has none.

    >>> import tensorx as tx
    >>> layer = tx.nn.utils.remove_spectral_norm(tx.nn.utils.spectral_norm(tx.nn.Linear(2, 3)))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    found = [
        hook for hook in module._forward_pre_hooks.values() if isinstance(hook, SpectralNorm) and hook.name == name
    ]
    if not found:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    found[0].remove(module)
    for table in (module._forward_pre_hooks, module._state_dict_hooks, module._load_state_dict_pre_hooks):
        for i, hook in list(table.items()):
            if hook is found[0] or getattr(hook, "hook", None) is found[0]:
                del table[i]
    return module

"""Gradient clipping."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable

from ... import _C, Tensor, float64, no_grad, stack, tensor


def _gradients(parameters):
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all elements of `tensors` as one vector: any p, or inf."""
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return tensor(0.0)
    device = tensors[0].device
    with no_grad():
        norms = stack([each.norm(norm_type).to(device) for each in tensors])
        total = norms.max() if norm_type == math.inf else norms.norm(norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients so that their norm, taken over all of them, is at most `max_norm`. Returns the norm before.

    Pascanu et al. 2012, arXiv:1211.5063.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.zeros(2))
    >>> weight.grad = tx.tensor([3.0, 4.0])
    >>> tx.nn.utils.clip_grad_norm_([weight], 1.0)
    tensor(5.)
    """
    gradients = _gradients(parameters)
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    _clip(gradients, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """`clip_grad_norm_` with a norm that is known, such as one over parameters that lie elsewhere too.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.zeros(2))
    >>> weight.grad = tx.tensor([3.0, 4.0])
    >>> tx.nn.utils.clip_grads_with_norm_([weight], 1.0, tx.tensor(10.0))
    >>> weight.grad
    tensor([0.3000, 0.4000])
    """
    _clip(_gradients(parameters), max_norm, total_norm)


def _clip(gradients, max_norm, total_norm):
    with no_grad():
        scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for device in dict.fromkeys(gradient.device for gradient in gradients):
            here = [gradient for gradient in gradients if gradient.device == device]
            _C.scale_all(here, scale.to(device, float64), None)


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Deprecated, as in PyTorch: `clip_grad_norm_`."""
    warnings.warn(
        "`nn.utils.clip_grad_norm` is now deprecated in favor of `nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-clip_value, clip_value)

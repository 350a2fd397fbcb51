"""The older place of `func.functional_call`."""

from __future__ import annotations

import warnings

from ..modules.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ... import Tensor

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Deprecated, as in PyTorch: `func.functional_call`, which see.

    >>> import tensorx as tx
    >>> layer, given = tx.nn.Linear(2, 1), {"weight": tx.ones(1, 2), "bias": tx.zeros(1)}
    >>> tx.nn.utils.stateless.functional_call(layer, given, tx.tensor([2.0, 3.0])).tolist()
    [5.0]
    """
    warnings.warn(
        "`nn.utils.stateless.functional_call` is deprecated: use `func.functional_call`, which is the same.",
        FutureWarning,
        stacklevel=2,
    )
    from ...func import functional_call

    return functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)

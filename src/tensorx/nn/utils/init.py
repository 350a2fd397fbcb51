"""Modules without initialisation."""

from __future__ import annotations

from ..modules.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Any:
    """`module_cls(*args, **kwargs)` whose parameters are not initialised: for those that are filled right away.

    Saves the time of drawing the values, and leaves the random generator as it is. What is skipped is the class's own
    `reset_parameters`; RuntimeError for what is no module, or takes no `device`.

    >>> import tensorx as tx
    >>> tx.nn.utils.skip_init(tx.nn.Linear, 5, 1)
    Linear(in_features=5, out_features=1, bias=True)
    """
    import inspect

    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    bare = type(module_cls.__name__, (module_cls,), {"reset_parameters": lambda self: None})
    module = bare(*args, **kwargs)
    module.__class__ = module_cls
    return module

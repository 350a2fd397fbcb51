"""Neural networks: modules, their functional forms, initialisation (PyTorch's names and semantics)."""

from __future__ import annotations

from . import (
    attention as attention,
    functional as functional,
    grad as grad,
    init as init,
    modules as modules,
    parallel as parallel,
    parameter as parameter,
    utils as utils,
)
from .modules import *
from .parallel import DataParallel as DataParallel
from .parameter import (
    Buffer as Buffer,
    Parameter as Parameter,
    UninitializedBuffer as UninitializedBuffer,
    UninitializedParameter as UninitializedParameter,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def factory_kwargs(kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments for functions such as `empty` among a layer's keyword arguments: device, dtype, memory_format.

    They may also come in a dictionary named `factory_kwargs`. TypeError for any other, and for one that is given twice.

    >>> import tensorx as tx
    >>> tx.nn.factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": tx.float64}})
    {'dtype': tensorx.float64, 'device': 'cpu'}
    """
    given = dict(kwargs or {})
    found = dict(given.pop("factory_kwargs", {}))
    if unknown := given.keys() - {"device", "dtype", "memory_format"}:
        raise TypeError(f"factory_kwargs(): unexpected kwargs {sorted(unknown)}")
    if twice := given.keys() & found.keys():
        raise TypeError(f"factory_kwargs(): {sorted(twice)} specified twice, in **kwargs and in factory_kwargs")
    return found | given

"""Reverse-mode automatic differentiation: records calls as they run and walks them backwards."""

from .engine import backward, grad
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import functional as functional

__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]


def __getattr__(name):
    if name == "functional":
        from importlib import import_module

        return import_module(".functional", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Reverse-mode automatic differentiation: records calls as they run and walks them backwards."""

from .engine import backward, grad
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import functional as functional
    from .anomaly_mode import detect_anomaly, set_detect_anomaly
    from .variable import Variable

# Loaded when they are first used, so that `import tensorx` stays quick.
_LAZY = {"Variable": "variable", "detect_anomaly": "anomaly_mode", "set_detect_anomaly": "anomaly_mode"}
_LAZY_MODULES = {"anomaly_mode", "functional", "profiler"}


def __getattr__(name):
    if name in _LAZY or name in _LAZY_MODULES:
        from importlib import import_module

        module = import_module(f".{_LAZY.get(name, name)}", __name__)
        return module if name in _LAZY_MODULES else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

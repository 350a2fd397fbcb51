"""tensorx: a small, quick and readable tensor engine with PyTorch's API."""

from math import e, inf, nan, pi

from . import _C
from ._C import bfloat16, bool, device, dtype, float16, float32, float64, int8, int16, int32, int64, uint8
from .size import Size
from .tensor import Tensor, install_methods as _install_methods
from .ops.elementwise import *
from .ops.arithmetic import *
from .ops.shape import *
from .ops.activation import relu, relu_, selu, celu, threshold
from .ops.matmul import *
from .ops.join import *
from .ops.reduce import *
from .ops.compare import *
from .ops.scan import cummax, cummin, cumprod, cumsum, logcumsumexp
from .ops.softmax import log_softmax, softmax
from .ops.convert import *
from .ops.index import *
from .ops.scatter import *
from .ops.sort import *
from .creation import *
from .random import *
from .ops.random_ops import *
from .printing import *
from . import copying
from . import autograd
from .autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .dtypes import double, finfo, float, half, iinfo, int, long, short

_install_methods()
__version__ = _C.version
get_num_threads, set_num_threads = _C.get_num_threads, _C.set_num_threads
newaxis = None

# Loaded when they are first used, so that `import tensorx` stays quick.
_LAZY = {"cuda", "func", "nn", "optim", "types", "utils"}


def __getattr__(name):
    if name == "vmap":
        from .func import vmap

        return globals().setdefault(name, vmap)
    if name in _LAZY:
        from importlib import import_module

        try:
            return import_module(f".{name}", __name__)
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module 'tensorx' has no attribute '{name}'")


def __dir__():
    """The public names, without the modules whose contents are all here."""
    module = type(_C)
    own = {
        name
        for name, value in globals().items()
        if not isinstance(value, module) and name not in ("_LAZY", "_install_methods")
    }
    return sorted(own | _LAZY | {"autograd", "random", "return_types", "vmap"})

"""tensorx: a small, quick and readable tensor engine with PyTorch's API."""

from . import _C
from ._C import (
    bfloat16,
    bool,
    device,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from .tensor import Tensor, install_methods
from .size import Size
from . import autograd
from .autograd.grad_mode import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .ops.elementwise import *
from .ops.arithmetic import *
from .ops.shape import *
from .ops.activation import relu, relu_, selu, celu, threshold  # noqa: F401
from .ops.matmul import *
from .ops.join import *
from .ops.reduce import *
from .creation import *

install_methods()
__version__ = _C.version

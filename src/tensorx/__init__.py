"""tensorx: a small, quick and readable tensor engine with PyTorch's API."""

from math import e, inf, nan, pi

from . import _C
from ._C import bfloat16, bool, complex64, complex128, device, dtype, float16, float32, float64
from ._C import int8, int16, int32, int64, uint8, uint16, uint32, uint64
from .size import Size
from .tensor import Tensor, install_methods as _install_methods
from .ops.elementwise import *
from .ops.arithmetic import *
from .ops.special import *
from .ops.complex import *
from .ops.shape import *
from .ops.activation import relu, relu_, selu, celu, threshold
from .ops.matmul import *
from .ops.join import *
from .ops.einsum import *
from .ops.decomposition import *
from .ops.reduce import *
from .ops.compare import *
from .ops.products import *
from .ops.samples import *
from .ops.scan import cummax, cummin, cumprod, cumsum, logcumsumexp
from .ops.softmax import log_softmax, softmax
from .ops.convert import *
from .ops.index import *
from .ops.scatter import *
from .ops.sort import *
from .ops.distance import *
from .ops.numeric import *
from .ops.position import *
from .ops.reshape_in_place import *
from .ops.statistics import *
from .ops.in_place import *
from .ops.layout import layout, sparse_coo, sparse_csr, strided
from .creation import *
from .random import *
from .ops.random_ops import *
from .ops.window import *
from .ops.spectrogram import *
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
from .dtypes import cdouble, cfloat, double, finfo, float, half, iinfo, int, long, short

_install_methods()
__version__ = _C.version
get_num_threads, set_num_threads = _C.get_num_threads, _C.set_num_threads
newaxis = None

# Loaded when they are first used, so that `import tensorx` stays quick: modules, and names by the module that has them.
_LAZY = {
    "accelerator", "amp", "ao", "backends", "cpu", "cuda", "distributions", "fft", "func", "linalg", "multiprocessing",
    "nn", "optim", "profiler", "quantization", "serialization", "signal", "sparse", "special", "testing", "types", "utils",
    "version",
}  # fmt: skip
_LAZY_NAMES = {
    "GradScaler": "amp",
    "_int_mm": "ao.quantization.products",
    "are_deterministic_algorithms_enabled": "numerics",
    "autocast": "amp",
    "autocast_decrement_nesting": "amp.autocast_mode",
    "autocast_increment_nesting": "amp.autocast_mode",
    "clear_autocast_cache": "amp.autocast_mode",
    "dequantize": "ao.quantization.affine",
    "describe": "inspection",
    "fake_quantize_per_channel_affine": "ao.quantization.affine",
    "fake_quantize_per_tensor_affine": "ao.quantization.affine",
    "get_autocast_cpu_dtype": "amp.autocast_mode",
    "get_autocast_dtype": "amp.autocast_mode",
    "get_autocast_gpu_dtype": "amp.autocast_mode",
    "get_float32_matmul_precision": "numerics",
    "gru": "ops.recurrent",
    "gru_cell": "ops.recurrent",
    "is_anomaly_check_nan_enabled": "autograd.anomaly_mode",
    "is_anomaly_enabled": "autograd.anomaly_mode",
    "is_autocast_cache_enabled": "amp.autocast_mode",
    "is_autocast_cpu_enabled": "amp.autocast_mode",
    "is_autocast_enabled": "amp.autocast_mode",
    "is_deterministic_algorithms_warn_only_enabled": "numerics",
    "load": "serialization",
    "lstm": "ops.recurrent",
    "lstm_cell": "ops.recurrent",
    "memory_report": "inspection",
    "per_channel_affine": "ao.quantization.schemes",
    "per_channel_symmetric": "ao.quantization.schemes",
    "per_tensor_affine": "ao.quantization.schemes",
    "per_tensor_symmetric": "ao.quantization.schemes",
    "qint32": "ao.quantization.schemes",
    "qint8": "ao.quantization.schemes",
    "quantize_per_channel": "ao.quantization.affine",
    "quantize_per_tensor": "ao.quantization.affine",
    "quint8": "ao.quantization.schemes",
    "rnn_relu": "ops.recurrent",
    "rnn_relu_cell": "ops.recurrent",
    "rnn_tanh": "ops.recurrent",
    "rnn_tanh_cell": "ops.recurrent",
    "save": "serialization",
    "set_autocast_cache_enabled": "amp.autocast_mode",
    "set_autocast_cpu_dtype": "amp.autocast_mode",
    "set_autocast_cpu_enabled": "amp.autocast_mode",
    "set_autocast_dtype": "amp.autocast_mode",
    "set_autocast_enabled": "amp.autocast_mode",
    "set_autocast_gpu_dtype": "amp.autocast_mode",
    "set_float32_matmul_precision": "numerics",
    "sparse_coo_tensor": "sparse",
    "sparse_csr_tensor": "sparse",
    "use_deterministic_algorithms": "numerics",
    "vmap": "func",
}


def __getattr__(name):
    if name in _LAZY_NAMES or name in _LAZY:
        from importlib import import_module

        if name in _LAZY_NAMES:
            value = globals()[name] = getattr(import_module(f".{_LAZY_NAMES[name]}", __name__), name)
            return value
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
        if not isinstance(value, module) and name not in ("_LAZY", "_LAZY_NAMES", "_install_methods")
    }
    return sorted(own | _LAZY | _LAZY_NAMES.keys() | {"autograd", "random", "return_types"})

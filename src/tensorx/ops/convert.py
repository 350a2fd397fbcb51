"""Conversions of dtype, device and memory order, and the legacy types named after them (`FloatTensor`)."""

from .. import _C
from .define import method, methods, op
from .shape import _cast, _move

__all__ = [
    "can_cast", "channels_last", "channels_last_3d", "contiguous_format", "get_default_device", "get_default_dtype",
    "is_complex", "is_floating_point", "is_nonzero", "is_tensor", "numel", "preserve_format", "promote_types",
    "result_type", "set_default_device", "set_default_dtype", "set_default_tensor_type",
]  # fmt: skip


class Constant:
    """A value that is only its name in tensorx."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"tensorx.{self.name}"

    def __reduce__(self):
        return self.name


class memory_format(Constant):
    """An order of the dimensions in memory."""

    __slots__ = ()


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")


def strides_for(wanted, shape):
    """Strides of a tensor of `shape` in a memory format; None where the format asks for nothing."""
    if wanted in (None, preserve_format, contiguous_format):
        return None
    dims = {channels_last: 4, channels_last_3d: 5}.get(wanted)
    if dims is None:
        raise TypeError(f"expected a tensorx.memory_format, got {wanted!r}")
    if len(shape) != dims:
        raise RuntimeError(f"required rank {dims} tensor to use {wanted.name} format, got shape {list(shape)}")
    strides, step = [0] * dims, 1
    for d in (1, *range(dims - 1, 1, -1), 0):
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)


def is_channels_last(x):
    """Whether an image or volume (n, c, ...) has its channels last in memory, and could not as well have them first."""
    return x.ndim in (4, 5) and not x.is_contiguous() and x.movedim(1, -1).is_contiguous()


def in_order_of(like, x):
    """`x` with its channels last in memory if those of `like` are: what an op over images does to its result."""
    if x.ndim != like.ndim or not is_channels_last(like):
        return x
    return in_memory_format(x, channels_last if x.ndim == 4 else channels_last_3d)


def in_memory_format(x, wanted):
    """`x` itself when it has the memory format already, else a copy that has."""
    strides = strides_for(wanted, x.shape)
    if strides is None:
        return x.contiguous() if wanted is contiguous_format else x
    if x.is_contiguous(memory_format=wanted):
        return x
    order = (0, *range(2, x.ndim), 1)
    back = (0, x.ndim - 1, *range(1, x.ndim - 1))
    return x.permute(order).contiguous().permute(back)


def resolve(device):
    """A device with its number: that of the current device for "cuda"."""
    device = _C.device(device)
    if device.type == "cuda" and device.index is None:
        return _C.device("cuda", _C.cuda_current_device())
    return device


def convert(x, dtype=None, device=None, copy=False, memory_format=None, non_blocking=False):
    """`x` itself when it already has the dtype, device and memory order, else a copy through which gradients flow."""
    made = x if dtype is None or dtype is x.dtype else _cast(x, dtype)
    if device is not None:
        device = resolve(device)
        if made.device != device:
            made = _move(made, device, not non_blocking)
    if memory_format is not None:
        made = in_memory_format(made, memory_format)
    return made.clone() if copy and made is x else made


_PYTHON_TYPES = {float: _C.float64, int: _C.int64, bool: _C.bool, complex: _C.complex128}


@method
def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None, other=None):
    """The tensor with another dtype, device or both; itself when nothing changes.

    Calls: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)` for the dtype and device of another tensor, each
    with `copy=True` for a copy in any case.

    >>> import tensorx as tx
    >>> tx.ones(2).to(tx.int64)
    tensor([1, 1])
    """
    if args:
        first, rest = args[0], args[1:]
        if isinstance(first, _C.dtype) or first in _PYTHON_TYPES:
            dtype = first
        elif isinstance(first, _C.TensorBase):
            other = first
        elif first is None or isinstance(first, (str, int, _C.device)):
            device = first
            if rest and (rest[0] is None or isinstance(rest[0], _C.dtype) or rest[0] in _PYTHON_TYPES):
                dtype, rest = rest[0], rest[1:]
        else:
            raise TypeError(f"to(): expected a dtype, a device or a Tensor, not {type(first).__name__}")
        if len(rest) > 2:
            raise TypeError(f"to(): takes at most non_blocking and copy after these, but got {rest}")
        if rest:
            non_blocking = rest[0]
            copy = rest[1] if len(rest) > 1 else copy
    if other is not None:
        dtype, device = other.dtype, other.device
    return convert(self, _PYTHON_TYPES.get(dtype, dtype), device, copy, memory_format, non_blocking)


def _conversion(name, dtype):
    def converted(self, memory_format=None):
        if self.dtype is dtype and memory_format is None:
            return self
        return convert(self, dtype, memory_format=memory_format)

    converted.__name__ = converted.__qualname__ = name
    converted.__doc__ = f"The tensor as {dtype_name(dtype)}; itself when it already is."
    methods[name] = converted


def dtype_name(dtype):
    """float32, without the module."""
    return repr(dtype).partition(".")[2]


_NAMED = {
    "float": _C.float32, "double": _C.float64, "half": _C.float16, "bfloat16": _C.bfloat16, "int": _C.int32,
    "long": _C.int64, "short": _C.int16, "char": _C.int8, "byte": _C.uint8, "bool": _C.bool,
    "cfloat": _C.complex64, "cdouble": _C.complex128,
}  # fmt: skip
for _name, _dtype in _NAMED.items():
    _conversion(_name, _dtype)


@method
def cpu(self, memory_format=None):
    """The tensor on the CPU; itself when it already is there."""
    return convert(self, device="cpu", memory_format=memory_format)


@method
def cuda(self, device=None, non_blocking=False, memory_format=None):
    """The tensor on a CUDA device."""
    return convert(
        self, device="cuda" if device is None else device, memory_format=memory_format, non_blocking=non_blocking
    )


@method
def type_as(self, other):
    """The tensor with the dtype of another."""
    return convert(self, other.dtype, other.device)


@op(_C.pinned, method=False, node_name="PinMemoryBackward0", input=lambda g: g)
def _pinned(input):
    """A copy in page-locked memory."""


@method
def pin_memory(self, device=None):
    """A copy in page-locked memory, which a device reads and writes while the program goes on; itself when it is there.

    >>> import tensorx as tx
    >>> if tx.cuda.is_available():
    ...     x = tx.ones(1000).pin_memory().to("cuda", non_blocking=True)
    """
    return self if _C.is_pinned(self) else _pinned(self)


@method
def is_pinned(self, device=None):
    """True for page-locked memory."""
    return _C.is_pinned(self)


@method
def share_memory_(self):
    """Move this tensor's values to memory that other processes can share, unless they are there; returns the tensor.

    Views of its old memory keep that. Tensors on CUDA devices stay as they are. See `tensorx.multiprocessing`.

    >>> import tensorx as tx
    >>> tx.ones(3).share_memory_().is_shared()
    True
    """
    from ..multiprocessing.sharing import share

    return share(self)


@method
def is_shared(self):
    """Whether other processes can share this tensor's memory; always so on CUDA devices."""
    return self.is_cuda or _C.is_shared(self)


@method
def record_stream(self, stream):
    """Tell the allocator that a stream other than the one the tensor was made on uses its memory, which is then not
    reused before what that stream has been given so far is done.
    """
    _C.record_stream(self, stream.cuda_stream)


# ---- types


_LEGACY = {
    _C.float32: "FloatTensor", _C.float64: "DoubleTensor", _C.float16: "HalfTensor", _C.bfloat16: "BFloat16Tensor",
    _C.int32: "IntTensor", _C.int64: "LongTensor", _C.int16: "ShortTensor", _C.int8: "CharTensor",
    _C.uint8: "ByteTensor", _C.bool: "BoolTensor", _C.complex64: "ComplexFloatTensor",
    _C.complex128: "ComplexDoubleTensor", _C.uint16: "UInt16Tensor", _C.uint32: "UInt32Tensor", _C.uint64: "UInt64Tensor",
}  # fmt: skip


class _TensorType(type):
    """The type of FloatTensor and its like: constructors whose instances are the tensors of one dtype on one kind of device."""

    def __call__(cls, *args, device=None):
        return legacy_tensor(args, cls.dtype, device or cls.device)

    def __instancecheck__(cls, instance):
        return (
            isinstance(instance, _C.TensorBase) and instance.dtype is cls.dtype and instance.device.type == cls.device
        )


def _tensor_types(device, module):
    for dtype, name in _LEGACY.items():
        doc = f"Tensors of {dtype_name(dtype)}: {name}(2, 3) is uninitialised, {name}([1, 2]) holds data."
        members = {"dtype": dtype, "device": device, "__module__": module, "__doc__": doc}
        yield name, _TensorType(name, (), members)


tensor_types = dict(_tensor_types("cpu", "tensorx"))
cuda_tensor_types = dict(_tensor_types("cuda", "tensorx.cuda"))
globals().update(tensor_types)
__all__ += tensor_types


def legacy_tensor(args, dtype, device=None):
    """Tensor(2, 3): uninitialised. Tensor([1, 2]): data. Tensor(tensor): an alias. On the CPU, whatever the default device."""
    device = "cpu" if device is None else device
    if not args or isinstance(args[0], int):
        return _C.empty(args or (0,), dtype, device)
    if len(args) > 1:
        raise TypeError(f"new(): expected ints, or one sequence of data, but got {len(args)} arguments")
    data = args[0]
    if isinstance(data, _C.TensorBase):
        if data.dtype is not dtype:
            raise TypeError(f"expected {_LEGACY[dtype]} (got {_LEGACY[data.dtype]}): convert it with .to({dtype})")
        return data.detach()
    if type(data).__name__ == "Size":
        return _C.empty(data, dtype, device)
    if isinstance(data, (float, str)) or not hasattr(data, "__len__"):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    from ..creation import tensor

    return tensor(data, dtype=dtype, device=device)


@method
def new(self, *args, device=None):
    """A tensor of this one's dtype: from sizes (uninitialised) or from data. Prefer new_empty and new_tensor."""
    return legacy_tensor(args, self.dtype, device or self.device)


def tensor_type(self, dtype=None, non_blocking=False):
    """The type's name ('tensorx.FloatTensor'), or the tensor converted to a dtype, such a name, or such a class.

    Names and classes of `tensorx.cuda` stand for a CUDA device; those of `tensorx`, for the CPU.
    """
    if dtype is None:
        return f"tensorx.{'cuda.' if self.is_cuda else ''}{_LEGACY[self.dtype]}"
    type_ = _tensor_type_named(dtype) if isinstance(dtype, str) else dtype
    if isinstance(type_, _TensorType):
        return convert(self, type_.dtype, None if self.device.type == type_.device else type_.device)
    return convert(self, _PYTHON_TYPES.get(type_, type_))


def _tensor_type_named(name):
    short = name.removeprefix("tensorx.").removeprefix("torch.")
    types = cuda_tensor_types if short.startswith("cuda.") else tensor_types
    found = types.get(short.removeprefix("cuda."))
    if found is None:
        names = ", ".join(f"tensorx.{known}" for known in tensor_types)
        raise ValueError(f"invalid type: '{name}': expected one of {names}, or of tensorx.cuda")
    return found


methods["type"] = tensor_type


# ---- questions about dtypes and tensors


def is_tensor(obj):
    """True for a Tensor."""
    return isinstance(obj, _C.TensorBase)


def is_floating_point(input):
    """True when the dtype is a float type."""
    return input.dtype.is_floating_point


def is_complex(input):
    """True when the dtype is a complex type."""
    return input.dtype.is_complex


def is_nonzero(input):
    """True when the single element of a tensor is not 0."""
    if input.numel() != 1:
        raise RuntimeError(
            f"Boolean value of Tensor with {'no values' if not input.numel() else 'more than one value'} is ambiguous"
        )
    return input.item() != 0


methods["is_nonzero"] = is_nonzero


def numel(input):
    """The number of elements."""
    return input.numel()


def result_type(tensor1, tensor2):
    """The dtype of an operation between two tensors or numbers.

    >>> import tensorx as tx
    >>> tx.result_type(tx.tensor([1, 2]), 1.0)
    tensorx.float32
    """
    return _C.result_type(tensor1, tensor2)


def promote_types(type1, type2):
    """The smallest dtype that holds the values of both."""
    return _C.promote_types(type1, type2)


def can_cast(from_, to):
    """True when PyTorch's rules allow converting one dtype to the other without an explicit request."""
    return _C.can_cast(from_, to)


def get_default_dtype():
    """The dtype of tensors made from Python floats, and of zeros, ones, rand and their like."""
    return _C.get_default_dtype()


def set_default_dtype(d, /):
    """Set the default floating-point dtype."""
    _C.set_default_dtype(_PYTHON_TYPES.get(d, d))


def get_default_device():
    """Where tensors are made that no device is given for.

    >>> import tensorx as tx
    >>> tx.get_default_device()
    device(type='cpu')
    """
    return _C.get_default_device()


def set_default_device(device):
    """Make tensors on a device, such as "cuda", where none is given for them, in this thread; None: on the CPU again.

    `with tx.device("cuda"):` does the same for a block. Tensors that share memory with something (`from_numpy`), are like
    another tensor, or are loaded from a file stay where that is.

    >>> import tensorx as tx
    >>> tx.set_default_device("cpu")
    >>> tx.zeros(2).device
    device(type='cpu')
    """
    _C.set_default_device(device)


def set_default_tensor_type(t, /):
    """Set the default floating-point dtype by a tensor type, `tensorx.DoubleTensor`, or its name. Prefer set_default_dtype.

    >>> import tensorx as tx
    >>> tx.set_default_tensor_type(tx.DoubleTensor)
    >>> tx.tensor(0.5).dtype
    tensorx.float64
    >>> tx.set_default_tensor_type("tensorx.FloatTensor")
    """
    type_ = _tensor_type_named(t) if isinstance(t, str) else t
    if not isinstance(type_, _TensorType) or type_.device != "cpu":
        raise TypeError(
            f"set_default_tensor_type: expected a tensor type of the CPU or its name, such as tensorx.FloatTensor, got {t!r}"
        )
    set_default_dtype(type_.dtype)

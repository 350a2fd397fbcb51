"""The names that a pickle may use, and what is made of each: the whole list, which nothing extends.

A builder is called with the machine that reads the pickle and the arguments from the file. Those are of any type and
value, so each builder checks what it uses; what it raises becomes the error of that place in the file.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import _C, Size, Tensor
from ..nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter
from .limits import check_attribute
from .numpy_values import NDARRAY, build_array, build_dtype, build_scalar, has_state, set_state_of
from .storage import MAX_DIMS, Storage


class Builder(NamedTuple):
    """How what a name stands for is called."""

    name: str
    make: Callable[..., Any]


# ---- tensors


def rebuild_tensor(machine, storage, offset, size, stride):
    return over(storage, storage.dtype, offset, size, stride)


def rebuild_tensor_v2(machine, storage, offset, size, stride, requires_grad, hooks, metadata=None):
    made = over(storage, storage.dtype, offset, size, stride)
    return finish(made, requires_grad, metadata)


def rebuild_tensor_v3(machine, storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
    if type(dtype) is not _C.dtype:
        raise TypeError(f"a dtype was expected, not {type(dtype).__name__}")
    return finish(over(storage, dtype, offset, size, stride), requires_grad, metadata)


def over(storage, dtype, offset, size, stride):
    """A tensor over a storage, whose geometry is checked to lie within it."""
    if type(storage) is not Storage:
        raise TypeError(f"a storage was expected, not {type(storage).__name__}")
    size, stride = sizes(size), sizes(stride)
    if len(size) != len(stride):
        raise ValueError(f"{len(size)} sizes and {len(stride)} strides")
    if type(offset) is not int or not 0 <= offset < 1 << 60:
        raise ValueError(f"a storage offset of {offset!r}")
    first, left = divmod(storage.first, dtype.itemsize)
    if left:
        raise ValueError(f"{dtype} in a storage that begins at byte {storage.first} of another")
    return _C.over_storage(storage.bytes, dtype, size, stride, first + offset)


def sizes(values):
    """A tuple of sizes or strides."""
    if not isinstance(values, (tuple, list)) or len(values) > MAX_DIMS:
        raise ValueError(f"sizes and strides are tuples of at most {MAX_DIMS} integers")
    for value in values:
        if type(value) is not int or not 0 <= value < 1 << 60:
            raise ValueError(f"a size or stride of {value!r}")
    return tuple(values)


def finish(made, requires_grad, metadata):
    if metadata:
        raise ValueError(
            f"its values are to be read with {metadata!r}: call resolve_conj() and resolve_neg() before saving"
        )
    if requires_grad:
        made.requires_grad = True
    return made


def rebuild_parameter(machine, data, requires_grad, hooks):
    if not isinstance(data, Tensor):
        raise TypeError(f"the data of a parameter is a tensor, not {type(data).__name__}")
    return Parameter(data, bool(requires_grad))


def rebuild_parameter_with_state(machine, data, requires_grad, hooks, state):
    made = rebuild_parameter(machine, data, requires_grad, hooks)
    set_attributes(machine, made, state)
    return made


def rebuild_from_type(machine, function, cls, arguments, state):
    """A tensor with attributes of its own. Its class can be none but PyTorch's."""
    builder = BUILDERS.get(id(function))
    if builder is None or builder.make not in REBUILDERS or type(arguments) is not tuple:
        raise TypeError("the function that is to make a tensor does not do so")
    made = machine.call(builder, arguments)
    if cls is not Tensor and cls is not Parameter:
        raise TypeError(f"a tensor is a Tensor or a Parameter, not {cls!r}")
    if type(made) is not cls:
        made = made.as_subclass(cls)
    set_attributes(machine, made, state)
    return made


def rebuild_uninitialized_parameter(machine, requires_grad):
    return UninitializedParameter(bool(requires_grad))


def rebuild_uninitialized_buffer(machine, requires_grad):
    return UninitializedBuffer(bool(requires_grad))


REBUILDERS = (rebuild_tensor, rebuild_tensor_v2, rebuild_tensor_v3, rebuild_parameter, rebuild_parameter_with_state)


# ---- attributes


def set_state(machine, target, state):
    """What the opcode BUILD does: attributes of an OrderedDict (`_metadata` of a state_dict), data of a NumPy array."""
    if has_state(target):
        set_state_of(target, state)
    elif type(target) is OrderedDict:
        set_attributes(machine, target, state)
    else:
        raise TypeError(f"a {type(target).__name__} has no state that could be set")


def set_attributes(machine, target, state):
    """Set attributes that hide none of the class's own, and have plain values."""
    if type(state) is tuple and len(state) == 2 and not state[1]:
        state = state[0]  # attributes, and slots
    if state is None:
        return
    if type(state) is not dict and type(state) is not OrderedDict:
        raise TypeError(f"attributes are a dict, not a {type(state).__name__}")
    for name, value in state.items():
        if type(name) is not str or hasattr(type(target), name):
            raise ValueError(f"{type(target).__name__} cannot be given the attribute {name!r}")
        check_attribute(value, machine.walk)
        setattr(target, name, value)


# ---- plain values


def ordered_dict(machine, items=()):
    """Python 2 gives the items at once, as a list of pairs."""
    if type(items) not in (list, tuple):
        raise TypeError(f"an OrderedDict is made of a list of pairs, not of a {type(items).__name__}")
    made = OrderedDict()
    for pair in items:
        if type(pair) not in (list, tuple):
            raise TypeError("an OrderedDict is made of pairs")
        key, value = pair
        machine.check_key(key)
        made[key] = value
    return made


def counter(machine, counts=()):
    if type(counts) is not dict and counts != ():
        raise TypeError("a Counter is made of a dict")
    return Counter(counts)


def make_set(machine, items=()):
    return set(machine.checked_keys(listed(items)))


def make_frozenset(machine, items=()):
    return frozenset(machine.checked_keys(listed(items)))


def listed(items):
    if type(items) not in (list, tuple):
        raise TypeError(f"a set is made of a list, not of a {type(items).__name__}")
    return items


def encode(machine, text, encoding="utf-8"):
    """How Python 3 writes bytes for Python 2."""
    if type(text) is not str or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise ValueError("bytes are made of a string in latin1")
    return text.encode(encoding)


def make_bytes(machine):
    return b""


def make_bytearray(machine, *arguments):
    if arguments and type(arguments[0]) is bytes:
        return bytearray(*arguments)
    return bytearray(encode(machine, *arguments)) if arguments else bytearray()


def make_complex(machine, real, imaginary):
    return complex(real, imaginary)


def make_size(machine, values=()):
    if not isinstance(values, (tuple, list)) or not all(type(value) is int for value in values):
        raise TypeError("a Size is made of integers")
    return Size(values)


def make_device(machine, kind, index=None):
    return _C.device(kind) if index is None else _C.device(kind, index)


# ---- the table

_PYTHON = ("builtins", "__builtin__")
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")

# modules, name there, what GLOBAL gives, how REDUCE makes one of it
_TABLE: list[tuple[tuple[str, ...], str, Any, Any]] = [
    (("torch._utils",), "_rebuild_tensor", rebuild_tensor, rebuild_tensor),
    (("torch._utils",), "_rebuild_tensor_v2", rebuild_tensor_v2, rebuild_tensor_v2),
    (("torch._utils",), "_rebuild_tensor_v3", rebuild_tensor_v3, rebuild_tensor_v3),
    (("torch._utils",), "_rebuild_parameter", rebuild_parameter, rebuild_parameter),
    (("torch._utils",), "_rebuild_parameter_with_state", rebuild_parameter_with_state, rebuild_parameter_with_state),
    (("torch._tensor",), "_rebuild_from_type_v2", rebuild_from_type, rebuild_from_type),
    (("torch",), "Tensor", Tensor, None),
    (("torch.nn.parameter", "torch.nn"), "Parameter", Parameter, None),
    (("torch.nn.parameter",), "UninitializedParameter", UninitializedParameter, rebuild_uninitialized_parameter),
    (("torch.nn.parameter",), "UninitializedBuffer", UninitializedBuffer, rebuild_uninitialized_buffer),
    (("torch",), "Size", Size, make_size),
    (("torch",), "device", _C.device, make_device),
    (("collections",), "OrderedDict", OrderedDict, ordered_dict),
    (("collections",), "Counter", Counter, counter),
    (("_codecs",), "encode", encode, encode),
    (_PYTHON, "set", set, make_set),
    (_PYTHON, "frozenset", frozenset, make_frozenset),
    (_PYTHON, "bytes", bytes, make_bytes),
    (_PYTHON, "bytearray", bytearray, make_bytearray),
    (_PYTHON, "complex", complex, make_complex),
    (_NUMPY, "_reconstruct", build_array, build_array),
    (_NUMPY, "scalar", build_scalar, build_scalar),
    (("numpy",), "ndarray", NDARRAY, None),
    (("numpy",), "dtype", build_dtype, build_dtype),
]  # fmt: skip

NAMES = {(module, name): value for modules, name, value, _ in _TABLE for module in modules}
BUILDERS = {id(value): Builder(name, make) for _, name, value, make in _TABLE if make is not None}

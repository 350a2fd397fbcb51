"""Pickles of tensors and plain values, in the words that PyTorch reads with weights_only=True.

Protocol 2, whose opcodes CPython's Lib/pickletools.py describes. A value is written by the function that WRITERS has
for its type; a type that is not there is refused, with the place where it stands.
"""

from collections import Counter, OrderedDict
from struct import pack
from typing import NamedTuple

from .. import _C, Size, Tensor
from ..nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from ..ops.convert import dtype_name
from .limits import Keys, check_attribute
from .storage import STORAGES_OF_DTYPES


class PickleWriter:
    """Writes values; the bytes are in `data`.

    Args:
        storages: a Storages, which collects the memory of the tensors that are written.
    """

    def __init__(self, storages):
        self.storages = storages
        self.data = bytearray(b"\x80\x02")
        self.memo = {}  # id of a value, or the text or name that it is: its number
        self.kept = []  # what has an id in the memo stays alive, so that nothing else gets the id
        self.path = []  # keys of where we are in the value, for errors
        self.keys = Keys()

    def dump(self, value):
        """The pickle of a value."""
        self.write(value)
        return self.data + b"."

    def write(self, value):
        """Write a value, or a reference to it if it was written before."""
        if self.refer(id(value)) or (type(value) is str and self.refer(("text", value))):
            return
        writer = WRITERS.get(type(value))
        if writer is None:
            writer = write_tensor if isinstance(value, Tensor) else self.refuse(value)
        writer(self, value)

    def refuse(self, value):
        hint = "convert it to these first"
        if hasattr(value, "state_dict"):
            hint = "save its state_dict(), and load with load_state_dict()"
        elif isinstance(value, dict):
            hint = "save dict(it)"
        self.fail(
            f"it is a {type(value).__module__}.{type(value).__qualname__}, and a file holds tensors, numbers, strings, "
            f"bytes, None, and dicts, lists, tuples and sets of them: {hint}"
        )

    def fail(self, problem):
        """Raise the error for the value where we are."""
        where = "".join(f"[{key!r}]" for key in self.path)
        raise TypeError(f"save(): obj{where} cannot be saved: {problem}")

    def check_key(self, key):
        if problem := self.keys.problem(key):
            self.fail(f"{problem}, and keys are strings, numbers and short tuples of them")

    def check_attributes(self, attributes):
        for name, value in attributes.items():
            try:
                check_attribute(value, lambda count: None)
            except ValueError as error:
                self.fail(f"its attribute {name!r} is not plain: {error}")

    def remember(self, key, value):
        """Number the value that was just written, for what refers to it again."""
        number = self.memo[key] = len(self.kept)
        self.kept.append(value)
        self.data += pack("<cB", b"q", number) if number < 256 else pack("<cI", b"r", number)

    def refer(self, key):
        """Write a reference to the value that was remembered under `key`, if there is one."""
        number = self.memo.get(key)
        if number is None:
            return False
        self.data += pack("<cB", b"h", number) if number < 256 else pack("<cI", b"j", number)
        return True

    def put(self, data):
        self.data += data

    # ---- plain values

    def write_int(self, value):
        if 0 <= value < 1 << 8:
            self.data += pack("<cB", b"K", value)
        elif 0 <= value < 1 << 16:
            self.data += pack("<cH", b"M", value)
        elif -(1 << 31) <= value < 1 << 31:
            self.data += pack("<ci", b"J", value)
        else:
            digits = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            count = len(digits)
            self.data += (pack("<cB", b"\x8a", count) if count < 256 else pack("<cI", b"\x8b", count)) + digits

    def write_text(self, value):
        data = value.encode("utf-8", "surrogatepass")
        self.data += pack("<cI", b"X", len(data)) + data
        self.remember(("text", value), value)

    # ---- containers

    def write_items(self, pairs):
        if not pairs:
            return
        self.data += b"("
        for key, value in pairs:
            self.check_key(key)
            self.write(key)
            self.write_inside(key, value)
        self.data += b"u"

    def write_inside(self, key, value):
        self.path.append(key)
        self.write(value)
        self.path.pop()

    def write_tuple(self, value):
        if not value:
            self.data += b")"
            return
        short = len(value) <= 3
        self.data += b"" if short else b"("
        for index, item in enumerate(value):
            self.write_inside(index, item)
        self.data += (b"\x85", b"\x86", b"\x87")[len(value) - 1] if short else b"t"
        self.remember(id(value), value)

    def write_list(self, value):
        self.data += b"]"
        self.remember(id(value), value)
        if value:
            self.data += b"("
            for index, item in enumerate(value):
                self.write_inside(index, item)
            self.data += b"e"

    def write_dict(self, value):
        self.data += b"}"
        self.remember(id(value), value)
        self.write_items(value.items())


# ---- what stands for more than a value


class Global(NamedTuple):
    """A name, of a function, class or dtype: 'torch._utils _rebuild_tensor_v2'."""

    name: str


class Call(NamedTuple):
    """What a call gives."""

    name: str
    arguments: tuple = ()


class StorageReference(NamedTuple):
    """A storage, whose bytes are elsewhere in the file."""

    storage_type: str
    identity: tuple  # key, device, number of elements, and what legacy files have more


def write_global(writer, value):
    if not writer.refer(("name", value.name)):
        module, _, attribute = value.name.partition(" ")
        writer.data += f"c{module}\n{attribute}\n".encode()
        writer.remember(("name", value.name), value.name)


def write_call(writer, value):
    writer.write(Global(value.name))
    writer.write_tuple(value.arguments)
    writer.data += b"R"


def write_reference(writer, value):
    writer.write_tuple(("storage", Global(value.storage_type), *value.identity))
    writer.data += b"Q"


# ---- one function for each type


def write_ordered_dict(writer, value):
    writer.write(Call("collections OrderedDict"))
    writer.remember(id(value), value)
    writer.write_items(value.items())
    if value.__dict__:  # `_metadata` of a state_dict
        writer.check_attributes(value.__dict__)
        writer.write(dict(value.__dict__))
        writer.data += b"b"


def write_set(writer, value):
    items = list(value)
    for item in items:
        writer.check_key(item)
    writer.write(Call(f"__builtin__ {type(value).__name__}", (items,)))
    writer.remember(id(value), value)


def called(make):
    """The writer of a type whose values are the result of the call make(value)."""

    def write(writer, value):
        writer.write(make(value))
        writer.remember(id(value), value)

    return write


def bytes_call(name, encoding):
    return called(lambda value: Call(name, (value.decode("latin1"), encoding)))


def write_tensor(writer, value):
    """As a call; with the class, if it is a Parameter, and the attributes, if it has any."""
    if type(value) not in (Tensor, Parameter, Buffer):
        writer.refuse(value)
    cls = type(value)
    attributes = {name: item for name, item in value.__dict__.items() if not hasattr(cls, name)}
    writer.check_attributes(attributes)
    hooks = Call("collections OrderedDict")
    reference, dtype = writer.storages.reference(value)
    geometry = (reference, value.storage_offset(), tuple(value.shape), value.stride())
    requires_grad = value.requires_grad and cls is not Parameter
    if dtype is None:
        made = Call("torch._utils _rebuild_tensor_v2", (*geometry, requires_grad, hooks))
    else:
        made = Call("torch._utils _rebuild_tensor_v3", (*geometry, requires_grad, hooks, Global(f"torch {dtype}")))
    if cls is Parameter:
        if attributes:
            made = Call("torch._utils _rebuild_parameter_with_state", (made, value.requires_grad, hooks, attributes))
        else:
            made = Call("torch._utils _rebuild_parameter", (made, value.requires_grad, hooks))
    elif attributes:
        made = Call(
            "torch._tensor _rebuild_from_type_v2",
            (Global(made.name), Global("torch Tensor"), made.arguments, attributes),
        )
    writer.write(made)
    writer.remember(id(value), value)


def uninitialized_call(value):
    """Of a lazy module's parameter or buffer; PyTorch reads it with weights_only=False alone, as it does its own."""
    return Call(f"torch.nn.parameter {type(value).__name__}", (value.requires_grad,))


WRITERS = {
    type(None): lambda writer, value: writer.put(b"N"),
    bool: lambda writer, value: writer.put(b"\x88" if value else b"\x89"),
    int: PickleWriter.write_int,
    float: lambda writer, value: writer.put(pack(">cd", b"G", value)),
    complex: called(lambda value: Call("__builtin__ complex", (value.real, value.imag))),
    str: PickleWriter.write_text,
    bytes: bytes_call("_codecs encode", "latin1"),
    bytearray: bytes_call("__builtin__ bytearray", "latin-1"),
    tuple: PickleWriter.write_tuple,
    list: PickleWriter.write_list,
    dict: PickleWriter.write_dict,
    OrderedDict: write_ordered_dict,
    Counter: called(lambda value: Call("collections Counter", (dict(value),))),
    set: write_set,
    frozenset: write_set,
    Size: called(lambda value: Call("torch Size", (tuple(value),))),
    _C.dtype: lambda writer, value: write_global(writer, Global(f"torch {dtype_name(value)}")),
    _C.device: called(
        lambda value: Call("torch device", (value.type,) + (() if value.index is None else (value.index,)))
    ),
    UninitializedParameter: called(uninitialized_call),
    UninitializedBuffer: called(uninitialized_call),
    Global: write_global,
    Call: write_call,
    StorageReference: write_reference,
}


class Storages:
    """The memory of the tensors that are saved, each once: key -> (the tensor of its bytes, size of an element).

    Args:
        more: what stands at the end of a storage's identity.
    """

    def __init__(self, *more):
        self.more = more
        self.found = {}
        self.keys = {}  # device, address and size: (key, dtype)

    def reference(self, tensor):
        """(StorageReference, None or the name of the tensor's dtype where the storage's type does not say it)."""
        data, dtype = _C.storage_bytes(tensor), dtype_name(tensor.dtype)
        device = str(data.device)
        identity = (device, data.data_ptr(), data.nbytes) if data.nbytes else object()
        key, first = self.keys.setdefault(identity, (str(len(self.keys)), dtype))
        if first != dtype:
            raise RuntimeError(
                "save(): Cannot save multiple tensors or storages that view the same data as different types "
                f"({first} and {dtype}): clone() one of them"
            )
        own = dtype in STORAGES_OF_DTYPES  # else it is a storage of bytes
        itemsize = tensor.itemsize if own else 1
        self.found[key] = data, itemsize
        storage_type = f"torch {STORAGES_OF_DTYPES.get(dtype, 'ByteStorage')}"
        reference = StorageReference(storage_type, (key, device, data.nbytes // itemsize, *self.more))
        return reference, None if own else dtype

    def buffer(self, key):
        """The bytes of a storage, on the CPU."""
        return memoryview(_C.array_buffer(self.found[key][0].cpu()))

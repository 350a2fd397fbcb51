"""Storages as PyTorch's files describe them: their names, their bytes, and the device that they go to."""

from typing import NamedTuple

from .. import _C

# PyTorch's name of a storage's type: the name of its elements' dtype. Newer dtypes have none.
DTYPES_OF_STORAGES = {
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}
STORAGES_OF_DTYPES = {dtype: name for name, dtype in DTYPES_OF_STORAGES.items() if name != "UntypedStorage"}
MAX_DIMS = 16  # of this engine's tensors


def dtype_named(name):
    """The dtype of PyTorch's name ('float32'), or None where this engine has no such dtype."""
    found = getattr(_C, name, None)
    return found if isinstance(found, _C.dtype) else None


class StorageType(NamedTuple):
    """What stands in a file for torch.FloatStorage."""

    name: str
    dtype: _C.dtype


class Storage(NamedTuple):
    """The memory of tensors: the tensor of all its bytes, the dtype of its elements, and the byte that is its first."""

    bytes: _C.TensorBase
    dtype: _C.dtype
    first: int = 0


class StorageId(NamedTuple):
    """A storage as a file names it: 'storage', type, key, tag of its device, number of elements."""

    type: StorageType
    key: str
    location: str
    elements: int

    @property
    def nbytes(self):
        return self.elements * self.type.dtype.itemsize


def storage_id(saved, fail):
    """The StorageId of what a pickle gives for a storage; `fail` raises for anything else."""
    if type(saved) is not tuple or len(saved) < 5 or as_text(saved[0]) != "storage":
        fail(
            "only storages can lie outside of the pickle. (A file with a whole module holds code: save its state_dict)"
        )
    kind, key, location, count = saved[1], as_text(saved[2]), as_text(saved[3]), saved[4]
    if type(kind) is not StorageType or type(key) is not str or type(location) is not str:
        fail("a storage is named by its type, key and device, and this one is not")
    if type(count) is not int or not 0 <= count < 1 << 60:
        fail(f"a storage with {count!r} elements")
    return StorageId(kind, key, location, count)


def as_text(value):
    """Python 2 wrote such names as bytes."""
    return value.decode("ascii", "replace") if type(value) is bytes else value


def place(data, location, map_location, fail):
    """A storage's bytes, which are on the CPU, on the device that they are tagged with, or that `map_location` says."""
    if map_location is None:
        return on_tagged_device(data, location, fail)
    if isinstance(map_location, dict):
        if location not in map_location:
            return on_tagged_device(data, location, fail)
        map_location = map_location[location]
    if callable(map_location):
        placed = map_location(data, location)
        if placed is None:
            return on_tagged_device(data, location, fail)
        if not isinstance(placed, _C.TensorBase):
            raise TypeError(
                "load(): map_location(storage, location) must return a storage (the tensor of bytes that it was given, "
                f"moved) or None, not {type(placed).__name__}"
            )
        return _C.storage_bytes(placed)
    if isinstance(map_location, bytes):
        map_location = map_location.decode()
    return data.to(_C.device(map_location))


def on_tagged_device(data, location, fail):
    if location == "cpu":
        return data
    kind, _, index = location.partition(":")
    if kind != "cuda" or (index and not (index.isascii() and index.isdecimal() and len(index) < 5)):
        fail(f"a storage was saved on device {location!r}: pass map_location='cpu', or a device that there is")
    count = _C.cuda_device_count()
    if not count:
        fail(
            f"Attempting to deserialize object on a CUDA device ({location}) but tensorx.cuda.is_available() is False: "
            "pass map_location='cpu'"
        )
    number = int(index) if index else _C.cuda_current_device()
    if number >= count:
        fail(
            f"Attempting to deserialize object on CUDA device {number} but there are {count}: pass map_location with "
            "one that there is"
        )
    return data.to(_C.device("cuda", number))

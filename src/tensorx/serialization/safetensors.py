"""Files in the safetensors format, with the names of the safetensors package.

A file is the length of a header in 8 bytes, the header (JSON: name -> dtype, shape, and the range of bytes in what
follows), and the tensors' bytes. https://github.com/huggingface/safetensors#format

Tensors are read without a copy: their memory is the file's, and a tensor that is written to gets its own copy of the
page. The file must not be cut short while one is in use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from io import BytesIO
from itertools import pairwise
from math import prod
from mmap import ACCESS_COPY, mmap
from typing import Any, NamedTuple

from .. import _C, Tensor
from ..ops.convert import dtype_name
from ..types import Device
from .atomic import replacing
from .source import Source, write_all
from .storage import MAX_DIMS, dtype_named

__all__ = ["load", "load_file", "safe_open", "save", "save_file"]

# the format's name of a dtype: ours, bytes
DTYPES = {
    "BOOL": ("bool", 1), "U8": ("uint8", 1), "I8": ("int8", 1), "U16": ("uint16", 2), "I16": ("int16", 2),
    "U32": ("uint32", 4), "I32": ("int32", 4), "U64": ("uint64", 8), "I64": ("int64", 8), "F16": ("float16", 2),
    "BF16": ("bfloat16", 2), "F32": ("float32", 4), "F64": ("float64", 8), "C64": ("complex64", 8),
    "F8_E4M3": ("float8_e4m3fn", 1), "F8_E5M2": ("float8_e5m2", 1),
}  # fmt: skip
NAMES = {ours: name for name, (ours, _) in DTYPES.items()}
LARGEST_HEADER = 100_000_000
ALIGNMENT = 8
FRAMEWORKS = ("pt", "torch", "pytorch", "tx", "tensorx")


# ---- reading


class Entry(NamedTuple):
    """What a header says of a tensor. Its bytes are those of the file from `begin` to `end`."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header:
    """The header of a Source: `entries` (name -> Entry, in the order of their bytes) and `metadata`."""

    def __init__(self, source: Source) -> None:
        self.source = source
        size = int.from_bytes(source.read(0, 8, "the size of a safetensors header"), "little")
        if size > LARGEST_HEADER:
            source.fail(f"a safetensors header of {size} bytes; the format allows {LARGEST_HEADER}", 0)
        text = source.read(8, size, "the safetensors header")
        self.metadata, described = self.parsed(text)
        self.begin = 8 + size  # of the tensors
        found = sorted(
            (self.entry(name, value) for name, value in described.items()), key=lambda e: (e[1].begin, e[1].end)
        )
        self.entries = dict(found)
        self.check_no_holes()

    def parsed(self, text: bytes) -> tuple[dict[str, str] | None, dict[str, Any]]:
        """(metadata, what there is for each tensor)."""
        try:
            if text[:1] != b"{":
                raise ValueError("it does not begin with {")
            header = json.loads(text.decode(), object_pairs_hook=without_duplicates)
        except (ValueError, RecursionError) as error:
            self.source.fail(f"the safetensors header is not valid: {error}", 8)
        metadata = header.pop("__metadata__", None)
        if metadata is not None and not (
            isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
        ):
            self.source.fail("the metadata in a safetensors header are strings, with strings as names", 8)
        return metadata, header

    def entry(self, name: str, value: Any) -> tuple[str, Entry]:
        fail = lambda problem: self.source.fail(f"the tensor {name!r} in the safetensors header {problem}", 8)
        if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
            fail("is not described by dtype, shape and data_offsets")
        dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            fail(f"has the dtype {dtype!r}, which is none of {', '.join(DTYPES)}")
        if not is_sizes(shape) or len(shape) > MAX_DIMS or prod(max(n, 1) for n in shape) >= 1 << 60:
            fail(f"has a shape that is no list of up to {MAX_DIMS} sizes")
        if not is_sizes(offsets) or len(offsets) != 2:
            fail("has data_offsets that are not two positions")
        begin, end = offsets
        if prod(shape) * DTYPES[dtype][1] != end - begin:
            fail(f"of shape {shape} and dtype {dtype} has the bytes from {begin} to {end}, which is another number")
        return name, Entry(dtype, tuple(shape), self.begin + begin, self.begin + end)

    def check_no_holes(self) -> None:
        """Raise unless the tensors follow one another up to the end of the file: no overlap, nothing hidden."""
        position = self.begin
        for name, entry in self.entries.items():
            if entry.begin != position:
                self.source.fail(
                    f"the tensor {name!r} begins at byte {entry.begin}, and the one before ends here", position
                )
            position = entry.end
        if position != self.source.size:
            self.source.fail(f"the tensors end here, and the file has {self.source.size} bytes", position)

    def dtype(self, name: str) -> _C.dtype:
        found = dtype_named(DTYPES[self.entries[name].dtype][0])
        if found is None:
            entry = self.entries[name]
            self.source.fail(
                f"the tensor {name!r} is of dtype {entry.dtype}, which this engine does not have", entry.begin
            )
        return found


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def is_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 60 for value in values)


class Mapped:
    """A file as memory, and what its header says of it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with open(path, "rb") as file:
            self.header = Header(Source(file, os.fspath(path)))
            self.memory = mmap(file.fileno(), 0, access=ACCESS_COPY)

    def tensor(self, name: str) -> Tensor:
        """A tensor over the file's memory."""
        dtype, entry = self.header.dtype(name), self.header.entries[name]
        if entry.begin == entry.end:
            return _C.empty(entry.shape, dtype, "cpu")
        # Elements that are not aligned in the file are copied.
        return _C.from_buffer(self.memory, dtype, prod(entry.shape), entry.begin).view(entry.shape)


def load_file(filename: str | os.PathLike[str], device: Device = "cpu") -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name, in the order of the file. On the CPU they are the file's own memory.

    Raises:
        FileFormatError: for a file that breaks a rule of the format; it names the byte.

    >>> import tensorx as tx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> tx.serialization.safetensors.save_file({"weight": tx.ones(2)}, path)
    >>> tx.serialization.safetensors.load_file(path)
    {'weight': tensor([1., 1.])}
    """
    mapped = Mapped(filename)
    return {name: mapped.tensor(name).to(device) for name in mapped.header.entries}


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file that was read into memory, copied.

    >>> import tensorx as tx
    >>> tx.serialization.safetensors.load(tx.serialization.safetensors.save({"a": tx.arange(3)}))
    {'a': tensor([0, 1, 2])}
    """
    header = Header(Source(BytesIO(data), "<bytes>"))
    view, loaded = memoryview(data), {}
    for name, entry in header.entries.items():
        loaded[name] = _C.empty(entry.shape, header.dtype(name), "cpu")
        _C.write_bytes(loaded[name], view[entry.begin : entry.end])
    return loaded


class safe_open:
    """A safetensors file of which tensors, or parts of them, are read one by one.

    Args:
        filename: the path.
        framework: for the package's signature: tensors are always tensorx's.
        device: where tensors are put.

    >>> import tensorx as tx, os, tempfile
    >>> from tensorx.serialization.safetensors import safe_open, save_file
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> save_file({"weight": tx.arange(6).view(2, 3)}, path, metadata={"epoch": "3"})
    >>> with safe_open(path, framework="tensorx") as file:
    ...     print(file.keys(), file.metadata(), file.get_slice("weight")[:, 1])
    ['weight'] {'epoch': '3'} tensor([1, 4])
    """

    def __init__(self, filename: str | os.PathLike[str], framework: str = "tensorx", device: Device = "cpu") -> None:
        if framework not in FRAMEWORKS:
            raise ValueError(f"safe_open(): framework {framework!r} is none of {', '.join(FRAMEWORKS)}")
        self._file: Mapped | None = Mapped(filename)
        self._device = device

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *error: object) -> None:
        self._file = None  # tensors keep the memory as long as they need it

    @property
    def _open(self) -> Mapped:
        if self._file is None:
            raise ValueError("safe_open: the file was closed at the end of its `with`")
        return self._file

    def _find(self, name: str) -> Mapped:
        if name not in self._open.header.entries:
            raise KeyError(f"the file has no tensor {name!r}; keys() lists those it has")
        return self._open

    def keys(self) -> list[str]:
        """The names of the tensors, sorted."""
        return sorted(self._open.header.entries)

    def offset_keys(self) -> list[str]:
        """The names in the order of the file."""
        return list(self._open.header.entries)

    def metadata(self) -> dict[str, str] | None:
        """The strings that were saved with the tensors, or None."""
        return self._open.header.metadata

    def get_tensor(self, name: str) -> Tensor:
        """A tensor. On the CPU it is the file's own memory."""
        return self._find(name).tensor(name).to(self._device)

    def get_slice(self, name: str) -> TensorSlice:
        """A tensor of which nothing is read before it is indexed."""
        return TensorSlice(self._find(name), name, self._device)


class TensorSlice:
    """A tensor in a file. Indexing reads a part of it, and copies that."""

    def __init__(self, mapped: Mapped, name: str, device: Device) -> None:
        self._mapped, self._name, self._device = mapped, name, device

    def get_shape(self) -> list[int]:
        """The sizes of the whole tensor."""
        return list(self._mapped.header.entries[self._name].shape)

    def get_dtype(self) -> str:
        """The format's name of the dtype, such as 'F32'."""
        return self._mapped.header.entries[self._name].dtype

    def __getitem__(self, index: Any) -> Tensor:
        return self._mapped.tensor(self._name)[index].clone().to(self._device)


# ---- writing


def save_file(
    tensors: Mapping[str, Tensor], filename: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors by name into a safetensors file, which is replaced as a whole or not at all.

    Args:
        tensors: contiguous ones, that do not share memory.
        metadata: strings to keep with them.
    """
    header, ordered = described(tensors, metadata)
    with replacing(filename) as file:
        for part in (header, *map(buffer_of, ordered)):
            write_all(file, part)


def save(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """What `save_file` would write, as bytes.

    >>> import tensorx as tx
    >>> len(tx.serialization.safetensors.save({"a": tx.arange(3)}))
    88
    """
    header, ordered = described(tensors, metadata)
    return b"".join([header, *map(buffer_of, ordered)])


def described(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> tuple[bytes, list[Tensor]]:
    """(The beginning of a file up to its tensors, the tensors in its order: those of wide elements first)."""
    check(tensors, metadata)
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0]))
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    position = 0
    for name, tensor in ordered:
        end = position + tensor.nbytes
        dtype = NAMES[dtype_name(tensor.dtype)]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text, [tensor for _, tensor in ordered]


def check(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> None:
    """Raise for what the format cannot hold."""
    if metadata is not None and not all(isinstance(text, str) for pair in metadata.items() for text in pair):
        raise TypeError("safetensors: metadata must be strings, with strings as names: json.dumps() makes one")
    used: list[tuple[str, int, int, str]] = []
    for name, tensor in tensors.items():
        if not isinstance(name, str) or name == "__metadata__" or not isinstance(tensor, Tensor):
            raise TypeError(
                f"safetensors: a file holds tensors by name, not {type(name).__name__} {name!r}: {type(tensor).__name__}"
            )
        if dtype_name(tensor.dtype) not in NAMES:
            raise TypeError(f"safetensors: the format has no dtype for {name!r} of {tensor.dtype}: convert it")
        if not tensor.is_contiguous():
            raise ValueError(
                f"safetensors: {name!r} is not contiguous, so its strides would be lost: save .contiguous()"
            )
        begin = tensor.data_ptr()
        if tensor.nbytes:
            used.append((str(tensor.device), begin, begin + tensor.nbytes, name))
    for (device, _, end, name), (next_device, begin, _, other) in pairwise(sorted(used)):
        if device == next_device and begin < end:
            raise RuntimeError(
                f"safetensors: {name!r} and {other!r} share memory, which the format cannot say: save one, or clone()"
            )


def buffer_of(tensor: Tensor) -> Any:
    """The bytes of a contiguous tensor, on the CPU."""
    if not tensor.nbytes:
        return b""
    tensor = tensor.detach().cpu()
    data = _C.storage_bytes(tensor)
    return _C.array_buffer(
        _C.over_storage(data, _C.uint8, (tensor.nbytes,), (1,), tensor.storage_offset() * tensor.itemsize)
    )

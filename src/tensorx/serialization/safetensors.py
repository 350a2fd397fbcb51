"""Files in the safetensors format, with the names of the safetensors package.

A file is the length of a header in 8 bytes, the header (JSON: name -> dtype, shape, and the range of bytes in what
follows), and the tensors' bytes. https://github.com/huggingface/safetensors#format

Tensors are read without a copy: their memory is the file's, and a tensor that is written to gets its own copy of the
page. The file must not be cut short while one is in use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from math import prod
from mmap import ACCESS_COPY, mmap
from typing import Any, NamedTuple

from .. import Tensor, _C
from ..ops.convert import dtype_name
from ..types import Device
from .atomic import replacing
from .source import FileFormatError, Source
from .storage import dtype_named

__all__ = ["load", "load_file", "safe_open", "save", "save_file"]

DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
}  # fmt: skip
NAMES = {name: dtype for dtype, name in DTYPES.items()}
LARGEST_HEADER = 100_000_000
ALIGNMENT = 8
FRAMEWORKS = ("pt", "torch", "pytorch", "tx", "tensorx")


class Entry(NamedTuple):
    """What a header says of a tensor: its bytes are those from `begin` to `end` of the file."""

    dtype: _C.dtype
    name: str  # of the dtype, in the file
    shape: tuple[int, ...]
    begin: int
    end: int

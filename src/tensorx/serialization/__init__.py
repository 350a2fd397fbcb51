"""Saving and loading: PyTorch's files (`save`, `load`) and safetensors (`serialization.safetensors`).

No file can make this package run code. It reads pickles with an interpreter of its own (pickle_reader.py), which has
neither the opcodes nor the names for that.
"""

import os

from . import legacy_container, safetensors, zip_container
from .atomic import replacing
from .source import FileFormatError, Source

__all__ = ["FileFormatError", "load", "safetensors", "save"]

# How other files begin, and what to say of them.
_OTHERS = [
    (0, b"\x93NUMPY", "this is a NumPy file: tensorx.from_numpy(numpy.load(f, allow_pickle=False)) loads it"),
    (0, b"\x89HDF", "this is an HDF5 file"),
    (0, b"\x1f\x8b", "this is a gzip file: load(gzip.open(name)) loads what is in it"),
    (8, b'{"', "this is a safetensors file: tensorx.serialization.safetensors.load_file loads it"),
    (257, b"ustar", "this is PyTorch's format from before 2017: load and save it again with PyTorch 1.x"),
]


def save(
    obj,
    f,
    pickle_module=None,
    pickle_protocol=2,
    _use_new_zipfile_serialization=True,
    _disable_byteorder_record=False,
):
    """Write tensors, numbers, strings, bytes, None, and dicts, lists, tuples and sets of them to a file.

    PyTorch loads the file with `torch.load(f, weights_only=True)`. Tensors that share memory share it again when they
    are loaded, and all of that memory is written: save `x[:2].clone()` to keep a small part of a large tensor.

    A file that has a name is replaced as a whole: a crash while it is written leaves the old one.

    Args:
        obj: what to save. Modules and optimisers are saved as their `state_dict()`.
        f: a path, or a binary file object with `write`.
        pickle_module, pickle_protocol: for PyTorch's signature; the pickle is always of protocol 2, which all read.
        _use_new_zipfile_serialization: False: the format of PyTorch before 1.6.
        _disable_byteorder_record: do not write that numbers are in little endian.

    Raises:
        TypeError: for an object of another type; it says where that stands in `obj`.

    >>> import tensorx as tx, io
    >>> file = io.BytesIO()
    >>> tx.save({"weight": tx.ones(2), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> tx.load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    if pickle_module is not None and getattr(pickle_module, "__name__", None) != "pickle":
        raise ValueError(
            f"save(): pickle_module must be None: the pickle is written by tensorx, not by {pickle_module!r}"
        )
    if type(pickle_protocol) is not int or pickle_protocol < 2:
        raise ValueError(f"save(): pickle_protocol must be at least 2, not {pickle_protocol!r}")
    container = zip_container if _use_new_zipfile_serialization else legacy_container
    options = (not _disable_byteorder_record,) if _use_new_zipfile_serialization else ()
    pickled = container.pickled(obj)  # before a file is touched
    if isinstance(f, (str, os.PathLike)):
        with replacing(f) as file:
            container.write(pickled, file, *options)
    elif hasattr(f, "write"):
        container.write(pickled, f, *options)
    else:
        raise AttributeError(
            "save(): expected 'f' to be string, path, or a file-like object with a 'write' attribute, "
            f"not {type(f).__name__}"
        )


def load(f, map_location=None, pickle_module=None, *, weights_only=True, mmap=None, **pickle_load_args):
    """Read what `save` or `torch.save` wrote: a zip file, or the format of PyTorch before 1.6.

    A path that ends in `.safetensors` is read as that.

    Args:
        f: a path, or a binary file object that can `seek`, read from where it stands.
        map_location: where storages go instead of the device they were saved from. A device or its name; a dict from
            saved to other devices ({"cuda:1": "cuda:0"}); or a function of a storage (the tensor of its bytes, on the
            CPU) and the name of its device, that returns the storage moved, or None to have it where it was.
        weights_only: no file can run code, whether this is True or False: what holds code is refused. False is
            accepted so that programs written for PyTorch run.
        mmap: use the file itself as the tensors' memory. Loading then reads next to nothing, pages are read when they
            are used, and writing to a tensor changes its own copy of the page, never the file. The file must not be
            cut short while a tensor is in use (`save` replaces files, and does not disturb them).
        pickle_load_args: `encoding`, of strings that Python 2 wrote ("utf-8"; "bytes" to have them as bytes).

    Raises:
        FileFormatError: for a file that is damaged, hostile or of another kind. It is a ValueError (and both a
            RuntimeError and an UnpicklingError, which PyTorch raises), and names the file and the byte.

    >>> import tensorx as tx, io
    >>> file = io.BytesIO()
    >>> tx.save([tx.arange(3), "text"], file)
    >>> _ = file.seek(0)
    >>> tx.load(file, map_location="cpu")
    [tensor([0, 1, 2]), 'text']
    """
    if pickle_module is not None and (weights_only or weights_only is None):
        raise RuntimeError("load(): Can not safely load weights when explicit pickle_module is specified")
    encoding = pickle_load_args.pop("encoding", "utf-8")
    if unknown := pickle_load_args.keys() - {"errors", "fix_imports"}:
        raise TypeError(f"load() got an unexpected keyword argument '{min(unknown)}'")
    if not isinstance(f, (str, os.PathLike)):
        if mmap:
            raise ValueError("load(): f must be a file path in order to use the mmap argument")
        return _load(_opened(f), map_location, False, encoding)
    path = os.fspath(f)
    if path.endswith(".safetensors"):
        return safetensors.load_file(path, _device(map_location))
    with open(path, "rb") as file:
        return _load(Source(file, path), map_location, bool(mmap), encoding)


def _load(source, map_location, mapped, encoding):
    begin = source.read(0, min(source.size, 512), "the file")
    if begin[:4] in (b"PK\3\4", b"PK\5\6"):
        return zip_container.read(source, map_location, mapped, encoding)
    for position, mark, problem in _OTHERS:
        if begin[position:].startswith(mark):
            source.fail(problem, 0)
    if begin[:1] != b"\x80":
        source.fail("this is no file of PyTorch's" if begin else "there is nothing to read: rewind with f.seek(0)?", 0)
    if mapped:
        source.fail(
            "mmap can only be used with zip files: save this one again without _use_new_zipfile_serialization", 0
        )
    return legacy_container.read(source, map_location, encoding)


def _opened(file):
    missing = [name for name in ("read", "readinto", "seek", "tell") if not hasattr(file, name)]
    if missing:
        raise AttributeError(
            f"load(): f must be a path or a binary file that can seek, and {type(file).__name__} has no {missing[0]}(): "
            "read it into an io.BytesIO first"
        )
    name = getattr(file, "name", None)
    return Source(file, name if isinstance(name, str) else f"<{type(file).__name__}>")


def _device(map_location):
    if isinstance(map_location, dict) or callable(map_location):
        raise RuntimeError(
            "load(): map_location for a safetensors file is a device: it does not say where tensors were"
        )
    return "cpu" if map_location is None else map_location

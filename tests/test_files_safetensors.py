"""safetensors files: both ways, without copies, and every rule of the format checked."""

import json
import os
import struct

import numpy as np
import pytest

import tensorx as tx
from support import ALL, bits
from tensorx.serialization import FileFormatError
from tensorx.serialization.safetensors import DTYPES, load, load_file, safe_open, save, save_file


def file_of(header, data=b"", size=None):
    """A file with this header: a dict, or the text as it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("dtype", ALL)
def test_dtypes_and_shapes(dtype, tmp_path):
    x = tx.arange(6).reshape(2, 3).to(getattr(tx, dtype))
    tensors = {"a": x, "offset": tx.cat((x, x))[1:3].clone(), "scalar": x[1, 2].clone(), "empty": x[:0].clone()}
    save_file(tensors, tmp_path / "a.safetensors")
    for made in (load_file(tmp_path / "a.safetensors"), load(save(tensors))):
        assert made.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert bits(made[name]) == bits(tensor)
    assert (tmp_path / "a.safetensors").read_bytes() == save(tensors)


def test_the_bytes_of_a_file():
    """As the format's description has it; wide elements first, the header filled up to 8 bytes."""
    data = save({"b": tx.tensor([1, 2], dtype=tx.uint8), "a": tx.tensor([1.5])}, {"epoch": "3"})
    size = struct.unpack("<Q", data[:8])[0]
    assert size % 8 == 0 and data[8 : 8 + size].rstrip(b" ").endswith(b"}}")
    assert json.loads(data[8 : 8 + size]) == {
        "__metadata__": {"epoch": "3"},
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "b": {"dtype": "U8", "shape": [2], "data_offsets": [4, 6]},
    }
    assert data[8 + size :] == struct.pack("<fBB", 1.5, 1, 2)


def test_files_of_others():
    """A header in another order, with spaces, and data that are not aligned."""
    data = file_of(
        b'{ "x":{"shape":[2],"dtype":"F32","data_offsets":[1,9]},\n"m":{"data_offsets":[0,1],"dtype":"U8","shape":[]}} ',
        b"\7" + np.array([1, 2], "f4").tobytes(),
    )
    made = load(data)
    assert list(made) == ["m", "x"] and made["x"].tolist() == [1, 2] and made["m"].item() == 7


def test_not_aligned_in_the_mapped_file(tmp_path):
    path = tmp_path / "a.safetensors"
    for spaces in range(8):
        text = json.dumps({"x": entry()}).encode() + b" " * spaces
        path.write_bytes(file_of(text, np.array([1, 2], "f4").tobytes()))
        made = load_file(path)["x"]
        assert made.tolist() == [1, 2] and made.data_ptr() % 4 == 0


def test_memory_is_the_files(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": tx.arange(5000), "y": tx.ones(3)}, path)
    before = path.read_bytes()
    x = load_file(path)["x"]
    assert x.data_ptr() % 4096 + 5000 * 8 + 12 == len(before)  # as far into its page as into the file
    x += 1  # changes its own copy of the pages
    assert path.read_bytes() == before and load_file(path)["x"].equal(tx.arange(5000))
    save_file({"x": tx.zeros(1)}, path)  # replaces the file; what was loaded keeps the old one
    assert x.equal(tx.arange(5000) + 1)


def test_safe_open(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"b": tx.arange(12.0).view(3, 4), "a": tx.ones(2, dtype=tx.int64)}, path, {"format": "pt"})
    with safe_open(path, framework="pt") as file:
        assert file.keys() == ["a", "b"] and file.offset_keys() == ["a", "b"]
        assert file.metadata() == {"format": "pt"}
        b = file.get_tensor("b")
        part = file.get_slice("b")
        assert part.get_shape() == [3, 4] and part.get_dtype() == "F32"
        assert part[1:, :2].tolist() == [[4, 5], [8, 9]] and part[:, :2].is_contiguous()
        assert part[..., -1].tolist() == [3, 7, 11]
        with pytest.raises(IndexError):
            part[5]
        with pytest.raises(KeyError, match="'no'"):
            file.get_tensor("no")
    assert b.sum().item() == 66
    with pytest.raises(ValueError, match="closed"):
        file.keys()
    with pytest.raises(ValueError, match="framework 'jax'"):
        safe_open(path, "jax")
    assert safe_open(path, "pt").get_tensor("a").tolist() == [1, 1]


def test_cuda(tmp_path):
    if not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    path = tmp_path / "a.safetensors"
    save_file({"x": tx.arange(4, device="cuda")}, path)
    assert load_file(path)["x"].tolist() == [0, 1, 2, 3]
    assert load_file(path, "cuda")["x"].is_cuda and tx.load(path, map_location="cuda")["x"].is_cuda
    part = safe_open(path, "pt", "cuda").get_slice("x")[1:3]
    assert part.is_cuda and part.tolist() == [1, 2]


def test_load_knows_the_ending(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": tx.ones(1)}, path)
    assert tx.load(path)["x"].item() == 1 and tx.load(str(path), map_location="cpu")["x"].item() == 1
    with pytest.raises(RuntimeError, match="is a device"):
        tx.load(path, map_location={"cuda": "cpu"})
    os.rename(path, tmp_path / "a.pt")
    with pytest.raises(FileFormatError, match="safetensors file"):
        tx.load(tmp_path / "a.pt")


def overlapping():
    x = tx.ones(4)
    return {"a": x[:3], "b": x[2:], "empty": x[2:2]}


UNSAVEABLE = {
    "not contiguous": (lambda: {"a": tx.ones(2, 3).t()}, ValueError, r"contiguous\(\)"),
    "the same memory": (overlapping, RuntimeError, "share memory"),
    "not a tensor": (lambda: {"a": 1}, TypeError, "int"),
    "not a name": (lambda: {1: tx.ones(1)}, TypeError, "by name"),
    "the metadata's name": (lambda: {"__metadata__": tx.ones(1)}, TypeError, "by name"),
}


@pytest.mark.parametrize("name", UNSAVEABLE)
def test_what_cannot_be_saved(name, tmp_path):
    make, kind, message = UNSAVEABLE[name]
    with pytest.raises(kind, match=message):
        save_file(make(), tmp_path / "a.safetensors")
    assert os.listdir(tmp_path) == []


def test_parts_of_the_same_memory_that_do_not_overlap():
    x = tx.arange(4)
    made = load(save({"a": x[:2], "b": x[2:], "empty": x[1:1]}))
    assert made["a"].tolist() == [0, 1] and made["b"].tolist() == [2, 3]


def test_metadata_are_strings():
    with pytest.raises(TypeError, match="json"):
        save({}, {"epoch": 3})
    assert load(save({})) == {}


BROKEN = {
    "nothing": (b"", "8 bytes"),
    "no header": (file_of({"x": entry()}, size=1000), "cut short"),
    "a header that is too long": (file_of({}, size=1 << 40), "100000000"),
    "a header beyond 64 bits of signed numbers": (file_of({}, size=(1 << 64) - 1), "100000000"),
    "an empty header": (b"\0" * 8, "begin with"),
    "no JSON": (file_of(b"{nonsense}"), "not valid"),
    "not UTF-8": (file_of(b'{"\xff": 1}'), "not valid"),
    "JSON without end": (file_of(b'{"a":' + b"[" * 100_000), "not valid"),
    "a long number": (file_of(b'{"a":' + b"9" * 10_000 + b"}"), "not valid|described"),
    "a list": (file_of(b"[]"), "begin with"),
    "spaces before": (file_of(b" {}"), "begin with"),
    "a name twice": (file_of(b'{"x":1,"x":2}'), "twice"),
    "a tensor that is a number": (file_of({"x": 1}), "described"),
    "a missing field": (file_of({"x": {"dtype": "F32", "shape": [0]}}), "described"),
    "an extra field": (file_of({"x": {**entry(), "more": 1}}, b"\0" * 8), "described"),
    "an unknown dtype": (file_of({"x": entry("F33")}, b"\0" * 8), "F33"),
    "a dtype that is a list": (file_of({"x": entry(["F32"])}, b"\0" * 8), "dtype"),
    "a negative size": (file_of({"x": entry(shape=(-2,))}, b"\0" * 8), "shape"),
    "a size that is no int": (file_of({"x": entry(shape=(2.0,))}, b"\0" * 8), "shape"),
    "a bool for a size": (file_of({"x": entry("U8", (True,), (0, 1))}, b"\0"), "shape"),
    "too many dimensions": (file_of({"x": entry(shape=[1] * 99 + [2])}, b"\0" * 8), "shape"),
    "sizes whose product is huge": (file_of({"x": entry(shape=[1 << 40, 1 << 40, 0], offsets=(0, 0))}), "shape"),
    "a wrong number of bytes": (file_of({"x": entry(shape=(3,))}, b"\0" * 8), "another number"),
    "offsets that are one": (file_of({"x": entry(offsets=(0,))}, b"\0" * 8), "two positions"),
    "offsets backwards": (file_of({"x": entry(offsets=(8, 0))}, b"\0" * 8), "another number"),
    "a negative offset": (file_of({"x": entry(offsets=(-8, 0))}, b"\0" * 8), "two positions"),
    "a hole at the beginning": (file_of({"x": entry(offsets=(4, 12))}, b"\0" * 12), "ends here"),
    "a hole": (file_of({"x": entry(), "y": entry(offsets=(12, 20))}, b"\0" * 20), "ends here"),
    "an overlap": (file_of({"x": entry(), "y": entry(offsets=(4, 12))}, b"\0" * 12), "ends here"),
    "the same bytes twice": (file_of({"x": entry(), "y": entry()}, b"\0" * 8), "ends here"),
    "bytes after the end": (file_of({"x": entry()}, b"\0" * 9), "has .* bytes"),
    "data that are cut short": (file_of({"x": entry()}, b"\0" * 7), "has .* bytes"),
    "metadata that are no strings": (file_of({"__metadata__": {"a": 1}}), "strings"),
    "metadata that are a list": (file_of({"__metadata__": []}), "strings"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(name, tmp_path):
    data, message = BROKEN[name]
    path = tmp_path / "broken.safetensors"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=message):
        load(data)
    with pytest.raises(FileFormatError, match=rf"broken\.safetensors, byte \d+: .*({message})"):
        load_file(path)


def test_a_dtype_that_the_engine_does_not_have(monkeypatch):
    monkeypatch.setitem(DTYPES, "F4", ("float4", 1))
    with pytest.raises(FileFormatError, match="'x' is of dtype F4"):
        load(file_of({"x": entry("F4", (8,))}, b"\0" * 8))


def test_sizes_of_dtypes():
    for ours, size in DTYPES.values():
        if hasattr(tx, ours):
            assert getattr(tx, ours).itemsize == size

"""tx.save and tx.load: values, sharing, layouts, devices, mmap, and that a file is replaced whole or not at all."""

import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import zipfile
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest

import tensorx as tx
from support import ALL, bits
from tensorx import serialization
from tensorx.serialization import FileFormatError, zip_writer

FORMATS = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}
formats = pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)


def saved(value, **options):
    file = io.BytesIO()
    tx.save(value, file, **options)
    file.seek(0)
    return file


def again(value, **options):
    return tx.load(saved(value, **options))


# ---- values

VALUES = {
    "none": None,
    "bools": [True, False],
    "ints": [0, 255, 256, 65535, 65536, -1, -(1 << 31), 1 << 31, -(1 << 63), 1 << 64, 1 << 3000],
    "floats": [0.0, -0.0, 1.5, float("inf"), 5e-324],
    "complex": 1 - 2j,
    "text": ["", "plain", "grün", "\ud800", "x" * 300],
    "bytes": [b"", b"\x00\xff", b"y" * 300, bytearray(b"z")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "dicts": {"a": {}, 1: 2, (1, "b"): [3], None: 0, 2.5: False},
    "ordered": OrderedDict(b=1, a=OrderedDict()),
    "counter": Counter("abca"),
    "sets": [set(), {1, "a"}, frozenset({2})],
    "many": list(range(3000)),
    "memo": [str(i) for i in range(400)] * 2,
    "types": [tx.Size([2, 3]), tx.Size([]), tx.float32, tx.bool, tx.device("cpu"), tx.device("cuda:1")],
}


@formats
@pytest.mark.parametrize("name", VALUES)
def test_values(name, options):
    value = VALUES[name]
    made = again(value, **options)
    assert made == value and repr(made) == repr(value)
    assert type(made) is type(value)


def test_nan():
    assert again(float("nan")) != again(float("nan"))


def test_references_stay_references():
    shared = [1]
    made = again({"a": shared, "b": shared, "c": [shared]})
    assert made["a"] is made["b"] is made["c"][0]
    cycle = []
    cycle.append(cycle)
    made = again(cycle)
    assert made[0] is made


def test_attributes_of_a_state_dict():
    state = OrderedDict(weight=tx.ones(1))
    state._metadata = OrderedDict({"": {"version": 1}})
    assert again(state)._metadata == state._metadata


# ---- tensors

LAYOUTS = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.transpose(0, 2),
    "offset": lambda x: x[1:, 1],
    "stepped": lambda x: x[:, ::2, 1:],
    "expanded": lambda x: x[:, :1, :1].expand(2, 3, 5),
    "0-dim": lambda x: x[1, 2, 3],
    "empty": lambda x: x[:0],
}


@formats
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ALL)
def test_tensors(dtype, layout, options):
    x = LAYOUTS[layout](tx.arange(24).reshape(2, 3, 4).to(getattr(tx, dtype)))
    made = again(x, **options)
    assert bits(made) == bits(x) and made.stride() == x.stride() and made.storage_offset() == x.storage_offset()
    assert type(made) is tx.Tensor and not made.requires_grad


@formats
def test_shared_memory_stays_shared(options):
    x = tx.zeros(2, 3)
    made = again([x, x[1], x.t()], **options)
    made[1][0] = 7
    assert made[0].tolist() == [[0, 0, 0], [7, 0, 0]] and made[2].tolist() == [[0, 7], [0, 0], [0, 0]]
    assert x.sum().item() == 0


def test_the_same_tensor_is_the_same_object():
    x = tx.ones(2)
    made = again([x, x])
    assert made[0] is made[1]


def test_gradients_and_parameters():
    plain, parameter = again([tx.ones(2, requires_grad=True), tx.nn.Parameter(tx.ones(2), requires_grad=False)])
    assert plain.requires_grad and plain.is_leaf
    assert type(parameter) is tx.nn.Parameter and not parameter.requires_grad
    assert again(tx.ones(2, requires_grad=True) * 2).is_leaf
    (parameter.requires_grad_() * 2).sum().backward()
    assert parameter.grad.tolist() == [2, 2]


def test_attributes_of_tensors():
    x, p = tx.ones(1), tx.nn.Parameter(tx.ones(1))
    x.note, p.groups = {"a": [1, (2.0, None)]}, 3
    made, parameter = again([x, p])
    assert made.note == x.note and type(made) is tx.Tensor
    assert parameter.groups == 3 and type(parameter) is tx.nn.Parameter


def test_the_same_value_gives_the_same_bytes():
    make = lambda: {"a": tx.arange(3), "".join(["b", "c"]): tx.ones(2)}
    assert saved(make()).getvalue() == saved(make()).getvalue()


def test_two_dtypes_over_the_same_memory_are_refused():
    x = tx.ones(4)
    with pytest.raises(RuntimeError, match=r"float32 and int32\): clone"):
        saved([x, x.view(tx.int32)])


class Tagged(tx.Tensor):
    pass


def noted(value):
    x = tx.ones(1)
    x.note = value
    return x


UNSAVEABLE = {
    "module": (lambda: tx.nn.Linear(1, 1), r"obj cannot be saved: it is a .*Linear.*state_dict\(\)"),
    "object": (lambda: {"a": [1, object()]}, r"obj\['a'\]\[1\] cannot be saved: it is a builtins.object"),
    "function": (lambda: len, "builtin_function"),
    "defaultdict": (lambda: defaultdict(list), r"save dict\(it\)"),
    "subclass": (lambda: tx.ones(1).as_subclass(Tagged), "Tagged"),
    "numpy": (lambda: np.ones(1), "numpy.ndarray"),
    "a tensor as a key": (lambda: {tx.ones(1): 1}, "a key is a Tensor"),
    "a large int as a key": (lambda: [{1 << 64: 1}], r"obj\[0\] .* a key is a int \(18446744073709551616\)"),
    "a long tuple as a key": (lambda: {tuple(range(65)): 1}, "64 items"),
    "a frozenset in a set": (lambda: {frozenset()}, "frozenset"),
    "an attribute": (lambda: noted(object()), "'note' is not plain"),
    "an attribute with an attribute": (lambda: noted(noted(1)), "'note' is not plain"),
}


@pytest.mark.parametrize("name", UNSAVEABLE)
def test_what_cannot_be_saved(name, tmp_path):
    make, message = UNSAVEABLE[name]
    path = tmp_path / "a.pt"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        tx.save(make(), path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.pt"]


# ---- the file


def test_layout_of_the_zip_file():
    """What PyTorch's reader relies on, seen by another implementation of zip."""
    with zipfile.ZipFile(saved({"a": tx.arange(5), "b": tx.zeros(0), "c": tx.ones(100)})) as file:
        assert file.testzip() is None  # the check sums are right
        names = [each.filename for each in file.infolist()]
        data = [f"archive/data/{i}" for i in range(3)]
        assert names == [
            "archive/data.pkl", "archive/.format_version", "archive/.storage_alignment", "archive/byteorder", *data,
            "archive/version", "archive/.data/serialization_id",
        ]  # fmt: skip
        assert file.read("archive/byteorder") == b"little" and file.read("archive/version") == b"3\n"
        assert file.read("archive/data/0") == np.arange(5).tobytes()
        for each in file.infolist():
            assert each.compress_type == zipfile.ZIP_STORED
            header = file.fp.getbuffer()[each.header_offset :][:30]
            begin = each.header_offset + 30 + int.from_bytes(header[26:28], "little")
            assert (begin + int.from_bytes(header[28:30], "little")) % 64 == 0


def test_numbers_of_64_bits(monkeypatch):
    """The fields for what is beyond 4 GB, with a limit that a small file reaches."""
    monkeypatch.setattr(zip_writer, "LIMIT_32", 2000)
    value = {"a": tx.arange(500), "b": tx.ones(3)}
    file = saved(value)
    monkeypatch.undo()
    data = file.getvalue().replace((2000).to_bytes(4, "little"), b"\xff" * 4)
    made = tx.load(io.BytesIO(data))
    assert made["a"].tolist() == list(range(500)) and made["b"].tolist() == [1, 1, 1]
    with zipfile.ZipFile(io.BytesIO(data)) as other:
        assert other.testzip() is None


@formats
def test_file_objects(options, tmp_path):
    """Files without a buffer, files that were written before, and what can only write."""
    x = tx.arange(100_000)
    with open(tmp_path / "a", "wb", buffering=0) as file:
        file.write(b"before")
        tx.save(x, file, **options)
    with open(tmp_path / "a", "rb", buffering=0) as file:
        file.seek(6)
        assert tx.load(file).equal(x)
    read, write = os.pipe()
    received = []
    reader = threading.Thread(target=lambda: received.append(open(read, "rb").read()))
    reader.start()
    with open(write, "wb") as file:
        tx.save(x, file, **options)
    reader.join()
    assert tx.load(io.BytesIO(received[0])).equal(x)


def test_legacy_files_one_after_the_other():
    file = io.BytesIO()
    for i in range(3):
        tx.save({"i": i, "x": tx.full((2,), i)}, file, **FORMATS["legacy"])
    file.seek(0)
    for i in range(3):
        made = tx.load(file)
        assert made["i"] == i and made["x"].tolist() == [i, i]


def test_a_long_legacy_pickle():
    """Longer than the piece that is read first."""
    value = {"text": ["x" * 1000 + str(i) for i in range(500)], "x": tx.ones(2)}
    made = again(value, **FORMATS["legacy"])
    assert made["text"] == value["text"] and made["x"].tolist() == [1, 1]


def test_paths(tmp_path):
    for path in (tmp_path / "a.pt", str(tmp_path / "b.pt")):
        tx.save(1, path)
        assert tx.load(path) == 1
    with pytest.raises(FileNotFoundError):
        tx.load(tmp_path / "no.pt")
    with pytest.raises(FileNotFoundError):
        tx.save(1, tmp_path / "no" / "a.pt")
    with pytest.raises(AttributeError, match="'write'"):
        tx.save(1, 3)
    with pytest.raises(AttributeError, match="BytesIO"):
        tx.load(3)


def test_arguments():
    with pytest.raises(RuntimeError, match="pickle_module"):
        tx.load(saved(1), pickle_module=pickle)
    assert tx.load(saved(1), pickle_module=pickle, weights_only=False) == 1
    assert tx.load(saved(1), weights_only=False, encoding="latin1") == 1
    with pytest.raises(TypeError, match="'no_such'"):
        tx.load(saved(1), no_such=1)
    with pytest.raises(ValueError, match="pickle_module"):
        tx.save(1, io.BytesIO(), pickle_module=os)
    with pytest.raises(ValueError, match="pickle_protocol"):
        tx.save(1, io.BytesIO(), pickle_protocol=0)
    tx.save(1, io.BytesIO(), pickle, 4)


def test_byte_order():
    """A file of a machine with the other byte order."""
    file = saved({"a": tx.arange(3), "b": tx.ones(2, dtype=tx.bool), "c": tx.ones(2)}, _disable_byteorder_record=True)
    with zipfile.ZipFile(file) as old:
        records = {each.filename: old.read(each) for each in old.infolist()}
    assert "archive/byteorder" not in records
    for key, dtype in (("0", "i8"), ("2", "f4")):
        records[f"archive/data/{key}"] = np.frombuffer(records[f"archive/data/{key}"], dtype).byteswap().tobytes()
    records["archive/byteorder"] = b"big"
    made = tx.load(zip_of(records))
    assert made["a"].tolist() == [0, 1, 2] and made["b"].tolist() == [True, True] and made["c"].tolist() == [1, 1]


def zip_of(records, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as new:
        for name, data in records.items():
            new.writestr(name, data)
    file.seek(0)
    return file


# ---- devices


@pytest.fixture
def cuda():
    if not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")


def tagged(location):
    """A file with a tensor that was saved on another device."""
    x = tx.arange(3)
    data = saved({"x": x, "y": x[1:]}).getvalue()
    return zip_of_changed(data, b"X\3\0\0\0cpu", b"X\3\0\0\0" + location)


def zip_of_changed(data, old, new):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        records = {each.filename: file.read(each) for each in file.infolist()}
    assert old in records["archive/data.pkl"]
    records["archive/data.pkl"] = records["archive/data.pkl"].replace(old, new)
    return zip_of(records)


MAPS = {
    "name": "cpu",
    "bytes": b"cpu",
    "device": tx.device("cpu"),
    "dict": {"mps": "cpu"},
    "dict of devices": {"mps": tx.device("cpu"), "xpu": 3},
    "function": lambda storage, location: storage,
    "function that moves": lambda storage, location: storage.cpu() if location == "mps" else None,
}


@pytest.mark.parametrize("name", MAPS)
def test_map_location(name):
    made = tx.load(tagged(b"mps"), map_location=MAPS[name])
    assert made["x"].tolist() == [0, 1, 2]
    made["x"][1] = 5
    assert made["y"].tolist() == [5, 2]


def test_map_location_is_asked_once_for_each_storage():
    asked = []
    tx.load(tagged(b"mps"), map_location=lambda storage, location: asked.append((storage.nbytes, location)) or storage)
    assert asked == [(24, "mps")]


@pytest.mark.parametrize("map_location", [None, {"cuda:0": "cpu"}, lambda storage, location: None])
def test_a_device_that_is_not_there(map_location):
    with pytest.raises(FileFormatError, match="'mps': pass map_location='cpu'"):
        tx.load(tagged(b"mps"), map_location=map_location)


def test_errors_of_map_location():
    with pytest.raises(TypeError, match="must return a storage"):
        tx.load(tagged(b"mps"), map_location=lambda storage, location: 3)
    with pytest.raises(IndexError):  # the caller's own error, which says nothing about the file
        tx.load(tagged(b"mps"), map_location=lambda storage, location: [][0])
    with pytest.raises(KeyError):
        tx.load(tagged(b"mps"), map_location=lambda storage, location: {}[location])


@formats
def test_cuda(cuda, options):
    x = tx.arange(6.0, device="cuda").view(2, 3).t()
    file = saved([x, x[0], tx.zeros(0, device="cuda")], **options)
    made = tx.load(file)
    assert made[0].device == x.device and made[0].stride() == x.stride() and made[2].is_cuda
    made[1][0] = 9
    assert made[0].tolist() == [[9, 3], [1, 4], [2, 5]]
    file.seek(0)
    assert tx.load(file, map_location="cpu")[0].tolist() == x.tolist()
    file.seek(0)
    assert tx.load(file, map_location=lambda storage, location: storage.cpu())[0].is_cpu
    assert tx.load(saved(tx.ones(2), **options), map_location="cuda").is_cuda
    assert tx.load(saved(tx.ones(2), **options), map_location=lambda storage, location: storage.cuda()).tolist() == [
        1,
        1,
    ]


def test_cuda_is_not_there(monkeypatch):
    with zipfile.ZipFile(saved(tx.ones(2))) as file:
        records = {each.filename: file.read(each) for each in file.infolist()}
    old = records["archive/data.pkl"]
    for location, message in ((b"cuda:7", "CUDA device 7"), (b"cuda:x", "'cuda:x'"), (b"cuda:0", "is_available")):
        records["archive/data.pkl"] = old.replace(b"X\3\0\0\0cpu", b"X\6\0\0\0" + location)
        if location == b"cuda:0":
            monkeypatch.setattr(tx._C, "cuda_device_count", lambda: 0)
        elif not tx.cuda.is_available():
            message = "is_available" if location == b"cuda:7" else message
        with pytest.raises(RuntimeError, match=message):
            tx.load(zip_of(records))
        assert tx.load(zip_of(records), map_location="cpu").tolist() == [1, 1]


# ---- mmap


def test_mmap(tmp_path):
    path = tmp_path / "a.pt"
    x = tx.arange(5000.0)
    tx.save({"x": x, "part": x[10:20], "empty": tx.zeros(0)}, path)
    before = path.read_bytes()
    made = tx.load(path, mmap=True)
    assert made["x"].equal(x) and made["empty"].shape == (0,)
    made["part"][0] = -1  # a copy of the page is written to, which all that share it see
    assert made["x"][10].item() == -1 and path.read_bytes() == before
    assert tx.load(path, mmap=True)["x"].equal(x)
    tx.save({"x": tx.zeros(1)}, path)  # replaced: what was loaded keeps the old file
    assert made["x"][20:].equal(x[20:])


def test_mmap_needs_a_zip_file_with_a_path(tmp_path):
    with pytest.raises(ValueError, match="file path"):
        tx.load(saved(1), mmap=True)
    path = tmp_path / "a.pt"
    tx.save(tx.ones(1), path, **FORMATS["legacy"])
    with pytest.raises(FileFormatError, match="zip files"):
        tx.load(path, mmap=True)


def test_mmap_of_what_is_not_aligned(tmp_path):
    with zipfile.ZipFile(saved(tx.arange(3))) as file:
        records = {each.filename: file.read(each) for each in file.infolist()}
    for prefix in range(4):
        path = tmp_path / f"{prefix}.pt"
        path.write_bytes(zip_of({"archive/" + "x" * prefix: b"", **records}).getvalue())
        made = tx.load(path, mmap=True)
        assert made.tolist() == [0, 1, 2] and made.data_ptr() % made.itemsize == 0


# ---- a crash in the middle

SAVE = """
import os, signal, sys, tensorx as tx
path, moment = sys.argv[1:]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if moment == "before the data are on the disk":
    os.fsync = die
elif moment == "before the new name":
    os.replace = die
else:
    from tensorx.serialization import zip_writer
    put = zip_writer.ZipWriter.put
    zip_writer.ZipWriter.put = lambda self, data: die() if self.position > 10_000 else put(self, data)
tx.save({"x": tx.full((100_000,), 2)}, path)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.parametrize(
    "moment", ["in the middle of the data", "before the data are on the disk", "before the new name"]
)
def test_a_killed_process_leaves_the_old_file(tmp_path, moment):
    path = tmp_path / "a.pt"
    tx.save({"x": tx.ones(3)}, path)
    ended = subprocess.run([sys.executable, "-c", SAVE, path, moment])
    assert ended.returncode == -signal.SIGKILL
    assert tx.load(path)["x"].tolist() == [1, 1, 1]
    left = [name for name in os.listdir(tmp_path) if name != "a.pt"]
    assert len(left) == 1 and left[0].startswith(".a.pt.") and left[0].endswith(".tmp")


def test_an_error_in_the_middle_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    tx.save(1, path)

    def fail(self):
        raise OSError("no space left")

    monkeypatch.setattr(zip_writer.ZipWriter, "close", fail)
    with pytest.raises(OSError, match="no space"):
        tx.save(2, path)
    assert tx.load(path) == 1 and os.listdir(tmp_path) == ["a.pt"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_links_and_permissions_stay(tmp_path):
    path, link = tmp_path / "a.pt", tmp_path / "link.pt"
    tx.save(1, path)
    path.chmod(0o640)
    link.symlink_to(path)
    tx.save(2, link)
    assert link.is_symlink() and tx.load(path) == 2 and path.stat().st_mode & 0o777 == 0o640


def test_python_2_strings():
    """Protocol 2 as Python 2 wrote it: strings are bytes."""
    data = b"\x80\x02}q\x00U\x01aT\x02\x00\x00\x00\xc3\xbcs."
    with zipfile.ZipFile(saved(1)) as file:
        records = {each.filename: file.read(each) for each in file.infolist()}
    records["archive/data.pkl"] = data
    assert tx.load(zip_of(records)) == {"a": "ü"}
    assert tx.load(zip_of(records), encoding="bytes") == {b"a": b"\xc3\xbc"}
    assert tx.load(zip_of(records), encoding="latin1") == {"a": "Ã¼"}


def test_loading_needs_no_more_than_the_file():
    """`import tensorx` does not load this package, and this package not NumPy."""
    code = (
        "import sys, tensorx as tx, io; assert 'tensorx.serialization' not in sys.modules;"
        "f = io.BytesIO(); tx.save({'x': tx.ones(2)}, f); f.seek(0); tx.load(f); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "zipfile", "concurrent.futures", "logging"} & set(loaded)


def test_public_names():
    assert set(serialization.__all__) == {"FileFormatError", "load", "safetensors", "save"}
    assert all(issubclass(FileFormatError, kind) for kind in (ValueError, RuntimeError, pickle.UnpicklingError))
    error = pickle.loads(pickle.dumps(FileFormatError("broken", "a.pt", 7)))
    assert str(error) == "a.pt, byte 7: broken" and (error.file, error.offset) == ("a.pt", 7)

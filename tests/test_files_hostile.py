"""Files that are made to do harm are refused, with the file and the byte named: they run nothing, and end soon."""

import gzip
import io
import pickle
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tensorx as tx
from tensorx.serialization import FileFormatError, legacy_container

RUNS = []  # what a file made run


def ran(*arguments):
    """What the attacks call. Python's own pickle does: see test_the_attacks_work."""
    RUNS.append(arguments)
    return list


class Attack:
    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


class Stateful:
    def __setstate__(self, state):
        ran(state)


ATTACKS = {
    "a function": lambda: Attack(ran, 1),
    "eval": lambda: Attack(eval, "__import__('test_files_hostile').ran(1)"),
    "exec": lambda: Attack(exec, "import test_files_hostile; test_files_hostile.ran(1)"),
    "a method of an allowed class": lambda: Attack(getattr, dict, "update"),
    "in a list in a dict": lambda: {"a": [1, (Attack(ran, 1),)]},
    "state": lambda: Attack(Stateful, state=[1]),
    "a class": lambda: Stateful,
    "an import": lambda: Attack(__import__, "os"),
    "a partial": lambda: Attack(map, ran, [1]),
}


@pytest.fixture(autouse=True)
def soon():
    """A file that takes for ever fails its test instead of stopping the suite."""
    RUNS.clear()
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, lambda *_: pytest.fail("loading does not end"))
        signal.alarm(30)
    yield
    if hasattr(signal, "SIGALRM"):
        signal.alarm(0)
    assert RUNS == []


def zip_of(program, **records):
    """A file whose pickle is this program. It refers to storages by the keys of `records`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        new.writestr("archive/data.pkl", program)
        for key, data in records.items():
            new.writestr(f"archive/data/{key}", data)
    file.seek(0)
    return file


def legacy_of(program):
    parts = [legacy_container.MAGIC_NUMBER, legacy_container.VERSION, {}]
    return io.BytesIO(b"".join(pickle.dumps(part, 2) for part in parts) + program + pickle.dumps([], 2))


CONTAINERS = {"zip": zip_of, "legacy": legacy_of}
containers = pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)


def refused(program, message=None, container=zip_of, **records):
    with pytest.raises(FileFormatError, match=message) as caught:
        tx.load(container(program, **records), weights_only=False)
    assert caught.value.file == "<BytesIO>" and caught.value.offset >= 0
    return caught.value


# ---- code


@containers
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack, protocol, container):
    refused(pickle.dumps(ATTACKS[attack](), protocol), container=container)


def test_the_attacks_work():
    """Otherwise nothing would have been shown."""
    for name in ("a function", "eval", "exec", "in a list in a dict", "state"):
        pickle.loads(pickle.dumps(ATTACKS[name](), 2))
        assert RUNS, name
        RUNS.clear()


def test_a_hostile_pickle_in_place_of_a_file():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(FileFormatError):
            tx.load(io.BytesIO(pickle.dumps(Attack(ran, 1), protocol)), weights_only=False)


NAMES = [
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "getattr"), ("torch", "load"),
    ("torch.hub", "load"), ("tensorx", "load"), ("numpy", "load"), ("numpy", "save"), ("collections", "namedtuple"),
    ("torch.serialization", "load"), ("torch._utils", "_rebuild_tensor_v2.__globals__"), ("torch", "Tensor.__class__"),
    ("collections", "OrderedDict.fromkeys"), ("torch", "__builtins__"), ("torch", "os"), ("torch", "dtype"), ("", ""),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ".".join(name))
def test_names(name):
    module, attribute = (text.encode() for text in name)
    refused(b"\x80\x02c" + module + b"\n" + attribute + b"\n.", "not among the names")
    text = b"".join(b"\x8c" + bytes([len(part)]) + part for part in (module, attribute))
    refused(b"\x80\x04" + text + b"\x93.", "not among the names")


CALLS = {
    "a type that is no function": b"ctorch\nTensor\n)R.",
    "a dtype": b"ctorch\nfloat32\n)R.",
    "a number": b"K\1)R.",
    "a list": b"])R.",
    "with no tuple": b"ccollections\nOrderedDict\n]R.",
    "an object of a class": b"ccollections\nOrderedDict\n)\x81.",
    "a class that is a string": b"X\1\0\0\0a)R.",
    "a codec of another name": b"c_codecs\nencode\n(X\1\0\0\0aX\4\0\0\0zliptR.",
    "a function with a function": b"ctorch._tensor\n_rebuild_from_type_v2\n(c_codecs\nencode\nctorch\nTensor\n)}tR.",
    "itself, again and again": b"ctorch._tensor\n_rebuild_from_type_v2\nq\0(h\0ctorch\nTensor\n)}tR.",
    "the wrong number of arguments": b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "a device that is none": b"ctorch\ndevice\n(X\1\0\0\0atR.",
    "a size of strings": b"ctorch\nSize\n((X\1\0\0\0attR.",
    "a set of lists": b"c__builtin__\nset\n(](]etR.",
    "a dict from strings": b"ccollections\nOrderedDict\n(X\2\0\0\0abtR.",
    "a counter of numbers": b"ccollections\nCounter\n(K\1tR.",
    "a very long bytearray": b"c__builtin__\nbytearray\n(J\xff\xff\xff\x7ftR.",
    "very many zero bytes": b"c__builtin__\nbytes\n(J\xff\xff\xff\x7ftR.",
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    refused(b"\x80\x02" + CALLS[name])


STATES = {
    "of a list": b"]}b.",
    "of a dict": b"}}b.",
    "of a type": b"ctorch\nTensor\n}b.",
    "that hides a method": b"ccollections\nOrderedDict\n)R}X\5\0\0\0itemsNsb.",
    "that changes the class": b"ccollections\nOrderedDict\n)R}X\x09\0\0\0__class__Nsb.",
    "with names that are no strings": b"ccollections\nOrderedDict\n)R}K\1Nsb.",
    "that is no dict": b"ccollections\nOrderedDict\n)RK\1b.",
}


@pytest.mark.parametrize("name", STATES)
def test_states(name):
    refused(b"\x80\x02" + STATES[name])


# ---- the machine

KNOWN = b"\x80\x95N\x88\x89KMJ\x8a\x8bG\x8cX\x8dUTCB\x8e\x96()]}\x8ftld\x91\x85\x86\x87aesu\x9001qr\x94hjc\x93RbQ."


def test_opcodes():
    """Those that are not needed are refused wherever they stand; the others where the stack lacks what they take."""
    for opcode in range(256):
        if opcode not in KNOWN:
            error = refused(b"N" + bytes([opcode]) + b"1\n2\n3\n.", "opcode")
            assert "not needed" in str(error)
        elif opcode not in b"\x80\x95N\x88\x89()]}\x8f.":
            refused(bytes([opcode]))
    refused(b".", "stack")
    refused(b"(.", "stack")
    refused(b"", "no end")


@containers
def test_files_that_are_cut_short(container):
    program = pickle.dumps({"a": [1.5, "text", (1, 2, 3, 4), {1}, b"x" * 300, 1 << 100]}, 4)
    whole = container(program).getvalue()
    assert tx.load(container(program))["a"][1] == "text"
    for length in range(len(whole)):
        with pytest.raises(FileFormatError):
            tx.load(io.BytesIO(whole[:length]))
    for length in range(len(program)):
        refused(program[:length])


CLAIMS = {
    "text": b"X" + struct.pack("<I", 0xFFFFFFFF),
    "long text": b"\x8d" + struct.pack("<Q", 1 << 62),
    "text beyond 64 bits": b"\x8d" + struct.pack("<Q", (1 << 64) - 1),
    "bytes": b"B" + struct.pack("<I", 0xFFFFFFFF),
    "long bytes": b"\x8e" + struct.pack("<Q", 1 << 62),
    "bytearray": b"\x96" + struct.pack("<Q", 1 << 62),
    "int": b"\x8b" + struct.pack("<I", 0xFFFFFFFF),
    "a name": b"c" + b"x" * 2000,
    "a name without end": b"cos",
    "memo": b"j" + struct.pack("<I", 0xFFFFFFFF),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_of_length(name):
    refused(b"\x80\x02" + CLAIMS[name])
    refused(b"\x80\x02" + CLAIMS[name] + b".")


KEYS = {
    "a list": b"}]Ns.",
    "a dict": b"}}Ns.",
    "an int of 65 bits": b"}\x8a\x09" + b"\xff" * 8 + b"\x01Ns.",
    "a tuple of lists": b"}]\x85Ns.",
    "a deep tuple": b"}" + b")" + b"\x85" * 100_000 + b"Ns.",
    "a tuple of many paths": b"})" + b"q\0h\0\x86" * 64 + b"Ns.",
    "a set of deep tuples": b"\x8f()" + b"\x85" * 100_000 + b"\x90.",
    "a frozenset of lists": b"(]\x91.",
    "tuples with the same hash": b"}("
    + b"".join(b"K\1M" + struct.pack("<H", i) + b"\x86N" for i in range(40_000))
    + b"u.",
    "no value": b"}(K\1u.",
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(name):
    refused(KEYS[name])


COPIES = {
    "an ordered dict of the same list": b"](" + b"K\1K\2\x86" * 1000 + b"eq\0"
    + b"ccollections\nOrderedDict\nq\1" + b"h\1h\0\x85R0" * 1000,
    "a set of the same list": b"](" + b"K\1" * 2000 + b"eq\0c__builtin__\nset\nq\1" + b"h\1h\0\x85R0" * 2000,
    "the same text as bytes": b"X\x10\x27\0\0" + b"x" * 10_000 + b"q\0X\6\0\0\0latin1q\2c_codecs\nencode\nq\1"
    + b"h\1h\0h\2\x86R0" * 5000,
}  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_copies_without_end(name):
    refused(b"\x80\x02" + COPIES[name] + b"N.", "again and again")


def test_attributes_of_many_paths():
    """A few lists, each of which holds the one before a thousand times."""
    program = b"](" + b"N" * 1000 + b"eq\0"
    for i in range(3):
        program += b"](" + (b"h" + bytes([i])) * 1000 + b"eq" + bytes([i + 1])
    program += b"ccollections\nOrderedDict\n)R}X\1\0\0\0ah\3sb."
    refused(b"\x80\x02" + program, "again and again")


def test_deep_values():
    """They are loaded, and freed again."""
    for opening, closing in ((b"](", b"e"), (b"}(N", b"u"), (b"", b"\x85")):
        made = tx.load(zip_of(opening * 50_000 + b"]" + closing * 50_000 + b"."))
        assert type(made) in (list, dict, tuple)
        del made
    ordered = (
        b"ccollections\nOrderedDict\nq\0)Rq\1" + b"h\0)R}X\1\0\0\0ah\1sbq\1" * 50_000
    )  # each an attribute of the next
    assert len(tx.load(zip_of(ordered + b".")).__dict__) == 1


def test_cycles():
    made = tx.load(zip_of(b"]q\0(h\0h\0e}q\1X\1\0\0\0ah\1s\x86."))
    assert made[0][1] is made[0] and made[1]["a"] is made[1]


# ---- tensors


def tensor(offset=b"K\0", size=b"K\2\x85", stride=b"K\1\x85", key=b"0", count=b"K\2", kind=b"FloatStorage", tail=b""):
    storage = b"(X\7\0\0\0storagectorch\n" + kind + b"\nX\1\0\0\0" + key + b"X\3\0\0\0cpu" + count + b"tQ"
    hooks = b"ccollections\nOrderedDict\n)R"
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + offset
        + size
        + stride
        + b"\x89"
        + hooks
        + tail
        + b"tR."
    )


BIG = b"\x8a\x08" + struct.pack("<q", 1 << 60)
HUGE = b"\x8a\x09" + b"\0" * 8 + b"\1"
GEOMETRY = {
    "an offset": {"offset": b"K\1"},
    "a negative offset": {"offset": b"J\xff\xff\xff\xff"},
    "a huge offset": {"offset": HUGE},
    "an offset that is a float": {"offset": b"G" + b"\0" * 8},
    "a size": {"size": b"K\3\x85"},
    "a negative size": {"size": b"J\xff\xff\xff\xff\x85"},
    "sizes whose product overflows": {"size": BIG + BIG + b"\x86", "stride": b"K\0K\0\x86"},
    "a huge size": {"size": HUGE + b"\x85"},
    "a stride": {"stride": b"K\2\x85"},
    "a negative stride": {"stride": b"J\xff\xff\xff\xff\x85"},
    "a huge stride": {"stride": b"\x8a\x08" + struct.pack("<q", (1 << 60) - 1) + b"\x85"},
    "strides for other sizes": {"stride": b")"},
    "too many dimensions": {"size": b"(" + b"K\1" * 100 + b"t", "stride": b"(" + b"K\1" * 100 + b"t"},
    "sizes that are no tuple": {"size": b"K\2"},
    "a storage that is too small": {"count": b"K\3"},
    "a storage of negative size": {"count": b"J\xff\xff\xff\xff"},
    "a storage of huge size": {"count": HUGE},
    "a storage that is not there": {"key": b"7"},
    "another type of storage": {"kind": b"DoubleStorage"},
    "no type of storage": {"kind": b"float32"},
    "values to be read as others": {"tail": b"}X\4\0\0\0conj\x88s"},
}


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry(name):
    data = struct.pack("<2f", 1, 2)
    assert tx.load(zip_of(tensor(), **{"0": data})).tolist() == [1, 2]
    refused(tensor(**GEOMETRY[name]), **{"0": data})


def test_an_integer_tensor_with_a_gradient():
    program = tensor(kind=b"LongStorage").replace(b"\x89", b"\x88")
    refused(program, "gradient|floating", **{"0": b"\0" * 16})


STORAGES = {
    "a module": b"(X\6\0\0\0modulectorch\nTensor\nNNNtQ.",
    "a number": b"K\1Q.",
    "a short tuple": b"X\7\0\0\0storage\x85Q.",
    "a path": b"(X\7\0\0\0storagectorch\nFloatStorage\nX\x0a\0\0\0../version" + b"X\3\0\0\0cpuK\1tQ.",
}


@containers
@pytest.mark.parametrize("name", STORAGES)
def test_storages(name, container):
    refused(STORAGES[name], container=container)


def legacy_tensor(count=b"K\2", view=b"N", keys=("0",), stored=2, data=None):
    head = b"".join(pickle.dumps(part, 2) for part in (legacy_container.MAGIC_NUMBER, legacy_container.VERSION, {}))
    program = tensor(count=count).replace(b"tQ", view + b"tQ")
    data = struct.pack("<2f", 1, 2) if data is None else data
    return io.BytesIO(head + program + pickle.dumps(list(keys), 2) + struct.pack("<q", stored) + data)


LEGACY = {
    "a storage larger than the file": {"count": b"J\0\0\0\x10"},
    "a storage of another size": {"stored": 3},
    "a storage of negative size": {"stored": -1},
    "a storage that does not come": {"keys": ()},
    "a storage that nobody wants": {"keys": ("0", "1")},
    "keys that are no strings": {"keys": (0,)},
    "keys that are lists": {"keys": ("0", [])},
    "data that are cut short": {"data": b"\0" * 7},
    "a view at a negative place": {"view": b"(X\1\0\0\0vJ\xff\xff\xff\xffK\1t"},
    "a view that is no tuple": {"view": b"K\1"},
}


def test_legacy_views():
    assert tx.load(legacy_tensor()).tolist() == [1, 2]
    file = legacy_tensor(view=b"(X\1\0\0\0vK\1K\1t")
    data = file.getvalue().replace(b"K\2\x85", b"K\1\x85")
    assert tx.load(io.BytesIO(data)).tolist() == [2]


def test_legacy_storages_larger_than_the_file():
    """Refused before memory is asked for."""
    with pytest.raises(FileFormatError, match="storages of 1073741824 bytes in a file of"):
        tx.load(legacy_tensor(count=b"J\0\0\0\x10"))


def test_a_view_that_is_larger_than_its_storage():
    """Even where the tensor in it is not."""
    file = legacy_tensor(view=b"(X\1\0\0\0vK\1K\2t").getvalue().replace(b"K\2\x85", b"K\1\x85")
    with pytest.raises(FileFormatError, match="is said to have 12 bytes, and has 8"):
        tx.load(io.BytesIO(file))


def test_a_view_that_is_not_aligned():
    """A part of a storage of bytes that is read as float32 from its second byte on."""
    file = legacy_tensor(count=b"K\x08", view=b"(X\1\0\0\0vK\1K\4t", stored=8).getvalue()
    file = file.replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v3").replace(b"FloatStorage", b"ByteStorage")
    file = file.replace(b"K\2\x85", b"K\1\x85").replace(b"OrderedDict\n)R", b"OrderedDict\n)Rctorch\nfloat32\n")
    with pytest.raises(FileFormatError, match="float32 in a storage that begins at byte 1"):
        tx.load(io.BytesIO(file))


@pytest.mark.parametrize("name", LEGACY)
def test_legacy(name):
    with pytest.raises(FileFormatError):
        tx.load(legacy_tensor(**LEGACY[name]))


# ---- zip files


def good_zip():
    file = io.BytesIO()
    tx.save({"x": tx.ones(100), "y": tx.zeros(3)}, file)
    return bytearray(file.getvalue())


def refused_zip(data, message):
    with pytest.raises(FileFormatError, match=message):
        tx.load(io.BytesIO(bytes(data)))


def entry(data, name):
    """Where the directory has a record."""
    return data.rindex(name) - 46


def test_compressed_records():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("archive/data.pkl", b"\x80\x02N.")
        new.writestr("archive/data/0", b"\0" * 10_000_000)
    refused_zip(file.getvalue(), "compressed")


def test_encrypted_records():
    data = good_zip()
    data[entry(data, b"archive/data.pkl") + 8] |= 1
    refused_zip(data, "encrypted")


def test_two_records_of_one_name():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new, pytest.warns(UserWarning, match="Duplicate"):
        new.writestr("archive/data.pkl", b"\x80\x02N.")
        new.writestr("archive/data.pkl", b"\x80\x02K\1.")
    refused_zip(file.getvalue(), "two records")


def test_records_that_overlap():
    """A thousand records that are all the same megabyte would be a gigabyte."""
    data = good_zip()
    first, second = entry(data, b"archive/data/0"), entry(data, b"archive/data/1")
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    refused_zip(data, "overlaps")
    data = good_zip()
    for field in (20, 24):
        data[first + field : first + field + 4] = struct.pack("<I", 4000)
    refused_zip(data, "overlaps")


@pytest.mark.parametrize("name", [b"archive/data/0", b"archive/data.pkl"])
def test_damaged_contents(name):
    data = good_zip()
    header = struct.unpack_from("<I", data, entry(data, name) + 42)[0]
    begin = header + 30 + sum(struct.unpack_from("<HH", data, header + 26))
    data[begin + 9] ^= 1
    refused_zip(data, "check sum")


def test_a_header_elsewhere():
    data = good_zip()
    place = entry(data, b"archive/data/0") + 42
    data[place : place + 4] = struct.pack("<I", struct.unpack_from("<I", data, place)[0] + 1)
    refused_zip(data, "not where")


def test_a_header_that_is_longer_than_there_is_room():
    data = good_zip()
    header = struct.unpack_from("<I", data, entry(data, b"archive/data/0") + 42)[0]
    data[header + 28 : header + 30] = struct.pack("<H", struct.unpack_from("<H", data, header + 28)[0] + 64)
    refused_zip(data, "not where")


DIRECTORY = {
    "more entries": (-12, struct.pack("<HH", 60_000, 60_000)),
    "a larger directory": (-10, struct.pack("<I", 0x7FFFFFFF)),
    "a place after the end": (-6, struct.pack("<I", 0x7FFFFFFF)),
}


@pytest.mark.parametrize("name", DIRECTORY)
def test_directory(name):
    """In a file without the fields in 64 bits."""
    at, value = DIRECTORY[name]
    data = bytearray(zip_of(b"\x80\x02N.").getvalue())
    data[len(data) + at : len(data) + at + len(value)] = value
    refused_zip(data, "directory")


@pytest.mark.parametrize("field", [8, 24, 32, 40, 48])
def test_directory_in_64_bits(field):
    for value in (0, 1 << 40, (1 << 64) - 1):
        data = good_zip()
        at = data.rindex(b"PK\6\6") if field != 8 else data.rindex(b"PK\6\7")
        data[at + field : at + field + 8] = struct.pack("<Q", value)
        if field != 24:  # entries on this disk, which nothing reads
            refused_zip(data, "zip file|zip")


def test_other_files(tmp_path):
    for data, message in (
        (b"", "nothing to read"),
        (b"\x93NUMPY\1\0", "NumPy"),
        (b"\x89HDF\r\n", "HDF5"),
        (gzip.compress(b"x"), "gzip"),
        (b"text", "no file of PyTorch's"),
        (b"\0" * 257 + b"ustar" + b"\0" * 250, "before 2017"),
        (pickle.dumps({"a": 1}, 2), "none of PyTorch's"),
        (zip_of_names("a.npy"), "numpy.load"),
        (zip_of_names("a.txt"), "no record data.pkl"),
        (zip_of_names(), "no record data.pkl"),
    ):
        path = tmp_path / "a.bin"
        path.write_bytes(data)
        with pytest.raises(FileFormatError, match=message) as caught:
            tx.load(path)
        assert str(caught.value).startswith(f"{path}, byte 0: ")


def zip_of_names(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for name in names:
            new.writestr(name, b"")
    return file.getvalue()


def test_versions():
    for version, good in (
        (b"3\n", True),
        (b"10", True),
        (b"11", False),
        (b"0", False),
        (b"x", False),
        (b"9" * 99, False),
    ):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as new:
            new.writestr("archive/data.pkl", b"\x80\x02N.")
            new.writestr("archive/version", version)
        file.seek(0)
        if good:
            assert tx.load(file) is None
        else:
            refused_zip(file.getvalue(), "version")


def test_the_byte_is_that_of_the_file():
    """Also in a file object that was not at its beginning."""
    program = b"\x80\x02NNI1\n."
    file = io.BytesIO(b"before" + zip_of(program).getvalue())
    file.seek(6)
    with pytest.raises(FileFormatError) as caught:
        tx.load(file)
    assert file.getvalue()[caught.value.offset :].startswith(b"I1\n.")


# ---- damaged files without end


def test_mutations(request):
    """See fuzz_files.py, which says how to repeat one."""
    count = request.config.getoption("--mutations")
    script = Path(__file__).parent / "fuzz_files.py"
    ended = subprocess.run([sys.executable, script, "--mutations", str(count)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"of {count} damaged files" in ended.stdout

"""PyTorch's files since version 1.6: a zip file with the pickle of a value, and a record for each storage."""

from mmap import ACCESS_COPY, mmap
from sys import byteorder

from .. import _C
from .check_sums import CheckSums
from .pickle_reader import read_pickle
from .pickle_writer import PickleWriter, Storages
from .storage import Storage, place, storage_id
from .zip_reader import ZipReader
from .zip_writer import ALIGNMENT, ZipWriter

NEWEST_VERSION = 10  # of the format, that PyTorch reads


def pickled(value):
    """(The pickle of a value, its Storages)."""
    storages = Storages()
    return PickleWriter(storages).dump(value), storages


def write(value, file, mark_byte_order=True):
    """Write what `pickled` gave into a file object."""
    data, storages = value
    with CheckSums() as sums:
        records = ZipWriter(file, "archive", sums)
        records.write("data.pkl", data)
        records.write(".format_version", b"1")  # storages are in the order of their numbers
        records.write(".storage_alignment", str(ALIGNMENT).encode())
        if mark_byte_order:
            records.write("byteorder", byteorder.encode())
        for key in storages.found:
            records.write(f"data/{key}", storages.buffer(key))
        records.write("version", b"3\n")
        records.write(".data/serialization_id", b"%020d%020d" % records.fingerprint())
        records.close()


def read(source, map_location, mapped, encoding):
    """The value in a Source. With `mapped` the storages are the file's own memory, copied where it is written to."""
    records = ZipReader(source)
    check_kind(records)
    data, offset = records.read("data.pkl")
    with CheckSums() as sums:
        storages = StorageReader(records, map_location, mapped, sums)
        value, _ = read_pickle(source, offset, data, storages.load, encoding)
        storages.check()
    return value


def check_kind(records):
    """Raise unless the zip file is one of PyTorch's, of a version that is known."""
    source = records.source
    if "constants.pkl" in records:
        source.fail("this is a TorchScript archive, which holds code: save the module's state_dict() instead", 0)
    if "data.pkl" not in records:
        hint = ""
        if any(name.endswith(".npy") for name in records.records):
            hint = ": it looks like NumPy's, for numpy.load"
        source.fail(f"this zip file is none of PyTorch's, it has no record data.pkl{hint}", 0)
    if "version" in records:
        data, offset = records.read("version")
        version = data.strip()
        if not (version.isdigit() and len(version) < 4 and 1 <= int(version) <= NEWEST_VERSION):
            source.fail(
                f"the file has version {version[:20]!r} of the format, and 1 to {NEWEST_VERSION} are known", offset
            )


class StorageReader:
    """Gives the storages that a pickle refers to, each read once."""

    def __init__(self, records, map_location, mapped, sums):
        self.records, self.map_location, self.sums = records, map_location, sums
        self.loaded = {}  # key: bytes
        self.totals = []  # (record, where its data begin, function that gives their sum)
        self.swapped = self.has_other_byte_order()
        self.map = None
        if mapped:
            self.map = mmap(records.source.file.fileno(), 0, access=ACCESS_COPY)

    def has_other_byte_order(self):
        if "byteorder" not in self.records:
            return byteorder != "little"
        data, offset = self.records.read("byteorder")
        if data not in (b"little", b"big"):
            self.records.source.fail(f"the byte order {data[:20]!r} is neither little nor big", offset)
        return data.decode() != byteorder

    def load(self, saved, fail):
        """The Storage for what the pickle has instead of it."""
        identity = storage_id(saved, fail)
        data = self.loaded.get(identity.key)
        if data is None:
            record, begin = self.records.find(f"data/{identity.key}")
            data = self.from_map(record, begin) if self.map else self.from_file(record, begin)
            if self.swapped:
                data = swap(data, identity.type.dtype)
            data = self.loaded[identity.key] = place(data, identity.location, self.map_location, fail)
        if identity.nbytes > data.nbytes:
            fail(f"storage {identity.key} is said to have {identity.nbytes} bytes, and has {data.nbytes}")
        return Storage(data, identity.type.dtype)

    def from_file(self, record, begin):
        data = _C.empty((record.size,), _C.uint8, "cpu")
        buffer = memoryview(_C.array_buffer(data))
        self.records.source.read_into(begin, buffer, f"the record {record.name!r}")
        self.totals.append((record, begin, self.sums.begin(buffer)))
        return data

    def from_map(self, record, begin):
        if not record.size:
            return _C.empty((0,), _C.uint8, "cpu")
        begin += self.records.source.start
        data = _C.from_buffer(self.map, _C.uint8, record.size, begin)
        return data if begin % ALIGNMENT == 0 else data.clone()  # elements may lie where they are aligned only

    def check(self):
        """Raise unless all that was read is as it was written. Pages of a mapped file are not looked at."""
        for record, begin, total in self.totals:
            self.records.check_crc(record, begin, total())


def swap(data, dtype):
    """The bytes of a storage in the other byte order."""
    width = dtype.itemsize // (2 if dtype.is_complex else 1)
    return data.view(-1, width).flip(1).reshape(-1) if width > 1 and data.nbytes % width == 0 else data

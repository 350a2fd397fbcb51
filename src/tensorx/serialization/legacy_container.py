"""PyTorch's files before version 1.6: five pickles, and after them the storages.

The pickles are a number that says what this is, the version, facts about the machine, the value, and the list of the
storages' keys. Then come, for each key, the number of elements in 8 bytes, and the elements.
"""

from sys import byteorder

from .. import _C
from .pickle_reader import OutOfData, read_pickle
from .pickle_writer import PickleWriter, Storages
from .source import write_all
from .storage import Storage, as_text, place, storage_id

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
VERSION = 1001
FIRST_PIECE = 1 << 16  # bytes to read before it is known how long a pickle is


def pickled(value):
    """(The pickle of a value, its Storages)."""
    storages = Storages(None)  # None: the storage is no part of another
    return PickleWriter(storages).dump(value), storages


def plain(value):
    """The pickle of a value without tensors."""
    return PickleWriter(None).dump(value)


def write(value, file):
    """Write what `pickled` gave into a file object."""
    data, storages = value
    facts = {
        "protocol_version": VERSION,
        "little_endian": byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    keys = sorted(storages.found)
    for part in (plain(MAGIC_NUMBER), plain(VERSION), plain(facts), data, plain(keys)):
        write_all(file, part)
    for key in keys:
        buffer, (_, itemsize) = storages.buffer(key), storages.found[key]
        write_all(file, (len(buffer) // itemsize).to_bytes(8, "little"))
        write_all(file, buffer)


def read(source, map_location, encoding):
    """The value in a Source, whose file then stands behind it."""
    return LegacyReader(source, map_location, encoding).read()


class LegacyReader:
    """Reads one value. Its tensors are made over memory that is filled afterwards, when the storages come."""

    def __init__(self, source, map_location, encoding):
        self.source, self.map_location, self.encoding = source, map_location, encoding
        self.position = 0
        self.claimed = 0  # bytes of all storages
        self.loaded = {}  # key: (bytes on the CPU, bytes on the device, size of an element)

    def read(self):
        self.expect(MAGIC_NUMBER, "this is a pickle, but none of PyTorch's: it does not begin with their number")
        self.expect(VERSION, f"the version of the format is not {VERSION}")
        self.next_value()  # facts about the machine; numbers are in little endian whatever they say
        value = self.next_value(self.load_storage)
        begin = self.position
        keys = self.next_value()
        keys = [as_text(key) for key in keys] if type(keys) is list else []
        if not all(type(key) is str for key in keys) or set(keys) != set(self.loaded):
            self.source.fail("the storages that follow are not those of the tensors", begin)
        for key in keys:
            self.read_storage(*self.loaded[key])
        self.source.file.seek(self.source.start + self.position)
        return value

    def expect(self, number, problem):
        """Raise unless the next pickle is this number."""
        begin, value = self.position, self.next_value()
        if type(value) is not int or value != number:
            self.source.fail(problem, begin)

    def next_value(self, load_storage=None):
        """The value of the next pickle. How long it is shows when it has been read, so it is tried with ever more."""
        size, left = FIRST_PIECE, self.source.size - self.position
        while True:
            data = self.source.read(self.position, min(size, left), "a pickle")
            try:
                value, length = read_pickle(self.source, self.position, data, load_storage, self.encoding)
            except OutOfData:
                if size >= left:
                    raise
                size *= 4
            else:
                self.position += length
                return value

    def load_storage(self, saved, fail):
        identity = storage_id(saved, fail)
        if identity.key not in self.loaded:
            self.claimed += identity.nbytes
            if self.claimed > self.source.size:
                fail(f"storages of {self.claimed} bytes in a file of {self.source.size}")
            data = _C.zeros((identity.nbytes,), _C.uint8, "cpu")
            placed = place(data, identity.location, self.map_location, fail)
            self.loaded[identity.key] = data, placed, identity.type.dtype.itemsize
        _, placed, _ = self.loaded[identity.key]
        first, end = self.part(saved, identity, fail)
        if end > placed.nbytes:
            fail(f"storage {identity.key} is said to have {end} bytes, and has {placed.nbytes}")
        return Storage(placed, identity.type.dtype, first)

    @staticmethod
    def part(saved, identity, fail):
        """(begin, end) in bytes of what a reference takes of the storage: all, or a view (key, offset, size) of it."""
        view = saved[5] if len(saved) > 5 else None
        if view is None:
            return 0, identity.nbytes
        if type(view) is not tuple or len(view) != 3 or not all(type(n) is int and 0 <= n < 1 << 60 for n in view[1:]):
            fail("a view of a storage is its key, offset and size")
        width = identity.type.dtype.itemsize
        return view[1] * width, (view[1] + view[2]) * width

    def read_storage(self, data, placed, width):
        count = int.from_bytes(self.source.read(self.position, 8, "the size of a storage"), "little")
        if count * width != data.nbytes:
            self.source.fail(f"a storage of {data.nbytes // width} elements is stored with {count}", self.position)
        self.position += 8
        self.source.read_into(self.position, _C.array_buffer(data), "a storage")
        self.position += data.nbytes
        if placed is not data:
            placed.copy_(data)

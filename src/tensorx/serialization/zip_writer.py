"""Zip files with the layout of PyTorch's: records as they are, each beginning at a multiple of 64 bytes.

PyTorch (torch.utils.serialization.config.load.calculate_storage_offsets) computes where a record begins from the sizes
of those before it, so the layout is the same to the byte: no sizes in the header of a record but after its data, an
`FB` field that fills up to the alignment, and a directory in 64 bits.
"""

from struct import pack
from zlib import crc32

from .source import write_all

ALIGNMENT = 64
LIMIT_32 = 0xFFFFFFFF  # from here on numbers are written in 64 bits
LIMIT_16 = 0xFFFF
UTF_8, SIZES_FOLLOW = 0x0800, 0x0008


class ZipWriter:
    """Writes records one after the other into `file`, under `prefix`, and then the directory."""

    def __init__(self, file, prefix, sums):
        self.file, self.prefix, self.sums = file, prefix, sums
        self.position = 0
        self.entries = []  # (name, header's position, size, crc)

    def put(self, data):
        self.position += len(data)
        write_all(self.file, data)

    def write(self, name, data):
        """Add a record of the bytes of a buffer."""
        name = f"{self.prefix}/{name}".encode()
        view, header = memoryview(data), self.position
        size = len(view)
        large = self.in_64_bits(size, header)
        extra = large + self.padding(header + 30 + len(name) + len(large))
        flags = UTF_8 | (SIZES_FOLLOW if size else 0)
        self.put(pack("<4sHHHIIIIHH", b"PK\3\4", 0, flags, 0, 0, 0, 0, 0, len(name), len(extra)) + name + extra)
        total = self.sums.begin(view)
        self.put(view)
        crc = total()
        if size:
            self.put(pack("<4sIQQ" if large else "<4sIII", b"PK\7\x08", crc, size, size))
        self.entries.append((name, header, size, crc))

    @staticmethod
    def in_64_bits(size, header):
        """The field for numbers that do not fit into 32 bits: sizes, then the header's position."""
        numbers = ([size, size] if size >= LIMIT_32 else []) + ([header] if header >= LIMIT_32 else [])
        return pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""

    @staticmethod
    def padding(position):
        """The field that fills up from `position`, so that what follows it is aligned."""
        count = -(position + 4) % ALIGNMENT
        return pack("<2sH", b"FB", count) + b"Z" * count

    def fingerprint(self):
        """Two numbers that differ for other names, and for other contents."""
        names = contents = 0
        for name, _, _, crc in self.entries:
            names, contents = crc32(name, names), crc32(crc.to_bytes(4, "little"), contents)
        return names, contents

    def close(self):
        """Write the directory."""
        begin, count = self.position, len(self.entries)
        for name, header, size, crc in self.entries:
            large = self.in_64_bits(size, header)
            flags = UTF_8 | (SIZES_FOLLOW if size else 0)
            small = min(size, LIMIT_32)
            entry = pack("<4sHHHHIIII", b"PK\1\2", 0, 0, flags, 0, 0, crc, small, small)
            entry += pack("<HHHHHII", len(name), len(large), 0, 0, 0, 0, min(header, LIMIT_32))
            self.put(entry + name + large)
        end, size = self.position, self.position - begin
        self.put(pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 0x031E, 45, 0, 0, count, count, size, begin))
        self.put(pack("<4sIQI", b"PK\6\7", 0, end, 1))
        count, size, begin = min(count, LIMIT_16), min(size, LIMIT_32), min(begin, LIMIT_32)
        self.put(pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, size, begin, 0))

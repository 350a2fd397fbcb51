"""The records of a zip file as PyTorch writes it: each stored as it is, none compressed.

What the directory at the end of the file says is checked before it is used: every record lies within the file, none
overlaps another, no two have the same name. So the records together are no larger than the file.
"""

from struct import unpack_from
from typing import NamedTuple
from zlib import crc32

END = 22  # bytes of the end record, without its comment
END_64 = 56
LOCATOR_64 = 20
ENTRY = 46  # bytes of a directory entry, and of the header before a record's data, without names
HEADER = 30
LONGEST_COMMENT = 65535
IN_EXTRA_16, IN_EXTRA_32 = 0xFFFF, 0xFFFFFFFF  # what says that the number stands elsewhere, in 64 bits
STORED = 0
ENCRYPTED = 1


class Record(NamedTuple):
    name: str
    header: int  # where its header begins
    end: int  # where the next one's does at the earliest
    size: int
    crc: int


class ZipReader:
    """The records by name; `prefix` is the folder they are all in."""

    def __init__(self, source):
        self.source = source
        begin, end, count = self.find_directory()
        self.records = self.read_directory(begin, end, count)
        self.prefix = next(iter(self.records)).partition("/")[0] if self.records else ""

    def __contains__(self, name):
        return f"{self.prefix}/{name}" in self.records

    def find_directory(self):
        """(begin, end, number of entries) of the directory."""
        source = self.source
        tail = min(source.size, END + LONGEST_COMMENT)
        data = source.read(source.size - tail, tail, "the end of a zip file")
        at = data.rfind(b"PK\5\6")
        if at < 0 or len(data) - at < END:
            source.fail("the zip file has no directory at its end: is it cut short?", source.size)
        position = source.size - tail + at
        count, size, begin = unpack_from("<10xHII", data, at)
        end = position
        locator = position - LOCATOR_64
        if locator >= 0 and source.read(locator, 4, "a zip locator") == b"PK\6\7":
            (end,) = unpack_from("<8xQ", source.read(locator, LOCATOR_64, "a zip locator"))
            large = source.read(end, END_64, "the end record of a zip file")
            if large[:4] != b"PK\6\6":
                source.fail("the zip file's end record is not where it should be", end)
            count, size, begin = unpack_from("<32xQQQ", large)
        if begin + size != end or count * ENTRY > size:
            source.fail(f"the zip file's directory of {count} entries is not where the end of the file says", end)
        return begin, end, count

    def read_directory(self, begin, end, count):
        data = self.source.read(begin, end - begin, "the zip file's directory")
        at, found = 0, []
        for _ in range(count):
            fail = lambda problem, at=at: self.source.fail(problem, begin + at)
            if data[at : at + 4] != b"PK\1\2" or at + ENTRY > len(data):
                fail("the zip file's directory has no entry where one should be")
            flags, method, crc, packed, size, *lengths = unpack_from("<8xHH4xIIIHHH", data, at)
            (header,) = unpack_from("<42xI", data, at)
            after = at + ENTRY + sum(lengths)
            if after > len(data):
                fail("an entry of the zip file's directory is cut short")
            name_end = at + ENTRY + lengths[0]
            try:
                name = str(data[at + ENTRY : name_end], "utf-8")
            except UnicodeDecodeError:
                fail("the name of a record in the zip file is not UTF-8")
            extra = data[name_end : name_end + lengths[1]]
            size, packed, header = self.in_64_bits(extra, (size, packed, header), fail)
            if method != STORED or packed != size or flags & ENCRYPTED:
                fail(f"the record {name!r} is compressed or encrypted: PyTorch's files are neither")
            found.append((header, name, size, crc, begin + at))
            at = after
        return self.without_overlap(found, begin)

    @staticmethod
    def in_64_bits(extra, numbers, fail):
        """Those of the numbers that do not fit into 32 bits, from the field that has them."""
        if IN_EXTRA_32 not in numbers:
            return numbers
        at = 0
        while at + 4 <= len(extra):
            kind, length = unpack_from("<HH", extra, at)
            if kind == 1:
                wanted = [number == IN_EXTRA_32 for number in numbers]
                if length < 8 * sum(wanted) or at + 4 + length > len(extra):
                    break
                large = iter(unpack_from(f"<{sum(wanted)}Q", extra, at + 4))
                return tuple(next(large) if inside else number for inside, number in zip(wanted, numbers))
            at += 4 + length
        fail("the zip file lacks the size of a large record")

    def without_overlap(self, found, directory):
        """name -> Record. Data that two records share could be read again and again."""
        found.sort()
        records = {}
        ends = [header for header, *_ in found[1:]] + [directory]
        for (header, name, size, crc, entry), end in zip(found, ends):
            if header + HEADER + size > end:
                self.source.fail(f"the record {name!r} overlaps what follows it in the zip file", entry)
            if name in records:
                self.source.fail(f"the zip file has two records named {name!r}", entry)
            records[name] = Record(name, header, end, size, crc)
        return records

    def find(self, name):
        """(Record, where its data begin)."""
        record = self.records.get(f"{self.prefix}/{name}")
        if record is None:
            self.source.fail(f"the zip file has no record {self.prefix}/{name}", self.source.size)
        header = self.source.read(record.header, HEADER, "the header of a record")
        lengths = unpack_from("<HH", header, 26)
        begin = record.header + HEADER + sum(lengths)
        if header[:4] != b"PK\3\4" or begin + record.size > record.end:
            self.source.fail(f"the record {record.name!r} is not where the zip file's directory says", record.header)
        return record, begin

    def read(self, name):
        """(The bytes of a record, where they begin.)"""
        record, begin = self.find(name)
        data = self.source.read(begin, record.size, f"the record {record.name!r}")
        self.check_crc(record, begin, crc32(data))
        return data, begin

    def check_crc(self, record, begin, crc):
        """PyTorch writes a sum of 0 where it is told to leave the sums out."""
        if record.crc not in (0, crc):
            self.source.fail(f"the record {record.name!r} is damaged: its contents do not have its check sum", begin)

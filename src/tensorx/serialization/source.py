"""Reading by position, never past the end of a file; the error that says what is wrong with a file, and where."""

from pickle import UnpicklingError


class FileFormatError(ValueError, RuntimeError, UnpicklingError):
    """A file is damaged, hostile, or of another kind than was expected.

    It is a ValueError, and both of what PyTorch raises for such files. Nothing of the file has been run.

    Attributes:
        problem: what is wrong, and where possible what to do.
        file: the name of the file.
        offset: the byte in it, from its beginning.
    """

    def __init__(self, problem, file, offset):
        super().__init__(problem, file, offset)
        self.problem, self.file, self.offset = problem, file, offset

    def __str__(self):
        return f"{self.file}, byte {self.offset}: {self.problem}"


class Source:
    """A seekable binary file, from where it stands to its end. Positions count from where it stood."""

    def __init__(self, file, name):
        self.file, self.name = file, name
        self.start = file.tell()
        file.seek(0, 2)
        self.size = file.tell() - self.start

    def fail(self, problem, offset):
        """Raise the error for what is wrong at `offset`."""
        raise FileFormatError(problem, self.name, self.start + offset) from None

    def check(self, offset, count, what):
        """Raise unless the file has `count` bytes at `offset`."""
        if offset < 0 or count < 0 or offset + count > self.size:
            self.fail(
                f"{what} needs {count} bytes here, past the end of the file's {self.size}: is it cut short?", offset
            )

    def read(self, offset, count, what):
        """The `count` bytes at `offset`; `what` they are, for the error if the file ends before."""
        self.check(offset, count, what)
        self.file.seek(self.start + offset)
        data = self.file.read(count)
        while data and len(data) < count:  # a file without a buffer may give less than was asked for
            more = self.file.read(count - len(data))
            if not more:
                break
            data += more
        if len(data) < count:
            self.fail(f"the file became shorter while {what} was read", offset)
        return data

    def read_into(self, offset, buffer, what):
        """Fill a buffer of bytes with what is at `offset`."""
        view = memoryview(buffer)
        self.check(offset, len(view), what)
        self.file.seek(self.start + offset)
        while len(view):
            count = self.file.readinto(view)
            if not count:
                self.fail(f"the file became shorter while {what} was read", offset)
            view = view[count:]


def write_all(file, data):
    """Write the bytes of a buffer. A file without a buffer of its own may take less at once."""
    view = memoryview(data)
    while len(view):
        count = file.write(view)
        view = view[len(view) if count is None else count :]

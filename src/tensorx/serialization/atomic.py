"""Files that are replaced as a whole, or not at all."""

import os
from contextlib import contextmanager, suppress
from secrets import token_hex


@contextmanager
def replacing(path):
    """Open a new file that takes the place of `path` when the block has ended without an error.

    It is written beside it under another name, brought to the disk (fsync), and renamed. So whoever opens `path`, at
    any time and after any crash, finds the whole old file or the whole new one. A process that is killed may leave
    `.NAME.xxxxxxxx.tmp` behind.

    What is no regular file (a pipe, /dev/stdout) is written to directly.
    """
    path = os.path.realpath(os.fspath(path))  # through a symbolic link: the link stays
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            if os.path.exists(path):
                os.chmod(temporary, os.stat(path).st_mode & 0o7777)
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder):
    """Bring a folder's list of names to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

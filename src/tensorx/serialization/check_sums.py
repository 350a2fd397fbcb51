"""Check sums of what is read and written, computed by a second thread in the meantime."""

from queue import SimpleQueue
from threading import Thread
from zlib import crc32

LARGE = 1 << 18  # bytes from which the thread is worth its while


class CheckSums:
    """CRC-32 of buffers. As a context it ends its thread."""

    def __init__(self):
        self.jobs = None  # of the thread: (buffer, queue for its sum)

    def begin(self, buffer):
        """Begin to sum a buffer; what is returned waits for the sum and gives it, once."""
        total = SimpleQueue()
        if len(buffer) < LARGE:
            total.put(crc32(buffer))
        else:
            if self.jobs is None:
                self.jobs = SimpleQueue()
                Thread(target=self.work, daemon=True).start()
            self.jobs.put((buffer, total))
        return total.get

    def work(self):
        for buffer, total in iter(self.jobs.get, None):
            total.put(crc32(buffer))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.jobs is not None:
            self.jobs.put(None)

"""Signal processing: window functions, in `tensorx.signal.windows`."""

from . import windows

__all__ = ["windows"]

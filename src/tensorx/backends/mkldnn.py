"""oneDNN, which tensorx does not use: its own kernels compute convolutions and products (see `conv`).

`enabled` is kept for who asks; there is nothing to switch off.

>>> import tensorx as tx
>>> tx.backends.mkldnn.is_available()
False
"""

from collections.abc import Iterator
from contextlib import contextmanager

from .settings import install, remembered

enabled: bool  # a setting, installed below

_enabled = remembered("backends.mkldnn.enabled", True)
install(__name__, enabled=_enabled)


def is_available() -> bool:
    """Whether tensorx was built with oneDNN: never."""
    return False


@contextmanager
def flags(enabled: bool = False) -> Iterator[None]:
    """`enabled` for a `with` block.

    >>> import tensorx as tx
    >>> with tx.backends.mkldnn.flags(enabled=False):
    ...     tx.backends.mkldnn.enabled
    False
    """
    get, assign = _enabled
    before = get()
    assign(enabled)
    try:
        yield
    finally:
        assign(before)

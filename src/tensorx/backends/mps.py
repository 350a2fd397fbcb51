"""Metal, Apple's GPUs, for which tensorx has no kernels.

>>> import tensorx as tx
>>> tx.backends.mps.is_available(), tx.backends.mps.is_built()
(False, False)
"""


def is_available() -> bool:
    """Whether there is an "mps" device: never."""
    return False


def is_built() -> bool:
    """Whether tensorx was built for Metal: never."""
    return False

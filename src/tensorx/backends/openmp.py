"""OpenMP, which tensorx does not use.

>>> import tensorx as tx
>>> tx.backends.openmp.is_available()
False
"""


def is_available() -> bool:
    """Whether tensorx was built with OpenMP: never."""
    return False

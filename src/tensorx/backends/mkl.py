"""Intel's MKL, which tensorx does not use.

>>> import tensorx as tx
>>> tx.backends.mkl.is_available()
False
"""


def is_available() -> bool:
    """Whether tensorx was built with Intel's MKL: never."""
    return False

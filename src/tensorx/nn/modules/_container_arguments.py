"""Reading the arguments of the containers: an index, an iterable of pairs."""

import operator
from collections.abc import Iterable


def position(index, length, what):
    """`index` as one of 0 ... length - 1."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range for a {what} of length {length}")
    return index % length


def pairs(values, caller):
    """(key, value) pairs of a mapping or of an iterable of pairs."""
    if hasattr(values, "items"):
        return list(values.items())
    if not isinstance(values, Iterable):
        raise TypeError(
            f"{caller} should be called with an iterable of key/value pairs, but got {type(values).__name__}"
        )
    found = []
    for i, pair in enumerate(values):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{caller}: element #{i} should be Iterable; is {type(pair).__name__}")
        pair = list(pair)
        if len(pair) != 2:
            raise ValueError(f"{caller}: element #{i} has length {len(pair)}; 2 is required")
        found.append(tuple(pair))
    return found

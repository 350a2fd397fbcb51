"""What keys and attributes a file may have: the same when it is written and when it is read.

Keys are such that looking them up is quick, whoever made them: hashing a tuple takes as many steps as there are paths
through it, large ints have the same hash as small ones, and so have tuples that are made for it.
"""

from collections import OrderedDict

from .. import _C, Size, Tensor

FLAT_KEYS = frozenset({str, bytes, bool, float, type(None), _C.dtype, _C.device})
LONGEST_KEY = 64  # items of a tuple
MOST_TUPLES = 30_000  # as keys: n tuples of the same hash take n * n comparisons
KEY_DEPTH = ATTRIBUTE_DEPTH = 4
PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, _C.dtype, _C.device, Size})


class Keys:
    """Checks the keys of dicts and items of sets of one file."""

    def __init__(self):
        self.tuples = 0

    def problem(self, key, depth=KEY_DEPTH):
        """What is wrong with a key, or None."""
        kind = type(key)
        if kind in FLAT_KEYS or (kind is int and -(1 << 63) <= key < 1 << 64):
            return None
        if kind is tuple or kind is Size:
            self.tuples += 1
            if self.tuples > MOST_TUPLES or len(key) > LONGEST_KEY or not depth:
                return f"a key is a tuple beyond the limits ({MOST_TUPLES} in a file, {LONGEST_KEY} items, depth {KEY_DEPTH})"
            return next((found for item in key if (found := self.problem(item, depth - 1))), None)
        return f"a key is a {kind.__name__} ({key!r})" if kind is int else f"a key is a {kind.__name__}"


def check_attribute(value, walk, depth=ATTRIBUTE_DEPTH):
    """Raise ValueError unless the value of an attribute is plain.

    Attributes within attributes would make chains that are too long to be freed. `walk` is told how many items are
    looked at.
    """
    kind = type(value)
    if kind in (dict, OrderedDict, list, tuple) and depth:
        walk(len(value))
        for item in value.values() if isinstance(value, dict) else value:
            check_attribute(item, walk, depth - 1)
    elif kind not in PLAIN and not (isinstance(value, Tensor) and not value.__dict__):
        raise ValueError(
            f"an attribute holds a {kind.__name__}, and it can hold numbers, strings, tensors and, up to depth "
            f"{ATTRIBUTE_DEPTH}, dicts, lists and tuples of them"
        )

"""NumPy's arrays and scalars in pickles: of numbers only, and nothing that NumPy itself would unpickle.

NumPy pickles an array as a call of `_reconstruct` for an empty one, whose state is then set; a scalar as a call of
`scalar` with its dtype and bytes; a dtype as a call of `dtype`, whose state says the byte order.
"""

from math import prod
from sys import modules

NDARRAY = type("ndarray", (), {"__doc__": "What stands for numpy.ndarray in a pickle."})
NUMBERS = "biufc"  # kinds of dtypes


def build_dtype(machine, name, align=False, copy=True):
    from numpy import dtype

    made = dtype(name) if type(name) is str and len(name) < 8 else None
    if made is None or made.kind not in NUMBERS or made.names is not None:
        raise ValueError(f"a NumPy array of dtype {name!r} is not one of numbers")
    return made


def build_scalar(machine, dtype, data):
    from numpy import frombuffer

    if not is_dtype(dtype) or type(data) is not bytes or len(data) != dtype.itemsize:
        raise ValueError("a NumPy scalar is a dtype, and the bytes of one number")
    return frombuffer(data, dtype)[0]


def build_array(machine, cls, shape, kind):
    from numpy import empty

    if cls is not NDARRAY or shape != (0,):
        raise ValueError("a NumPy array is made without elements, and then given its state")
    return empty(0, "b")


def is_dtype(value):
    numpy = modules.get("numpy")  # where nobody has imported it, there is none of its values
    return numpy is not None and isinstance(value, numpy.dtype)


def has_state(value):
    numpy = modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.ndarray, numpy.dtype))


def set_state_of(target, state):
    """The state of an array: (version, shape, dtype, column-major, bytes). Of a dtype: (version, byte order, ...)."""
    if type(state) is not tuple:
        raise TypeError("the state of a NumPy value is a tuple")
    if is_dtype(target):
        if len(state) < 2 or state[1] not in ("<", "|", "="):
            raise ValueError("NumPy values of another byte order: convert them before saving")
        return
    _, shape, dtype, column_major, data = state
    if type(shape) is not tuple or not all(type(n) is int and 0 <= n < 1 << 60 for n in shape) or len(shape) > 32:
        raise ValueError(f"a NumPy array of shape {shape!r}")
    if not is_dtype(dtype) or type(data) is not bytes or prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"a NumPy array of shape {shape!r} does not fit its data")
    target.__setstate__((1, shape, dtype, bool(column_major), data))

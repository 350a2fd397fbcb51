"""Making tensors: from sizes, from formulas, from data.

Sizes are given as several ints or as one sequence of them. `dtype` defaults to the default dtype (float32), or to what
the data asks for; `device` to the default device, which is the CPU unless a program says otherwise.
"""

from . import _C
from .ops.define import method

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "empty_strided", "eye", "from_dlpack", "from_numpy",
    "frombuffer", "full", "full_like", "linspace", "logspace", "ones", "ones_like", "range", "scalar_tensor", "tensor",
    "zeros", "zeros_like",
]  # fmt: skip


def _finish(made, requires_grad, pin_memory=False):
    if pin_memory:
        made = made.pin_memory()
    if requires_grad:
        made.requires_grad = True
    return made


def _into(make, *arguments, out):
    """Call a C creation function, into `out` if there is one."""
    if out is None:
        return make(*arguments)
    if not isinstance(out, _C.TensorBase):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if out.requires_grad and _C.is_grad_enabled():
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but out requires grad"
        )
    make(*arguments, out)
    out._bump_version()
    return out


def _sizes(function, sizes, size):
    if size is not None:
        return size if isinstance(size, (tuple, list)) else (size,)
    if not sizes:
        raise TypeError(f'{function}() missing 1 required positional arguments: "size"')
    return sizes


# ---- from sizes


def zeros(*sizes, size=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor of zeros.

    >>> import tensorx as tx
    >>> tx.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    if size is not None or not sizes:
        sizes = _sizes("zeros", sizes, size)
    made = _C.zeros(sizes, dtype, device) if out is None else _into(_C.zeros, sizes, dtype, device, out=out)
    return _finish(made, requires_grad, pin_memory) if requires_grad or pin_memory else made


def ones(*sizes, size=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor of ones.

    >>> import tensorx as tx
    >>> tx.ones(2)
    tensor([1., 1.])
    """
    if size is not None or not sizes:
        sizes = _sizes("ones", sizes, size)
    made = _C.ones(sizes, dtype, device) if out is None else _into(_C.ones, sizes, dtype, device, out=out)
    return _finish(made, requires_grad, pin_memory) if requires_grad or pin_memory else made


def empty(
    *sizes,
    size=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """A tensor whose values are whatever the memory holds; write before reading."""
    if size is not None or not sizes:
        sizes = _sizes("empty", sizes, size)
    made = _C.empty(sizes, dtype, device) if out is None else _into(_C.empty, sizes, dtype, device, out=out)
    if memory_format is not None:
        made = _in_format(made, memory_format)
    return _finish(made, requires_grad, pin_memory) if requires_grad or pin_memory else made


def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of shape `size` filled with one number; its dtype is that of the number.

    >>> import tensorx as tx
    >>> tx.full((2,), 7)
    tensor([7, 7])
    """
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    fill_value = _number(fill_value)
    made = _into(_C.full, size, fill_value, dtype, device, out=out)
    return _finish(made, requires_grad, pin_memory)


def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """An uninitialised tensor of the given sizes and strides (in elements)."""
    made = _C.empty_strided(size, stride, dtype or _C.get_default_dtype(), device or _C.get_default_device())
    return _finish(made, requires_grad, pin_memory)


def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A 0-dim tensor of a number, of the default dtype unless `dtype` is given."""
    made = _C.full((), _number(s), dtype or _C.get_default_dtype(), device)
    return _finish(made, requires_grad, pin_memory)


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """The n x m matrix (n x n without m) with ones on the diagonal.

    >>> import tensorx as tx
    >>> tx.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _finish(_into(_C.eye, n, m, dtype, device, out=out), requires_grad, pin_memory)


def _number(value):
    """A number, or the value of a tensor of one element."""
    return value.item() if isinstance(value, _C.TensorBase) else value


# ---- like another tensor


def _like(input, make, dtype, device, requires_grad, pin_memory, memory_format, out=None):
    if not isinstance(input, _C.TensorBase):
        raise TypeError(f"argument 'input' must be Tensor, not {type(input).__name__}")
    made = _C.empty_like(input, dtype, device)
    if memory_format is not None:
        made = _in_format(made, memory_format)
    if make is not None:
        _C.fill(made, make)
    return _finish(made, requires_grad, pin_memory)


def _in_format(made, memory_format):
    from .ops.convert import strides_for

    strides = strides_for(memory_format, made.shape)
    return made if strides is None else _C.empty_strided(made.shape, strides, made.dtype, made.device)


def empty_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """An uninitialised tensor of the shape, dtype and memory order of another."""
    return _like(input, None, dtype, device, requires_grad, pin_memory, memory_format)


def zeros_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """Zeros in the shape and dtype of another tensor."""
    return _like(input, 0, dtype, device, requires_grad, pin_memory, memory_format)


def ones_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """Ones in the shape and dtype of another tensor."""
    return _like(input, 1, dtype, device, requires_grad, pin_memory, memory_format)


def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """One number in the shape and dtype of another tensor."""
    return _like(input, _number(fill_value), dtype, device, requires_grad, pin_memory, memory_format)


@method
def new_empty(self, *sizes, size=None, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """An uninitialised tensor of another size, with this one's dtype and device unless they are given."""
    sizes = _sizes("new_empty", sizes, size)
    return _finish(_C.empty(sizes, dtype or self.dtype, device or self.device), requires_grad, pin_memory)


@method
def new_zeros(self, *sizes, size=None, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """Zeros of another size, with this tensor's dtype and device unless they are given."""
    sizes = _sizes("new_zeros", sizes, size)
    return _finish(_C.zeros(sizes, dtype or self.dtype, device or self.device), requires_grad, pin_memory)


@method
def new_ones(self, *sizes, size=None, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """Ones of another size, with this tensor's dtype and device unless they are given."""
    sizes = _sizes("new_ones", sizes, size)
    return _finish(_C.ones(sizes, dtype or self.dtype, device or self.device), requires_grad, pin_memory)


@method
def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """One number in another size, with this tensor's dtype and device unless they are given."""
    made = _C.full(size, _number(fill_value), dtype or self.dtype, device or self.device)
    return _finish(made, requires_grad, pin_memory)


@method
def new_empty_strided(
    self, size, stride, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
):
    """An uninitialised tensor of the given sizes and strides, with this one's dtype and device unless they are given."""
    made = _C.empty_strided(size, stride, dtype or self.dtype, device or self.device)
    return _finish(made, requires_grad, pin_memory)


@method
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A tensor from data, with this one's dtype and device unless they are given."""
    return tensor(
        data,
        dtype=dtype or self.dtype,
        device=device or self.device,
        requires_grad=requires_grad,
        pin_memory=pin_memory,
    )


# ---- from formulas


def arange(
    start, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """start, start + step, ... up to but without `end`; arange(end) starts at 0.

    int64 when all three are ints, else the default dtype.

    >>> import tensorx as tx
    >>> tx.arange(2, 8, 2)
    tensor([2, 4, 6])
    """
    if end is None:
        start, end = 0, start
    made = _into(_C.arange, _number(start), _number(end), _number(step), dtype, device, out=out)
    return _finish(made, requires_grad, pin_memory)


def range(start, end, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """start, start + step, ... up to and including `end`. Prefer `arange`."""
    _warn(
        "range is deprecated because it includes its end, unlike Python's range: use arange, which produces values in [start, end)"
    )
    made = _into(_C.range, _number(start), _number(end), _number(step), dtype, device, out=out)
    return _finish(made, requires_grad, pin_memory)


def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """`steps` numbers, evenly spaced from start to end, both included.

    >>> import tensorx as tx
    >>> tx.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    made = _into(_C.linspace, _number(start), _number(end), steps, dtype, device, out=out)
    return _finish(made, requires_grad, pin_memory)


def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """`base` to the power of `steps` numbers evenly spaced from start to end.

    >>> import tensorx as tx
    >>> tx.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    made = _into(_C.logspace, _number(start), _number(end), steps, base, dtype, device, out=out)
    return _finish(made, requires_grad, pin_memory)


# ---- from data


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor with a copy of the data: a number, nested lists of them, a NumPy array or scalar, any array-like.

    Args:
        dtype: default: what the data asks for (Python floats: the default dtype; ints: int64).

    >>> import tensorx as tx
    >>> tx.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    is_tensor = isinstance(data, _C.TensorBase)
    if device is None and not is_tensor:
        device = _C.chosen_device()
    if is_tensor:
        _warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than tensorx.tensor(sourceTensor)."
        )
        made = _convert(data.detach(), dtype, device)
        made = made.clone() if made._shares_storage(data) else made
    elif isinstance(data, (list, tuple, float, int)):
        made = _C.from_data(data, dtype)
        if device is not None:
            made = _convert(made, None, device)
    else:
        array = _array_of(data)
        if array is not None and any(step < 0 for step in array.strides):
            array = array.copy()  # of any source: only memory that is shared has to have strides as ours
        made = _C.from_data(data, dtype) if array is None else _C.from_array(array, True)
        made = _convert(made, dtype, device)
    return _finish(made, requires_grad, pin_memory) if requires_grad or pin_memory else made


def as_tensor(data, dtype=None, device=None):
    """The data as a tensor, sharing memory with a tensor or NumPy array where dtype and device allow; else a copy."""
    if isinstance(data, _C.TensorBase):
        return _convert(data, dtype, device)
    if device is None:
        device = _C.chosen_device()
    array = None if isinstance(data, (list, tuple, float, int)) else _array_of(data)
    return _convert(_C.from_data(data, dtype) if array is None else _C.from_array(array, False), dtype, device)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """The data as a tensor: shared where possible (copy=None), always a copy (True), or never one (False: or ValueError)."""
    if isinstance(obj, _C.TensorBase):
        given = obj
    else:
        if device is None:
            device = _C.chosen_device()
        array = None if isinstance(obj, (list, tuple, float, int)) else _array_of(obj)
        if array is not None:
            given = _C.from_array(array, False)
        elif hasattr(obj, "__dlpack__"):
            given = from_dlpack(obj)
        elif _is_buffer(obj):
            given = frombuffer(obj, dtype=dtype or _C.get_default_dtype())
        elif copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor: leave copy=False out")
        else:
            return _finish(_convert(_C.from_data(obj, dtype), dtype, device), requires_grad)
    made = _convert(given, dtype, device)
    if copy is False and made is not given:
        raise ValueError(f"can't alias tensor with dtype {given.dtype} into dtype {made.dtype}: leave copy=False out")
    if copy and made is given:
        made = made.clone()
    if (not requires_grad and made.requires_grad) or (made is obj and made.requires_grad != requires_grad):
        made = made.detach()
    return _finish(made, requires_grad)


def from_numpy(ndarray):
    """A tensor over the memory of a NumPy array: changes to either are seen by both.

    An array that is not writable is copied, with a warning.

    >>> import numpy, tensorx as tx
    >>> tx.from_numpy(numpy.arange(3.0))
    tensor([0., 1., 2.], dtype=tensorx.float64)
    """
    return _C.from_numpy(ndarray)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A one-dimensional tensor over the memory of an object with the buffer protocol (bytearray, mmap, array.array).

    Args:
        count: elements to take; -1: all.
        offset: bytes to skip.
    """
    return _finish(_C.from_buffer(buffer, dtype, count, offset), requires_grad)


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of another library's tensor (any object with __dlpack__, or a capsule)."""
    if not hasattr(ext_tensor, "__dlpack__"):
        return _C.from_dlpack(ext_tensor, bool(copy))
    kind, number = ext_tensor.__dlpack_device__()
    # The producer makes this stream wait for what it has queued.
    stream = {"stream": _C.cuda_current_stream(number)} if kind == 2 and number < _C.cuda_device_count() else {}
    try:
        capsule = ext_tensor.__dlpack__(max_version=(1, 0), **stream)
    except TypeError:  # a producer of the first version of the protocol
        capsule = ext_tensor.__dlpack__(**stream)
    return _convert(_C.from_dlpack(capsule, bool(copy)), None, device)


def _convert(made, dtype, device):
    """`made` with another dtype or device; itself when it already has them."""
    if device is not None or (dtype is not None and dtype is not made.dtype):
        return made.to(device=device, dtype=dtype)
    return made


def _array_of(data):
    """`data` as a NumPy array if it is one, a NumPy scalar, or can be turned into one; else None."""
    if hasattr(data, "__array_interface__") or hasattr(data, "__array__"):
        from numpy import asarray as numpy_asarray

        return numpy_asarray(data)
    return None


def _is_buffer(data):
    try:
        memoryview(data).release()
    except TypeError:
        return False
    return True


def _warn(message):
    from warnings import warn

    warn(message, UserWarning, stacklevel=3)

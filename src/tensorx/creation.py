"""Making tensors."""

from . import _C


def _size(size):
    if len(size) == 1 and not isinstance(size[0], int):
        return tuple(size[0])
    return size


def _finish(array, requires_grad):
    if requires_grad:
        array.requires_grad = True
    return array


def full(size, fill_value, *, dtype=None, device=None, requires_grad=False):
    """A tensor of shape `size` filled with one number."""
    if dtype is None:
        dtype = _C.result_type(fill_value)
    return _finish(_C.full(size, fill_value, dtype, device or "cpu"), requires_grad)


def zeros(*size, dtype=None, device=None, requires_grad=False):
    """A tensor of zeros."""
    return _finish(_C.full(_size(size), 0, dtype or _C.get_default_dtype(), device or "cpu"), requires_grad)


def ones(*size, dtype=None, device=None, requires_grad=False):
    """A tensor of ones."""
    return _finish(_C.full(_size(size), 1, dtype or _C.get_default_dtype(), device or "cpu"), requires_grad)


def tensor(data, *, dtype=None, device=None, requires_grad=False):
    """A tensor from a number or nested lists."""
    return _finish(_C.from_data(data, dtype), requires_grad)

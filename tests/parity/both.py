"""Tensors and results of tensorx and torch, side by side."""

import numpy as np
import torch

import tensorx as tx
from support import FLOATS, TOLERANCE, dtype_name

# An error that PyTorch raises must be raised here as well, as the same type or one that `except` would catch alike.
SAME_ERRORS = (RuntimeError, TypeError, IndexError, ValueError, NotImplementedError)


def to_torch(values, dtype):
    target = getattr(torch, dtype)
    if dtype == "bfloat16":
        return torch.from_numpy(np.array(values, dtype=np.float32)).to(target)
    return torch.from_numpy(np.array(values, dtype=dtype))


def values_of(x):
    """NumPy values of a tensor of either, floats as float64; other things as they are."""
    if isinstance(x, (tx.Tensor, torch.Tensor)):
        x = x.detach()
        if dtype_name(x) == "bfloat16":
            x = x.to(tx.float32 if isinstance(x, tx.Tensor) else torch.float32)
        x = x.numpy()
        return x.astype(np.float64) if x.dtype.kind == "f" else x
    return np.asarray(x)


def assert_same(ours, theirs, message, tolerance=None, scale=1):
    """The same dtype, shape and values."""
    assert isinstance(ours, tx.Tensor) == isinstance(theirs, torch.Tensor), message
    if not isinstance(ours, tx.Tensor):
        assert ours == theirs or (ours != ours and theirs != theirs), message
        return
    assert dtype_name(ours) == dtype_name(theirs), f"{message}: {ours.dtype}, in torch {theirs.dtype}"
    assert tuple(ours.shape) == tuple(theirs.shape), f"{message}: {tuple(ours.shape)}, in torch {tuple(theirs.shape)}"
    part = {"complex64": "float32", "complex128": "float64"}.get(dtype_name(ours), dtype_name(ours))
    relative, absolute = (tolerance or {}).get(dtype_name(ours)) or TOLERANCE.get(part, (0, 0))
    if part in FLOATS:
        np.testing.assert_allclose(
            values_of(ours), values_of(theirs), relative * scale, absolute * scale, err_msg=message
        )
    else:
        np.testing.assert_array_equal(values_of(ours), values_of(theirs), err_msg=message)


def outcome(function, *args, **kwargs):
    """(result, None) or (None, exception)."""
    try:
        return function(*args, **kwargs), None
    except Exception as error:
        return None, error


def assert_same_error(ours, theirs, message):
    assert (ours is None) == (theirs is None), f"{message}: raised {ours!r}, torch {theirs!r}"
    if ours is not None:
        assert (isinstance(ours, SAME_ERRORS) and isinstance(ours, type(theirs))) or isinstance(theirs, type(ours)), (
            f"{message}: raised {ours!r}, torch {theirs!r}"
        )

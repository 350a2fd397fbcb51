"""The `out=` of functions that are made of ops."""

from .. import _C


def _written(out, value, resize):
    if not isinstance(out, _C.TensorBase):
        raise TypeError(f"out= must be a Tensor, not {type(out).__name__}")
    if _C.is_grad_enabled() and (value.requires_grad or out.requires_grad):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad"
        )
    if not _C.can_cast(value.dtype, out.dtype):
        raise RuntimeError(f"out= has dtype {out.dtype}, which cannot hold the result, of {value.dtype}")
    if out.shape != value.shape:
        if out.numel() and not resize:
            raise RuntimeError(f"out= has shape {list(out.shape)}, but the result has shape {list(value.shape)}")
        out.resize_(value.shape)
    return out.copy_(value)


def into(out, result, resize=False):
    """`result`, or `out` with the result written into it; a tuple of results into a tuple of tensors.

    `out` of another shape is an error, but for an empty one, or with `resize`: then it takes the shape of the result.
    """
    if out is None:
        return result
    if not isinstance(result, tuple):
        return _written(out, result, resize)
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        raise TypeError(f"out= must be a tuple of {len(result)} tensors, as the result is")
    return type(result)([_written(o, r, resize) for o, r in zip(out, result, strict=True)])

"""Tensors for other libraries: NumPy's protocols and DLPack. NumPy is imported when it is first needed."""

from . import _C
from .ops.define import method

_TYPE_CODES = {
    _C.bool: "|b1", _C.uint8: "|u1", _C.int8: "|i1", _C.int16: "<i2", _C.int32: "<i4", _C.int64: "<i8",
    _C.float16: "<f2", _C.float32: "<f4", _C.float64: "<f8",
    _C.uint16: "<u2", _C.uint32: "<u4", _C.uint64: "<u8", _C.complex64: "<c8", _C.complex128: "<c16",
}  # fmt: skip


def _buffer(self):
    if self.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    return _C.array_buffer(self)


@method
def numpy(self, *, force=False):
    """The tensor as a NumPy array over the same memory: changes to either are seen by both.

    Args:
        force: detach, and copy to the CPU, where that is needed.

    >>> import tensorx as tx
    >>> tx.arange(3).numpy()
    array([0, 1, 2])
    """
    from numpy import asarray

    return asarray(_buffer(self.detach().cpu() if force else self))


@method
def __array__(self, dtype=None, copy=None):
    array = numpy(self)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"Unable to avoid copy while creating an array of {dtype} from a tensor of {self.dtype}")
        return array.astype(dtype)
    return array.copy() if copy else array


@method
def __array_wrap__(self, array, context=None, return_scalar=False):
    """The result of a NumPy function as a tensor."""
    return _C.from_array(array, False)


def _array_interface(self):
    """NumPy's array interface, version 3. `data` is a buffer that keeps the memory alive."""
    item = self.itemsize
    return {
        "version": 3,
        "shape": tuple(self.shape),
        "typestr": _TYPE_CODES.get(self.dtype, ""),
        "strides": tuple(s * item for s in self.stride()),
        "data": _buffer(self),
    }


def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule over this tensor's memory. `stream`, of the consumer, waits for what this tensor's has queued."""
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if dl_device is not None and tuple(dl_device) != __dlpack_device__(self):
        raise BufferError(f"Can't export a tensor on {self.device} to the DLPack device {dl_device}")
    exported = self.clone() if copy else self
    if self.is_cuda and stream != -1:
        # None and 1 are CUDA's legacy default stream, whose handle is 0.
        _wait_for_current_stream(self.device.index, 0 if stream in (None, 1) else stream)
    return _C.to_dlpack(exported, max_version is not None and max_version[0] >= 1, bool(copy))


def _wait_for_current_stream(index, stream):
    current = _C.cuda_current_stream(index)
    if stream == current:
        return
    event = _C.cuda_new_event(index, False, False)
    _C.cuda_record_event(event, current)
    _C.cuda_stream_wait_event(stream, event)
    _C.cuda_delete_event(event)


def _cuda_array_interface(self):
    """The CUDA array interface, version 3, of Numba, CuPy and others: the memory, and the stream to wait for."""
    if not self.is_cuda:
        raise AttributeError(f"a tensor on {self.device} has no __cuda_array_interface__: move it with .cuda()")
    if self.requires_grad:
        raise RuntimeError("Can't get __cuda_array_interface__ of a Tensor that requires grad: use tensor.detach()")
    if self.dtype not in _TYPE_CODES:
        raise TypeError(f"the CUDA array interface has no type for {self.dtype}: convert the tensor")
    item = self.itemsize
    return {
        "version": 3,
        "shape": tuple(self.shape),
        "typestr": _TYPE_CODES[self.dtype],
        "strides": None if self.is_contiguous() else tuple(s * item for s in self.stride()),
        "data": (self.data_ptr() if self.numel() else 0, False),
        "stream": _C.cuda_current_stream(self.device.index),
    }


def __dlpack_device__(self):
    """(device type, device number) of DLPack: (1, 0) is the CPU."""
    return (1, 0) if self.device.type == "cpu" else (2, self.device.index)


method(__dlpack__)
method(__dlpack_device__)


def install(cls):
    """Put the attributes that are no methods onto Tensor."""
    cls.__array_interface__ = property(_array_interface)
    cls.__cuda_array_interface__ = property(_cuda_array_interface)

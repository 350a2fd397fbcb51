"""Tensors in shared memory, and how they are sent by what the standard library's multiprocessing has: queues, pipes,
arguments of processes."""

from multiprocessing.reduction import DupFd, ForkingPickler

from .. import _C, Tensor, empty_like, strided
from ..utils._shared_memory import check_sendable, create, over_memory


def share(tensor):
    """Move a tensor to shared memory, unless it is there."""
    if tensor.is_cuda or _C.is_shared(tensor):
        return tensor
    strides = empty_like(tensor.detach()).stride()
    memory = create(tensor.nbytes)
    shared = _C.over_storage(memory, tensor.dtype, tuple(tensor.shape), strides, 0)
    tensor.data = shared.copy_(tensor.detach())
    return tensor


def register():
    """Let multiprocessing send tensors as shared memory."""
    from ..nn import Parameter

    for kind in (Tensor, Parameter):
        ForkingPickler.register(kind, _reduce)


def _reduce(tensor):
    check_sendable(tensor)
    if tensor.is_cuda or tensor.layout is not strided or not tensor.numel():
        return tensor.__reduce_ex__(4)
    share(tensor)
    descriptor = _C.shared_file(tensor)
    if descriptor < 0:  # it came in a batch of a DataLoader, which keeps no descriptors
        return tensor.__reduce_ex__(4)
    layout = tuple(tensor.shape), tensor.stride(), tensor.storage_offset()
    nbytes = _C.storage_bytes(tensor).numel()
    arguments = type(tensor), DupFd(descriptor), nbytes, tensor.dtype, *layout, tensor.requires_grad
    return _rebuild, arguments, tensor.__dict__ or None


def _rebuild(cls, descriptor, nbytes, dtype, shape, strides, offset, requires_grad):
    return over_memory(
        cls, _C.map_shared(descriptor.detach(), nbytes, False), dtype, shape, strides, offset, requires_grad
    )

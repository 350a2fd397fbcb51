"""In-place changes of shape: the tensor takes on the shape, the strides and the history of a view of itself.

Nothing is copied, and no element changes. Other views keep their own shape; a gradient goes through this one's as it
would through the view.
"""

from .. import _C
from ..autograd.in_place import _check_writable
from . import shape
from .define import alias, method, methods

__all__ = ["as_strided_", "resize_as_"]


def _recording(mode):
    from ..autograd.grad_mode import set_grad_enabled

    return set_grad_enabled(mode)


def _become_view(view):
    """The in-place form of an op that makes a view."""

    def become(input, *args, **kwargs):
        if _C.is_grad_enabled():
            _check_writable(become, input, input._base)
        # A history must fit the shape, so that it follows the change even where no gradients are recorded.
        with _recording(input.grad_fn is not None):
            made = view(input, *args, **kwargs)
        input._set_array(made)
        if made.grad_fn is not None:
            input._set_history(made.grad_fn, made.output_nr)
        return input

    become.name = become.__name__ = become.__qualname__ = view.name + "_"
    become.__doc__ = f"In-place form of `{view.name}`: the tensor itself takes on the new shape. Returns it."
    become.__wrapped__ = view
    become.__module__ = __name__
    methods[become.name] = become
    return become


for _view in (shape.squeeze, shape.unsqueeze, shape.transpose, shape.t, shape.as_strided):
    _become_view(_view)
alias("swapaxes_", methods["transpose_"])
alias("swapdims_", methods["transpose_"])
as_strided_ = methods["as_strided_"]


def _contiguous_strides(sizes):
    strides, step = [], 1
    for n in reversed(sizes):
        strides.append(step)
        step *= max(n, 1)
    return strides[::-1]


@method
def resize_(input, *sizes, memory_format=None):
    """Change the shape in place, contiguous, keeping the elements in the order they have in memory. Returns the tensor.

    Where memory does not suffice the tensor moves to new memory, and other tensors over the old one no longer see it.
    New elements are not initialised.

    >>> import tensorx as tx
    >>> tx.arange(6).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        sizes = tuple(sizes[0])
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad: use reshape, or resize a detached tensor")
    if any(n < 0 for n in sizes):
        raise RuntimeError(f"resize_(): sizes must not be negative, but got {list(sizes)}")
    if tuple(input.shape) != tuple(sizes):
        strides, count = _contiguous_strides(sizes), 1
        for n in sizes:
            count *= n
        reachable = max(_C.storage_bytes(input).numel() // input.element_size() - input.storage_offset(), 0)
        if count <= reachable:
            made = _C.as_strided(input, sizes, strides, None)
        else:
            made = _C.empty(sizes, input.dtype, input.device)
            made.view(-1)[:reachable].copy_(_C.as_strided(input, (reachable,), (1,), None))
        input._set_array(made)
    if memory_format is not None:
        input._set_array(input.contiguous(memory_format=memory_format))
    return input


@method
def resize_as_(input, the_template, *, memory_format=None):
    """`resize_` to the shape of another tensor."""
    return resize_(input, the_template.shape, memory_format=memory_format)

"""Rules of indexing, scattering, searching, look-ups and the losses over classes (see dispatch.py for what a rule is)."""

from math import prod

from .. import _C
from ..ops import loss
from ..ops.arithmetic import where
from ..ops.index import _index_set, index_select
from .batched import BatchedTensor
from .dispatch import aligned, call_flat, composed, flat_rule, leading, levels_of, rule, wrapped
from .rules import _with_a_dimension, place

# ---- x[index] and x[index] = value


def _parts(index, ndim):
    """The parts of a canonical index, one for each dimension (or None): masks made positions, Ellipsis and what is left
    out written as slices."""
    parts = []
    for part in _listed(index):
        if not isinstance(part, _C.TensorBase) or part.dtype not in (_C.bool, _C.uint8):
            parts.append(part)
        elif type(part) is BatchedTensor or not part.ndim:
            raise RuntimeError(
                "vmap: indexing with a mask gives a result whose size depends on the values, and so differs between "
                "examples: use tensorx.where(mask, x, other), or masked_fill"
            )
        else:
            parts += part.nonzero(as_tuple=True)
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}: {used} were given")
    whole = [slice(None)] * (ndim - used)
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), None)
    return [*parts, *whole] if at is None else [*parts[:at], *whole, *parts[at + 1 :]]


class _Place:
    """Where x[index] lies in the tensor of all examples, whose batch dimension is the first.

    `source(value)[parts]` takes it, and `to_example` brings the dimensions of what was taken into the order of the batch
    dimension and then those of one example; `from_example` is its inverse.

    An index that is the same for all examples leaves the batch dimension alone, which waits behind the others. Else the
    batch dimension becomes one more index, the first. NumPy puts the dimensions of index tensors that are apart in front;
    if they are apart for that reason only, they are to be moved behind the `before` others.
    """

    def __init__(self, size, index, ndim):
        parts = _parts(index, ndim)
        arrays = [part for part in parts if isinstance(part, _C.TensorBase)]
        levels = levels_of(arrays)
        self.batched = bool(levels)
        self.parts, self.before = tuple(parts), 0
        if not levels:
            return
        kept = [part for part in parts if part is None or type(part) is slice or isinstance(part, _C.TensorBase)]
        places = [i for i, part in enumerate(kept) if isinstance(part, _C.TensorBase)]
        together = places == list(range(places[0], places[-1] + 1))
        self.rank = max(x.ndim for x in arrays)
        self.before = places[0] if together else 0
        batch = _C.arange(0, size, 1, _C.int64, arrays[0].device).reshape((size, *(1,) * self.rank))
        self.own_parts = [aligned(x, levels, self.rank) if isinstance(x, _C.TensorBase) else x for x in parts]
        self.parts = (batch, *self.own_parts)

    def source(self, value):
        return value if self.batched else value.movedim(0, -1)

    def to_example(self, x):
        if not self.batched:
            return x.movedim(-1, 0)
        return x.movedim(*self._moves()) if self.before else x

    def from_example(self, x):
        if not self.batched:
            return x.movedim(0, -1)
        return x.movedim(*reversed(self._moves())) if self.before else x

    def _moves(self):
        first = tuple(range(1, 1 + self.rank))
        return first, tuple(d + self.before for d in first)


def _all_of(x, size):
    """The tensor behind an argument, with the batch dimension even if it is the same for all examples."""
    return x.value if type(x) is BatchedTensor else x.expand((size, *x.shape))


@flat_rule("index_get")
def _get(op, size, input, index):
    place_of = _Place(size, index, input.ndim)
    if type(input) is BatchedTensor:
        return place_of.to_example(place_of.source(input.value)[place_of.parts])
    return input[tuple(place_of.own_parts)].movedim(place_of.before, 0)


@composed("index_set")
def _set(op, input, index, value, accumulate):
    mask = index[0] if type(index) is tuple and len(index) == 1 else index
    one = not isinstance(value, _C.TensorBase) or value.numel() == 1
    if type(mask) is BatchedTensor and mask.dtype in (_C.bool, _C.uint8) and mask.ndim and one:
        value = value.reshape(()).to(input.dtype) if isinstance(value, _C.TensorBase) else value
        mask = mask.to(_C.bool)[(..., *(None,) * (input.ndim - mask.ndim))]
        return where(mask, input + value if accumulate else value, input).to(input.dtype)
    arguments = (input, index, value, accumulate)
    return call_flat(_set_places, op, arguments, levels_of((input, *_listed(index), value)))


def _listed(index):
    return index if type(index) is tuple else (index,)


def _set_places(op, size, input, index, value, accumulate):
    place_of = _Place(size, index, input.ndim)
    target = place_of.source(_all_of(input, size))
    if isinstance(value, _C.TensorBase):
        shape = place_of.to_example(target.detach()[place_of.parts]).shape
        while value.ndim > len(shape) - 1 and value.shape[0] == 1:
            value = value[0]
        if type(value) is BatchedTensor:
            value = value.value.reshape((size, *(1,) * (len(shape) - 1 - value.ndim), *value.shape))
        value = place_of.from_example(value.expand(shape))
    out = _index_set(target, place_of.parts, value, accumulate)
    return out if place_of.batched else out.movedim(-1, 0)


# ---- slices named by a vector of indices


def _index_like(index, dim, shape):
    """A vector of indices (with k batch dimensions in front of it) as gather takes it: repeated over all but `dim`."""
    k = index.ndim - 1
    spread = index.reshape((*index.shape[:k], *(index.shape[k] if d == dim else 1 for d in range(k, len(shape)))))
    return spread.expand([spread.shape[d] if d == dim else n for d, n in enumerate(shape)])


def _vector(index, levels):
    """The index of each example as a vector."""
    index = leading(index, levels)
    return index.unsqueeze(-1) if index.ndim == len(levels) else index


def _slices(name, input, dim, index):
    """(the value, the dimension, the index for the value): a plain index stays a vector, a batched one does not."""
    levels = levels_of((input, index))
    value = _with_a_dimension(leading(input, levels), len(levels))
    return levels, value, place(dim, len(levels), input.ndim)


@composed("index_select")
def _index_select(op, input, dim, index):
    levels, value, d = _slices(op.__name__, input, dim, index)
    if type(index) is not BatchedTensor:
        out = index_select(value, d, index)
    else:
        out = value.gather(d, _index_like(_vector(index, levels), d, value.shape))
    return wrapped(out if input.ndim else out.squeeze(-1), levels)


def _write_slices(op, input, dim, index, source, by_index, by_element):
    """index_add and its like: by_index(value, d, index, source), or by_element with an index for each element."""
    levels = levels_of((input, index, source))
    k = len(levels)
    value, d = _with_a_dimension(leading(input, levels), k), place(dim, k, input.ndim)
    if isinstance(source, _C.TensorBase):
        source = _with_a_dimension(leading(source, levels), k)
    if type(index) is not BatchedTensor:
        out = by_index(value, d, index, source)
    else:
        index = _index_like(_vector(index, levels), d, value.shape)
        out = by_element(value, d, index, source)
    return wrapped(out if input.ndim else out.squeeze(-1), levels)


@composed("index_add")
def _index_add(op, input, dim, index, source, alpha):
    return _write_slices(
        op, input, dim, index, source,
        lambda x, d, i, s: op(x, d, i, s, alpha),
        lambda x, d, i, s: x.scatter_add(d, i, s if alpha == 1 else s * alpha),
    )  # fmt: skip


@composed("index_copy")
def _index_copy(op, input, dim, index, source):
    return _write_slices(op, input, dim, index, source, op, lambda x, d, i, s: x.scatter(d, i, s))


@composed("index_fill")
def _index_fill(op, input, dim, index, value):
    return _write_slices(op, input, dim, index, value, op, lambda x, d, i, v: x.scatter(d, i, v))


# ---- an index per element


def _per_element(op, k, input, dim, *arguments):
    tensors = [x for x in arguments if isinstance(x, _C.TensorBase)]
    scalar = input.ndim == k and all(x.ndim == k for x in tensors)
    arguments = [_with_a_dimension(x, k) if isinstance(x, _C.TensorBase) else x for x in arguments]
    out = op(_with_a_dimension(input, k), place(dim, k, input.ndim - k), *arguments)
    return out.squeeze(-1) if scalar else out


rule("gather", "scatter", "scatter_reduce")(_per_element)


def _flat(x):
    return x.reshape((x.shape[0], prod(x.shape[1:])))


def _positions(index, size, count):
    index = _flat(_all_of(index, size))
    return (index < 0).to(_C.int64) * count + index  # negative ones count from the end


@flat_rule("take")
def _take(op, size, input, index):
    values = _flat(_all_of(input, size))
    return values.gather(1, _positions(index, size, values.shape[1])).reshape((size, *index.shape))


@flat_rule("put")
def _put(op, size, input, index, source, accumulate):
    values, source = _flat(_all_of(input, size)), _flat(_all_of(source, size))
    write = values.scatter_add if accumulate else values.scatter
    return write(1, _positions(index, size, values.shape[1]), source).reshape((size, *input.shape))


@composed("masked_fill")
def _masked_fill(op, input, mask, value):
    if isinstance(value, _C.TensorBase):
        if value.ndim:
            raise RuntimeError(
                f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
        return where(mask, value.to(input.dtype), input)
    levels, rank = levels_of((input, mask)), max(input.ndim, mask.ndim)
    return wrapped(op(aligned(input, levels, rank), aligned(mask, levels, rank), value), levels)


# ---- search and look-ups


@flat_rule("searchsorted")
def _searchsorted(op, size, sorted_sequence, input, right, sorter, out_int32):
    if type(sorted_sequence) is not BatchedTensor and sorted_sequence.ndim == 1 and type(sorter) is not BatchedTensor:
        return op(sorted_sequence, input.value, right, sorter, out_int32)
    shape = (size, *input.shape) if isinstance(input, _C.TensorBase) else (size,)
    if not isinstance(input, _C.TensorBase):
        values = _C.full((size, 1), input, sorted_sequence.dtype, sorted_sequence.device)
    else:
        values = _all_of(input, size)
        values = _flat(values) if sorted_sequence.ndim == 1 else values
    sorter = None if sorter is None else _all_of(sorter, size).contiguous()
    return op(_all_of(sorted_sequence, size).contiguous(), values, right, sorter, out_int32).reshape(shape)


@flat_rule("embedding")
def _embedding(op, size, weight, indices, padding_idx, scale_grad_by_freq):
    if type(weight) is not BatchedTensor:
        return op(weight, indices.value, padding_idx, scale_grad_by_freq)
    rows, table = weight.shape[0], weight.value
    numbers = _C.arange(0, rows, 1, _C.int64, table.device).unsqueeze(1)
    if padding_idx >= 0:  # its row gets no gradient
        table = where(numbers == padding_idx, table.detach(), table)
    first = (_C.arange(0, size, 1, _C.int64, table.device) * rows).reshape((size, *(1,) * indices.ndim))
    return op(table.flatten(0, 1), _all_of(indices, size) + first, -1, scale_grad_by_freq)


# ---- losses over classes: more samples


def _samples(x, size, ndim):
    """(b, n, ...) as (b * n, ...); what has no dimension of samples gets that of the examples."""
    x = _all_of(x, size)
    return x.flatten(0, 1) if ndim else x


@composed("nll")
def _nll(op, input, target, weight, ignore_index):
    if type(weight) is BatchedTensor:
        losses, counted = loss._nll(input, target, None, ignore_index)
        counted = counted * weight[target.clamp(0, weight.shape[0] - 1)]
        return losses * counted, counted
    arguments = (input, target, weight, ignore_index)
    return call_flat(_nll_of_samples, op, arguments, levels_of(arguments))


def _nll_of_samples(op, size, input, target, weight, ignore_index):
    several = target.ndim > 0
    out = op(_samples(input, size, several), _samples(target, size, several), weight, ignore_index)
    return tuple(x.reshape((size, *target.shape)) for x in out)


@flat_rule("nll_grad")
def _nll_grad(op, size, grad, shape, target, weight, ignore_index):
    several = target.ndim > 0
    whole = (size * shape[0], *shape[1:]) if several else (size, *shape)
    out = op(_samples(grad, size, several), whole, _samples(target, size, several), weight, ignore_index)
    return out.reshape((size, *shape))


@composed("cross_entropy")
def _cross_entropy(op, input, target, weight, ignore_index, label_smoothing, reduction):
    # Only the loss itself: the other results are for the gradient of the op, which is not recorded here.
    return (loss._composed_cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction), None, None)


@composed("cross_entropy_grad")
def _cross_entropy_grad(op, g, input, target, weight, statistics, divisor, ignore_index, label_smoothing, reduction):
    # Linear in g, the only one that a vmap over gradients batches.
    shape = target.shape if reduction == "none" else ()
    ones = _C.full(shape, 1, g.dtype, g.device)
    slope = op(ones, input, target, weight, statistics, divisor, ignore_index, label_smoothing, reduction)
    return slope * (g.unsqueeze(1 if input.ndim > 1 else 0) if reduction == "none" else g)

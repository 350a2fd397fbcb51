"""What ops give for sparse arguments: RULES has an entry for each op that is defined, by its name.

Only values are differentiable. Every rule is made of ops on values and indices in a fixed order, so that results have the
same bits for any number of threads; no rule makes more than it returns and what is proportional to the stored elements.
"""

from .. import _C
from ..ops.define import methods, op
from ..ops.index import index_add, index_select
from ..ops.join import cat
from ..ops.shape import _dimension
from .tensor import SparseTensor, flat_positions, product, summed


def is_sparse(x):
    return issubclass(type(x), SparseTensor)


def _coo(x):
    return x.to_sparse()


def _same_device(name, a, b):
    if a.device != b.device:
        raise RuntimeError(f"{name}(): expected all tensors on one device, but got {a.device} and {b.device}")


# ---- products


@op(
    method=False,
    node_name="SparseMmBackward0",
    values=lambda g, rows, columns, dense: (index_select(g, 0, rows) * index_select(dense, 0, columns)).sum(1),
    dense=lambda g, values, rows, columns, dense_shape: multiply(values, columns, rows, g, dense_shape[0]),
)
def multiply(values, rows, columns, dense, size):
    """The product of a sparse matrix with `size` rows, by its values and indices, and a dense one."""
    # Rows of `dense` are copied for a block of columns at a time, so that a wide product takes no more than a few
    # times the memory of its operands.
    block = max(1, _BLOCK // max(values.shape[0], 1))
    scale = _C.unsqueeze(values, 1)
    parts = []
    for start in range(0, max(dense.shape[1], 1), block):
        part = _C.narrow(dense, 1, start, min(block, dense.shape[1] - start))
        picked = _C.mul(_C.index_select(part, 0, columns), scale)
        zeros = _C.full((size, part.shape[1]), 0, picked.dtype, picked.device)
        parts.append(_C.index_add(zeros, 0, rows, picked, 1))
    return parts[0] if len(parts) == 1 else _C.cat(parts, 1)


_BLOCK = 2**20  # elements


def _matrix(name, x):
    if x.ndim != 2 or (is_sparse(x) and x.dense_dim()):
        raise RuntimeError(f"{name}(): expected a matrix (with sparse dimensions alone), but got shape {list(x.shape)}")
    return _coo(x) if is_sparse(x) else x


def mm(input, mat2):
    """The product of two matrices, at least one of which is sparse; of two sparse ones it is sparse."""
    a, b = _matrix("mm", input), _matrix("mm", mat2)
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(f"mm(): expected both matrices to have the same dtype, but got {a.dtype} and {b.dtype}")
    _same_device("mm", a, b)
    if not is_sparse(a):
        return mm(transpose(b, 0, 1), a.t()).t()
    if is_sparse(b):
        return _sparse_product(a, b)
    rows, columns = a._indices()
    return multiply(a._values(), rows, columns, b, a.shape[0])


def _sparse_product(a, b):
    """For each element of a, all elements of b's row that it meets; then equal positions are summed."""
    b = b.coalesce()
    counts = b._indices()[0].bincount(minlength=b.shape[0])
    begins = counts.cumsum(0) - counts
    rows, columns = a._indices()
    meets = counts.index_select(0, columns)
    from_a = meets.repeat_interleave()
    nth = _C.arange(0, from_a.shape[0], 1, _C.int64, a.device) - (meets.cumsum(0) - meets).index_select(0, from_a)
    from_b = begins.index_select(0, columns.index_select(0, from_a)) + nth
    index = _C.stack([rows.index_select(0, from_a), b._indices()[1].index_select(0, from_b)], 0)
    values = a._values().index_select(0, from_a) * b._values().index_select(0, from_b)
    return SparseTensor(index, values, (a.shape[0], b.shape[1])).coalesce()


def mv(input, vec):
    if vec.ndim != 1:
        raise RuntimeError(f"mv(): expected a vector, but got shape {list(vec.shape)}")
    return mm(input, vec.unsqueeze(1)).squeeze(1)


def matmul(input, other):
    if other.ndim == 1 and not is_sparse(other):
        return mv(input, other)
    if input.ndim == 1 and not is_sparse(input):
        return mv(transpose(other, 0, 1), input)
    return mm(input, other)


def addmm(input, mat1, mat2, beta=1, alpha=1):
    result = mm(mat1, mat2)
    result = result if alpha == 1 else result * alpha
    return result if beta == 0 else add(input if beta == 1 else input * beta, result)


# ---- sums and products of elements


def add(input, other, alpha=1):
    if not isinstance(other, _C.TensorBase) or not isinstance(input, _C.TensorBase):
        raise TypeError("add(): a sparse tensor and a number add up to a dense one: call to_dense() first")
    _same_device("add", input, other)
    scaled = other if alpha == 1 else other * alpha
    if not is_sparse(input):
        return _add_to_dense(input, scaled) if is_sparse(scaled) else input + scaled
    if not is_sparse(other):
        return _add_to_dense(scaled, input)
    if input.shape != other.shape or input.sparse_dim() != other.sparse_dim():
        raise RuntimeError(
            f"add(): expected sparse tensors of the same shape and sparse dimensions, but got {list(input.shape)} and "
            f"{list(other.shape)}"
        )
    a, b = _coo(input), _coo(scaled)
    made = SparseTensor(cat([a._indices(), b._indices()], 1), cat([a._values(), b._values()], 0), a.shape).coalesce()
    return made.to_sparse_csr() if input.is_sparse_csr and other.is_sparse_csr else made


def _add_to_dense(dense, s):
    if dense.shape != s.shape:
        raise RuntimeError(
            f"add(): expected a sparse tensor of the dense one's shape {list(dense.shape)}, but got {list(s.shape)}"
        )
    dtype = _C.promote_types(dense.dtype, s.dtype)
    sizes = s.shape[: s.sparse_dim()]
    flat = dense.to(dtype).reshape(product(sizes), *s.shape[s.sparse_dim() :])
    return index_add(flat, 0, s._flat(), s._values().to(dtype)).reshape(dense.shape)


def sub(input, other, alpha=1):
    return add(input, other, alpha=-alpha)


def _is_number(x):
    return not isinstance(x, _C.TensorBase) or (not is_sparse(x) and x.ndim == 0)


def mul(input, other):
    """Elementwise: by a number or a dense tensor, what is stored stays so; of two sparse ones, what both store."""
    if not is_sparse(input):
        return mul(other, input)
    if _is_number(other):
        return input._with(input._values() * other)
    if not is_sparse(other):
        return _by_dense(input, other, methods["mul"])
    if input.shape != other.shape or input.dense_dim() or other.dense_dim():
        raise RuntimeError(
            f"mul(): expected sparse tensors of the same shape without dense dimensions, but got {list(input.shape)} "
            f"and {list(other.shape)}"
        )
    a, b = _coo(input).coalesce(), _coo(other).coalesce()
    mine, theirs = a._flat(), b._flat()
    if not theirs.shape[0]:
        return b
    place = _searchsorted(theirs, mine).clamp(max=theirs.shape[0] - 1)
    both = _C.nonzero(theirs.index_select(0, place) == mine)[:, 0]
    values = a._values().index_select(0, both) * b._values().index_select(0, place.index_select(0, both))
    return SparseTensor(a._indices().index_select(1, both), values, a.shape, True)


def _searchsorted(ordered, x):
    from ..ops.sort import searchsorted

    return searchsorted(ordered, x)


def _by_dense(s, dense, function):
    if dense.ndim > s.ndim:
        raise RuntimeError(f"a dense tensor of shape {list(dense.shape)} does not broadcast to {list(s.shape)}")
    there = dense.expand(s.shape)[tuple(s._indices())] if s.sparse_dim() else dense.expand(s.shape).unsqueeze(0)
    return s._with(function(s._values(), there))


def true_divide(input, other):
    if not is_sparse(input) or is_sparse(other):
        raise TypeError("div(): only a sparse tensor divided by a number or a dense tensor is sparse")
    if _is_number(other):
        return input._with(input._values() / other)
    return _by_dense(input, other, methods["true_divide"])


def _of_values(name):
    """A function that is 0 at 0, applied to what is stored."""

    def apply(input, *rest):
        s = input.coalesce()
        return s._with(methods[name](s._values(), *rest))

    return apply


# ---- shapes and sums


def _dims(dim, ndim):
    if dim is None or dim == ():
        return tuple(range(ndim))
    return tuple(_dimension("", d, ndim) for d in ((dim,) if isinstance(dim, int) else dim))


def transpose(input, dim0, dim1):
    s, n = _coo(input), input.sparse_dim()
    (dim0,), (dim1,) = _dims(dim0, s.ndim), _dims(dim1, s.ndim)
    if (dim0 < n) != (dim1 < n):
        raise RuntimeError(f"transpose(): a sparse and a dense dimension ({dim0} and {dim1}) cannot change places")
    shape = list(s.shape)
    shape[dim0], shape[dim1] = shape[dim1], shape[dim0]
    if dim0 >= n:
        return SparseTensor(s._indices(), s._values().transpose(dim0 - n + 1, dim1 - n + 1), shape, s.is_coalesced())
    order = list(range(n))
    order[dim0], order[dim1] = dim1, dim0
    index = s._indices().index_select(0, _C.from_data(order, _C.int64).to(s.device))
    return SparseTensor(index, s._values(), shape, dim0 == dim1 and s.is_coalesced())


def t(input):
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input if input.ndim < 2 else transpose(input, 0, 1)


def sum(input, dim=None, keepdim=False, dtype=None):
    """The sum of all elements, or along dimensions: sparse, as long as a sparse dimension is left."""
    s, n = _coo(input), input.sparse_dim()
    values = s._values() if dtype is None else s._values().to(dtype)
    dims = _dims(dim, s.ndim)
    if dim is None:
        return values.sum()
    dense = [d - n + 1 for d in dims if d >= n]
    values = values.sum(dense, keepdim) if dense else values
    kept = [d for d in range(n) if d not in dims]
    if not kept:
        result = values.sum(0)
        return result.reshape((1,) * n + tuple(result.shape)) if keepdim else result
    rows = [row for d, row in enumerate(s._indices()) if keepdim or d not in dims]
    rows = [row * 0 if keepdim and d in dims else row for d, row in enumerate(rows)] if keepdim else rows
    sizes = [1 if d in dims else s.shape[d] for d in range(n) if keepdim or d not in dims]
    return SparseTensor(_C.stack(rows, 0), values, (*sizes, *values.shape[1:])).coalesce()


# ---- softmax over what is stored


def _grouped(s, dim):
    """For a sparse dimension: which values belong together, and how many groups there are."""
    sizes = [n for d, n in enumerate(s._sizes()) if d != dim]
    rows = [row for d, row in enumerate(s._indices()) if d != dim]
    nnz = s._nnz()
    keys = flat_positions(_C.stack(rows, 0), sizes) if rows else _C.full((nnz,), 0, _C.int64, s.device)
    found, place = keys.unique(return_inverse=True)
    return place, found.shape[0]


def _shifted(s, dim):
    place, count = _grouped(s, dim)
    values = s._values()
    lowest = _C.full((count, *values.shape[1:]), float("-inf"), values.dtype, values.device)
    largest = methods["index_reduce"](lowest, 0, place, values.detach(), "amax")
    return values - largest.index_select(0, place), place, count


def _softmax(name, finish):
    """The rule of a softmax: along dense dimensions the op itself, else finish(shifted, powers, sums)."""

    def rule(input, dim, dtype=None):
        s = _coo(input).coalesce()
        s = s if dtype is None else s.to(dtype)
        (dim,) = _dims(dim, s.ndim)
        if dim >= s.sparse_dim():
            return s._with(methods[name](s._values(), dim - s.sparse_dim() + 1))
        shifted, place, count = _shifted(s, dim)
        powers = shifted.exp()
        return s._with(finish(shifted, powers, summed(powers, place, count).index_select(0, place)))

    return rule


softmax = _softmax("softmax", lambda shifted, powers, sums: powers / sums)
log_softmax = _softmax("log_softmax", lambda shifted, powers, sums: shifted - sums.log())


_ZERO_AT_ZERO = (
    "abs", "asin", "asinh", "atan", "atanh", "ceil", "deg2rad", "erf", "erfinv", "expm1", "floor", "frac", "log1p",
    "nan_to_num", "rad2deg", "relu", "round", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
)  # fmt: skip

RULES = {
    "mm": mm, "mv": mv, "matmul": matmul, "addmm": addmm, "add": add, "_add": add, "sub": sub, "_sub": sub, "mul": mul,
    "true_divide": true_divide, "div": true_divide, "neg": lambda input: input._with(-input._values()), "t": t, "transpose": transpose,
    "sum": sum, "softmax": softmax, "log_softmax": log_softmax, "_clone": SparseTensor.clone,
    **{name: _of_values(name) for name in _ZERO_AT_ZERO},
}  # fmt: skip

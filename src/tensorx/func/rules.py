"""Rules of elementwise ops, shapes, reductions and scans (see dispatch.py for what a rule is)."""

from math import prod

from .. import _C
from ..ops.shape import _dimension
from .batched import BatchedTensor
from .dispatch import ELEMENTWISE, REFUSED, RULES, composed, map_tensors, rule

ELEMENTWISE.update(
    """
    abs acos acosh add add_scaled addcdiv addcmul asin asinh atan atan2 atanh binary_cross_entropy bitwise_and
    bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor cast ceil celu celu_grad clamp clone
    contiguous copy_into copysign cos cosh digamma div elu elu_grad empty_like eq erf erfc erfinv exp exp2 expm1 fill
    floor floor_divide fmax fmin fmod frac gcd ge gelu gelu_grad gelu_tanh gelu_tanh_grad gt hardshrink hardsigmoid
    hardsigmoid_grad hardswish hardswish_grad heaviside hypot isfinite isinf isnan isneginf isposinf lcm le leaky_relu
    leaky_relu_grad lerp lgamma log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor logsigmoid
    logsigmoid_grad lt maximum minimum mish mish_grad mul nan_to_num ne neg nextafter pinned pow reciprocal relu
    relu_grad remainder round rsqrt selu selu_grad sigmoid sigmoid_grad sign signbit silu silu_grad sin sinh softplus
    softshrink softsign sqrt square sub sub_scaled tan tanh tanh_grad tanhshrink threshold to_device trunc trunc_divide
    where xlogy full_like
    """.split()
)
REFUSED.update(
    dict.fromkeys(
        ("nonzero", "nonzero_columns", "masked_select", "unique", "repeat_index"),
        "gives a result whose size depends on the values, and so differs between examples: use a mask (tensorx.where) "
        "or a fixed size, or call it outside of vmap",
    )
)


# ---- dimensions of one example, as those of the value, which has k more in front


def place(dim, k, ndim):
    """Where dimension `dim` of `ndim` is behind k others."""
    return _dimension("", dim, ndim or 1) + k


def places(dims, k, ndim):
    """place() of an int, or of each of several."""
    return place(dims, k, ndim) if isinstance(dims, int) else tuple(place(d, k, ndim) for d in dims)


def _with_a_dimension(x, k):
    """A 0-dim example's tensor as one of one element, so that it has the dimension 0 that ops take it to have."""
    return x.unsqueeze(-1) if x.ndim == k else x


def _without_it(result, k):
    if isinstance(result, (tuple, list)):
        return type(result)([_without_it(x, k) for x in result])
    return result.squeeze(k) if result.ndim > k else result


def _along(position):
    """The rule of an op that works along the dimension, or dimensions, that argument `position` names."""

    def along(op, k, *arguments):
        tensors = [x for x in arguments if isinstance(x, _C.TensorBase)]
        scalar = tensors[0].ndim == k
        arguments = [_with_a_dimension(x, k) if isinstance(x, _C.TensorBase) else x for x in arguments]
        ndim = arguments[0].ndim - k
        dims = arguments[position]
        arguments[position] = tuple(range(k, k + ndim)) if dims is None or dims == () else places(dims, k, ndim)
        result = op(*arguments)
        return _without_it(result, k) if scalar else result

    return along


rule(
    "all", "amax", "amin", "any", "argsort", "count_nonzero", "cummax", "cummin", "cumprod", "cumsum",
    "log_softmax", "logcumsumexp", "logsumexp", "max_index", "mean", "min_index", "nansum", "prod", "softmax", "sort",
    "std", "std_mean", "sum", "var", "var_mean",
)(_along(1))  # fmt: skip
rule("kthvalue", "log_softmax_grad", "norm", "softmax_grad", "topk")(_along(2))
rule("median")(_along(1))


@rule("argmax", "argmin")
def _position(op, k, input, dim, keepdim):
    if dim is not None:
        return _along(1)(op, k, input, dim, keepdim)
    found = op(input.flatten(k) if input.ndim > k else input.unsqueeze(-1), k, False)
    return found.reshape(*found.shape, *(1,) * (input.ndim - k)) if keepdim else found


@composed("mse_loss")
def _mse_loss(op, input, target, reduction):
    squares = (input - target).square()
    return squares if reduction == "none" else squares.mean() if reduction == "mean" else squares.sum()


# ---- views


def _batch(x, k):
    return tuple(x.shape[:k])


@rule("windows", "overlap_add")
def _windows(op, k, input, first, *arguments):
    return op(input, first + k, *arguments)


def _sizes(shape):
    return (shape,) if isinstance(shape, int) else tuple(shape)


@rule("view", "reshape")
def _reshape(op, k, input, shape):
    shape = list(_sizes(shape))
    if -1 in shape:  # what it stands for is a matter of one example
        known = prod(n for n in shape if n != -1)
        total = prod(input.shape[k:])
        if shape.count(-1) > 1 or not known or total % known:
            raise RuntimeError(f"shape '{shape}' is invalid for input of size {total}")
        shape[shape.index(-1)] = total // known
    return op(input, (*_batch(input, k), *shape))


@rule("flatten")
def _flatten(op, k, input, start_dim, end_dim):
    input = _with_a_dimension(input, k)
    return op(input, place(start_dim, k, input.ndim - k), place(end_dim, k, input.ndim - k))


@rule("expand")
def _expand(op, k, input, size, implicit=False):
    size = _sizes(size)
    added = len(size) - (input.ndim - k)
    if added > 0:
        input = input.reshape((*_batch(input, k), *(1,) * added, *input.shape[k:]))
    return op(input, (*_batch(input, k), *size), implicit)


@rule("repeat")
def _repeat(op, k, input, repeats):
    repeats = _sizes(repeats)
    added = len(repeats) - (input.ndim - k)
    if added > 0:
        input = input.reshape((*_batch(input, k), *(1,) * added, *input.shape[k:]))
    return op(input, ((1,) * k + repeats) if added >= 0 else repeats)


@rule("permute")
def _permute(op, k, input, dims):
    return op(input, (*range(k), *places(_sizes(dims), k, input.ndim - k)))


@rule("transpose")
def _transpose(op, k, input, dim0, dim1):
    n = input.ndim - k
    return op(input, place(dim0, k, n), place(dim1, k, n)) if n else input


@rule("t")
def _t(op, k, input):
    n = input.ndim - k
    if n > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {n}D")
    return input.transpose(k, k + 1) if n == 2 else input


@rule("squeeze")
def _squeeze(op, k, input, dim):
    if dim is None:
        return op(input, tuple(d for d in range(k, input.ndim) if input.shape[d] == 1))
    return op(input, places(dim, k, input.ndim - k)) if input.ndim > k else input


@rule("unsqueeze")
def _unsqueeze(op, k, input, dim):
    return op(input, place(dim, k, input.ndim - k + 1))


@rule("narrow", "select", "split", "unbind", "unfold")
def _along_first_argument(op, k, input, *arguments):
    # `split` has the dimension last, the others first.
    n = input.ndim - k
    if op.__name__ == "unfold":
        input = _with_a_dimension(input, k)
    if op.__name__ in ("split", "_split"):
        return op(input, arguments[0], place(arguments[1], k, n))
    return op(input, place(arguments[0], k, n), *arguments[1:])


@rule("basic_view")
def _basic_view(op, k, input, index):
    return op(input, (slice(None),) * k + (index if type(index) is tuple else (index,)))


@rule("diagonal")
def _diagonal(op, k, input, offset, dim1, dim2):
    n = input.ndim - k
    return op(input, offset, place(dim1, k, n), place(dim2, k, n))


@rule("diag_embed")
def _diag_embed(op, k, input, offset, dim1, dim2):
    n = input.ndim - k + 1
    return op(input, offset, place(dim1, k, n), place(dim2, k, n))


@rule("as_strided")
def _as_strided(op, k, input, size, stride, storage_offset):
    if 0 in _batch(input, k):  # there is no memory to view
        return _C.new_zeros(input, (*_batch(input, k), *size))
    return op(input, (*_batch(input, k), *size), (*input.stride()[:k], *stride), storage_offset)


@rule("view_dtype")
def _view_dtype(op, k, input, dtype):
    if input.ndim == k and dtype.itemsize != input.dtype.itemsize:
        raise RuntimeError("view(): a 0-dim tensor can only be viewed as a dtype of the same size")
    return op(input, dtype)


@rule("tril", "triu")
def _triangle(op, k, input, diagonal):
    if input.ndim - k < 2:
        raise RuntimeError(f"{op.__name__}: input tensor must have at least 2 dimensions")
    return op(input, diagonal)


@rule("flip")
def _flip(op, k, input, dims):
    return op(input, places(_sizes(dims), k, input.ndim - k)) if input.ndim > k else input.clone()


@rule("roll")
def _roll(op, k, input, shifts, dims):
    if dims is None or dims == ():
        flat = input.reshape((*_batch(input, k), prod(input.shape[k:])))
        return op(flat, shifts, k).reshape(input.shape)
    return op(input, shifts, places(dims, k, input.ndim - k)) if input.ndim > k else input.clone()


@rule("cat")
def _cat(op, k, tensors, dim):
    most = max(x.ndim for x in tensors)
    kept = [x for x in tensors if x.ndim == most or tuple(x.shape[k:]) != (0,)]  # cat skips the others
    return op(kept, place(dim, k, most - k))


@rule("stack")
def _stack(op, k, tensors, dim):
    return op(tensors, place(dim, k, tensors[0].ndim - k + 1))


# ---- questions about shapes and dtypes


def _stand_in(x):
    """A tensor that takes no memory, of the shape and dtype of one example's."""
    return _C.empty((), x.dtype, None).expand(x.shape) if type(x) is BatchedTensor else x


def _of_shapes(rule, op, arguments, levels):
    return op(*map_tensors(_stand_in, arguments))


for _name in ("broadcast_shape", "result_type"):
    RULES[_name] = (_of_shapes, None)


@rule("_room_for")
def _room_for(op, k, input, source):
    return input.clone()


@rule("index_bounds", "is_pinned")
def _of_all(op, k, input):
    return op(input)


@rule("new_zeros")
def _new_zeros(op, k, like, shape):
    return op(like, (*_batch(like, k), *shape))

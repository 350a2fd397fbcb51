"""Matrix products and what is made of them."""

from .. import _C
from .activation import gelu, relu
from .define import alias, composite, function, in_place, op
from .into import into

__all__ = [
    "_addmm_activation",
    "addmm",
    "addmv",
    "baddbmm",
    "bmm",
    "chain_matmul",
    "dot",
    "ger",
    "inner",
    "matmul",
    "mm",
    "mv",
    "outer",
    "tensordot",
    "vdot",
]


def _scaled(g, factor):
    return g if factor == 1 else g * factor


def scaled_sum(input, beta, product, alpha):
    """beta * input + alpha * product. An input that counts for nothing is not read: it may hold NaN."""
    product = _scaled(product, alpha)
    return product if beta == 0 else _scaled(input, beta) + product


@op(_C.mm, input=lambda g, mat2: g.mm(mat2.t()), mat2=lambda g, input: input.t().mm(g))
def mm(input, mat2):
    """The product of two matrices: (m, k) and (k, n) give (m, n).

    >>> import tensorx as tx
    >>> tx.mm(tx.ones(2, 3), tx.ones(3, 1)).tolist()
    [[3.0], [3.0]]
    """


@op(_C.bmm, input=lambda g, mat2: g.bmm(mat2.transpose(1, 2)), mat2=lambda g, input: input.transpose(1, 2).bmm(g))
def bmm(input, mat2):
    """The products of two batches of matrices: (b, m, k) and (b, k, n) give (b, m, n)."""


@op(_C.mv, input=lambda g, vec: g.unsqueeze(1) * vec, vec=lambda g, input: input.t().mv(g))
def mv(input, vec):
    """A matrix (m, k) times a vector (k): (m)."""


@op(_C.dot, input=lambda g, tensor: g * tensor, tensor=lambda g, input: g * input)
def dot(input, tensor):
    """The sum of the products of two vectors' elements."""


def _matmul_input(g, input_shape, other):
    if other.ndim == 1:
        return g * other if len(input_shape) == 1 else g.unsqueeze(-1) * other
    if len(input_shape) == 1:
        return matmul(other, g.unsqueeze(-1)).squeeze(-1).sum_to_size(input_shape)
    return matmul(g, other.transpose(-1, -2)).sum_to_size(input_shape)


def _matmul_other(g, input, other_shape):
    if input.ndim == 1:
        return g * input if len(other_shape) == 1 else (input.unsqueeze(-1) * g.unsqueeze(-2)).sum_to_size(other_shape)
    if len(other_shape) == 1:
        return (input * g.unsqueeze(-1)).sum_to_size(other_shape)
    if len(other_shape) == 2:  # one matrix for all of the batch: one product, not a sum of many
        return input.reshape(-1, input.size(-1)).t().mm(g.reshape(-1, g.size(-1)))
    return matmul(input.transpose(-1, -2), g).sum_to_size(other_shape)


@op(_C.matmul, node_name="MmBackward0", input=_matmul_input, other=_matmul_other)
def matmul(input, other):
    """The matrix product for every combination of ranks; batch dimensions broadcast.

    Shapes: (k) (k) -> (); (m, k) (k) -> (m); (k) (k, n) -> (n); (..., m, k) (..., k, n) -> (..., m, n).

    >>> import tensorx as tx
    >>> tx.matmul(tx.ones(5, 2, 3), tx.ones(3, 4)).shape
    tensorx.Size([5, 2, 4])
    """


@op(
    _C.addmm,
    input=lambda g, input_shape, beta: _scaled(g.sum_to_size(input_shape), beta),
    mat1=lambda g, mat2, alpha: _scaled(g.mm(mat2.t()), alpha),
    mat2=lambda g, mat1, alpha: _scaled(mat1.t().mm(g), alpha),
)
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2); input broadcasts to the product."""


@function
@composite
def _addmm_activation(input, mat1, mat2, *, beta=1, alpha=1, use_gelu=False, out=None):
    """relu, or gelu, of addmm(input, mat1, mat2). Without gradients the activation is part of the product's last pass.

    >>> import tensorx as tx
    >>> tx._addmm_activation(tx.tensor([-3.0, 3.0]), tx.ones(1, 2), tx.ones(2, 2))
    tensor([[0., 5.]])
    """
    wants_gradient = _C.is_grad_enabled() and (input.requires_grad or mat1.requires_grad or mat2.requires_grad)
    if beta == 1 and alpha == 1 and not wants_gradient and mat1.is_floating_point() and mat1.shape[-1]:
        return into(out, _C.addmm_activation(input, mat1, mat2, "gelu" if use_gelu else "relu"))
    made = addmm(input, mat1, mat2, beta=beta, alpha=alpha)
    return into(out, gelu(made) if use_gelu else relu(made))


@op(
    _C.baddbmm,
    input=lambda g, input_shape, beta: _scaled(g.sum_to_size(input_shape), beta),
    batch1=lambda g, batch2, alpha: _scaled(g.bmm(batch2.transpose(1, 2)), alpha),
    batch2=lambda g, batch1, alpha: _scaled(batch1.transpose(1, 2).bmm(g), alpha),
)
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * (batch1 @ batch2), batch by batch; input broadcasts to the product."""


@function
@composite
def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (mat @ vec); input broadcasts. With beta=0 input is not read."""
    return into(out, scaled_sum(input, beta, mat.mv(vec), alpha))


@function
def outer(input, vec2, *, out=None):
    """The products of each pair of elements of two vectors: (n) and (m) give (n, m)."""
    if input.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(f"outer: Expected 1-D arguments, but got {input.ndim}-D and {vec2.ndim}-D")
    return into(out, input.unsqueeze(1) * vec2)


@function
def inner(input, other, *, out=None):
    """The sum of products over the last dimension of both."""
    if input.ndim == 0 or other.ndim == 0:
        return into(out, input * other)
    if input.size(-1) != other.size(-1):
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and {list(other.shape)}"
        )
    return into(out, tensordot(input, other, ([-1], [-1])))


@function
@composite
def vdot(input, other, *, out=None):
    """The dot product of two vectors, the first of them conjugated.

    >>> import tensorx as tx
    >>> tx.vdot(tx.tensor([1 + 1j]), tx.tensor([2j]))
    tensor(2.+2.j)
    """
    return into(out, dot(input.conj(), other))


@composite
def tensordot(a, b, dims=2):
    """The sum of products over the given dimensions of both: an int n (the last n of a, the first n of b) or two lists."""
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(
                f"tensordot expects dims to be at most the number of dimensions of both, {a.ndim} and {b.ndim}, but got dims={dims}"
            )
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    left, right = [d % a.ndim for d in left], [d % b.ndim for d in right]
    for i, j in zip(left, right, strict=True):
        if a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second has size {b.shape[j]} in dim {j}"
            )
    keep_a, keep_b = [d for d in range(a.ndim) if d not in left], [d for d in range(b.ndim) if d not in right]
    size = 1
    for i in left:
        size *= a.shape[i]
    rows = a.permute(*keep_a, *left).reshape(-1, size) if size else a.permute(*keep_a, *left).reshape(a.numel(), 0)
    columns = b.permute(*right, *keep_b).reshape(size, -1) if size else b.permute(*right, *keep_b).reshape(0, b.numel())
    return rows.mm(columns).reshape([*[a.shape[d] for d in keep_a], *[b.shape[d] for d in keep_b]])


@composite
def chain_matmul(*matrices):
    """The product of several matrices, in the order that takes the fewest multiplications; see `linalg.multi_dot`."""
    from ..linalg import multi_dot

    return multi_dot(matrices) if len(matrices) > 1 else matrices[0]


def _linear_weight(g, input, weight_shape):
    if len(weight_shape) == 1:
        return (input * g.unsqueeze(-1)).sum_to_size(weight_shape)
    rows = g if g.ndim == 2 else g.reshape(-1, weight_shape[0])
    return rows.t().mm(input if input.ndim == 2 else input.reshape(-1, weight_shape[1]))


@op(
    _C.linear,
    method=False,
    node_name="AddmmBackward0",
    input=lambda g, weight: matmul(g, weight) if weight.ndim == 2 else g.unsqueeze(-1) * weight,
    weight=_linear_weight,
    bias=lambda g, bias_shape: g.sum_to_size(bias_shape),
)
def linear(input, weight, bias=None):
    """input @ weight.T + bias, in one pass.

    Shapes: input (..., in_features), weight (out_features, in_features), bias (out_features): (..., out_features).

    >>> import tensorx as tx
    >>> tx.nn.functional.linear(tx.ones(2, 3), tx.ones(1, 3), tx.ones(1)).tolist()
    [[4.0], [4.0]]
    """


addmm_ = in_place(addmm)
baddbmm_ = in_place(baddbmm)
ger = alias("ger", outer)
_C.set_slot("matmul", matmul)

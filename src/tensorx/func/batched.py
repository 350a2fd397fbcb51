"""BatchedTensor: inside vmap, what looks like the tensor of one example and holds those of all examples.

Its `value` is an ordinary tensor whose first dimensions are those of `levels`, one per vmap that is running and that
this tensor is batched by, outermost first. Gradients are recorded on the value, so autograd knows nothing of vmap.

A BatchedTensor is no Tensor to C, which hands every call that is given one to `dispatch.call`; to Python it says that
it is one, so that `isinstance(x, tensorx.Tensor)` holds in a function that vmap maps.
"""

import threading
from math import prod

from .. import _C
from ..creation import _sizes
from ..ops import arithmetic, elementwise
from ..ops.index import _setitem, advanced_getitem
from ..ops.matmul import matmul
from ..ops.shape import getitem
from ..size import Size
from ..tensor import Tensor


class Level:
    """One running vmap: how many examples, and what random numbers they get ("error", "different" or "same")."""

    __slots__ = ("active", "depth", "randomness", "size")

    def __init__(self, size, randomness, depth):
        self.size, self.randomness, self.depth, self.active = size, randomness, depth, True

    def __repr__(self):
        return f"<vmap level {self.depth} of {self.size} examples>"


class _Running(threading.local):
    def __init__(self):
        self.levels = []


_running = _Running()


def running_levels():
    """The levels of this thread's running vmaps, outermost first."""
    return _running.levels


class enter:
    """A with block inside of one more level, which it gives."""

    def __init__(self, size, randomness):
        self.level = Level(size, randomness, len(_running.levels) + 1)

    def __enter__(self):
        _running.levels.append(self.level)
        return self.level

    def __exit__(self, *error):
        self.level.active = False
        _running.levels.remove(self.level)


class outside:
    """A with block in which no vmap runs."""

    def __enter__(self):
        self.levels, _running.levels = _running.levels, []

    def __exit__(self, *error):
        _running.levels = self.levels


def _refuse(what, instead):
    def refused(self, *args, **kwargs):
        raise RuntimeError(f"vmap: {what} inside of vmap, where this tensor has a value per example: {instead}")

    return refused


_NO_NUMBER = "compute with tensors instead (tensorx.where chooses by a condition), or do it outside of vmap"
_no_branch = _refuse("Python control flow cannot depend on the values of a tensor", _NO_NUMBER)


def _spread(sizes):
    return sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes


class BatchedTensor:
    """The tensors of all examples of a vmap, as if they were one (see the module)."""

    __slots__ = ("__weakref__", "levels", "value")

    def __init__(self, value, levels):
        self.value, self.levels = value, levels

    __class__ = property(lambda self: Tensor)

    # ---- what it looks like

    @property
    def shape(self):
        """The shape of one example's tensor."""
        return Size(self.value.shape[len(self.levels) :])

    @property
    def ndim(self):
        return self.value.ndim - len(self.levels)

    def dim(self):
        return self.ndim

    ndimension = dim

    def numel(self):
        return prod(self.shape)

    nelement = numel

    @property
    def nbytes(self):
        return self.numel() * self.itemsize

    def element_size(self):
        return self.value.itemsize

    def size(self, dim=None):
        return self.shape if dim is None else self._one_of(self.shape, dim)

    def stride(self, dim=None):
        strides = self.value.stride()[len(self.levels) :]
        return strides if dim is None else self._one_of(strides, dim)

    def _one_of(self, values, dim):
        if not -len(values) <= dim < len(values):
            raise IndexError(f"Dimension out of range for a tensor of {len(values)} dimensions: {dim}")
        return values[dim]

    def is_contiguous(self, memory_format=None):
        return memory_format is None and self.value.is_contiguous()

    def storage_offset(self):
        return self.value.storage_offset()

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __repr__(self):
        value = repr(self.value).replace("\n", "\n    ")
        return f"BatchedTensor(levels={[level.depth for level in self.levels]}, value=\n    {value}\n)"

    __hash__ = object.__hash__
    __array_ufunc__ = None  # NumPy's numbers leave operators to us

    # ---- new tensors: batched as this one is, so that what differs between examples can be written into them

    def _new(self, method, size, *arguments, **keywords):
        examples = self.value.shape[: len(self.levels)]
        return BatchedTensor(method(self.value, (*examples, *size), *arguments, **keywords), self.levels)

    def new_empty(self, *sizes, size=None, **keywords):
        return self._new(Tensor.new_empty, _sizes("new_empty", _spread(sizes), size), **keywords)

    def new_zeros(self, *sizes, size=None, **keywords):
        return self._new(Tensor.new_zeros, _sizes("new_zeros", _spread(sizes), size), **keywords)

    def new_ones(self, *sizes, size=None, **keywords):
        return self._new(Tensor.new_ones, _sizes("new_ones", _spread(sizes), size), **keywords)

    def new_full(self, size, fill_value, **keywords):
        return self._new(Tensor.new_full, size, fill_value, **keywords)

    def new_empty_strided(self, size, stride, **keywords):
        span = 1 + sum((n - 1) * abs(s) for n, s in zip(size, stride, strict=True)) if prod(size) else 0
        examples = self.value.shape[: len(self.levels)]
        steps = [span * prod(examples[i + 1 :]) for i in range(len(examples))]
        made = self.value.new_empty_strided((*examples, *size), (*steps, *stride), **keywords)
        return BatchedTensor(made, self.levels)

    # ---- gradients: those of the value

    @property
    def requires_grad(self):
        return self.value.requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted):
        self.value.requires_grad = wanted

    @property
    def grad(self):
        grad = self.value.grad
        return None if grad is None else BatchedTensor(grad, self.levels)

    @property
    def data(self):
        return self.detach()

    def detach(self):
        return BatchedTensor(self.value.detach(), self.levels)

    _alias = detach

    backward = _refuse("backward() cannot be called", "use tensorx.func.grad or vjp")
    register_hook = register_post_accumulate_grad_hook = retain_grad = _refuse(
        "hooks cannot be registered", "they would see the gradients of all examples"
    )

    # ---- what needs one value

    item = _refuse("item() cannot be called", _NO_NUMBER)
    tolist = _refuse("tolist() cannot be called", _NO_NUMBER)
    numpy = __array__ = _refuse("a tensor cannot become a NumPy array", _NO_NUMBER)
    data_ptr = _refuse("data_ptr() cannot be called", "no example has memory of its own")
    __float__ = __int__ = __index__ = _refuse("a tensor cannot become a Python number", _NO_NUMBER)
    __bool__ = __contains__ = _no_branch

    def __format__(self, spec):
        return format(repr(self), spec)

    def _shares_storage(self, other):
        return self.value._shares_storage(other.value if type(other) is BatchedTensor else other)

    # ---- indexing

    def __getitem__(self, index):
        index = _C.canonical_index(index)
        arrays = any(isinstance(part, Tensor) for part in (index if type(index) is tuple else (index,)))
        return advanced_getitem(self, index) if arrays else getitem(self, index)

    def __setitem__(self, index, value):
        _setitem(self, _C.canonical_index(index), value)


_VALUE_ATTRIBUTES = (
    "_base", "_edge", "_retains_grad", "_version", "device", "dtype", "grad_fn", "is_cpu", "is_cuda", "is_leaf",
    "itemsize", "output_nr",
)  # fmt: skip
_OPERATORS = {
    "add": arithmetic._add, "sub": arithmetic._sub, "mul": arithmetic.mul, "truediv": arithmetic.true_divide,
    "floordiv": arithmetic.floor_divide, "mod": arithmetic.remainder, "pow": arithmetic.pow, "matmul": matmul,
    "and": arithmetic.bitwise_and, "or": arithmetic.bitwise_or, "xor": arithmetic.bitwise_xor,
    "lshift": arithmetic.bitwise_left_shift, "rshift": arithmetic.bitwise_right_shift,
}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_UNARY = {
    "neg": elementwise.neg, "pos": elementwise.positive, "abs": elementwise.abs, "invert": elementwise.bitwise_not
}  # fmt: skip
_IN_PLACE = {
    "iadd": "add_", "isub": "sub_", "imul": "mul_", "itruediv": "div_", "ifloordiv": "floor_divide_",
    "imod": "remainder_", "ipow": "pow_", "iand": "bitwise_and_", "ior": "bitwise_or_", "ixor": "bitwise_xor_",
    "ilshift": "bitwise_left_shift_", "irshift": "bitwise_right_shift_",
}  # fmt: skip


def _reflected(operator):
    return lambda self, other: operator(other, self)


def _fill_class():
    """Every method and property of Tensor that the class does not have already, and the operators."""
    own = vars(BatchedTensor)
    for name in _VALUE_ATTRIBUTES:
        setattr(BatchedTensor, name, property(lambda self, name=name: getattr(self.value, name)))
    for name, operator in _OPERATORS.items():
        setattr(BatchedTensor, f"__{name}__", lambda self, other, operator=operator: operator(self, other))
        setattr(BatchedTensor, f"__r{name}__", _reflected(operator))
    for name in _COMPARISONS:
        setattr(BatchedTensor, f"__{name}__", getattr(Tensor, name))
    for name, operator in _UNARY.items():
        setattr(BatchedTensor, f"__{name}__", lambda self, operator=operator: operator(self))
    for name, method in _IN_PLACE.items():
        setattr(BatchedTensor, f"__{name}__", lambda self, other, method=method: getattr(self, method)(other))
    for name, attribute in vars(Tensor).items():
        if name not in own and (not name.startswith("__") or name in ("__iter__", "__reversed__")):
            setattr(BatchedTensor, name, attribute)
    BatchedTensor.__hash__ = object.__hash__


_fill_class()

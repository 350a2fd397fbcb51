"""Complex numbers and their parts.

Conjugates are made when they are asked for: no tensor carries a conjugate bit, so `is_conj` is never true. The rules here
are those of functions that complex numbers have no derivative of; how the others' are used is told in
`csrc/python/node.cpp`, at `conjugated`.
"""

from math import pi

from .. import _C
from .arithmetic import where
from .define import function, method, op
from .elementwise import cos, sin
from .into import into

__all__ = [
    "adjoint", "angle", "complex", "conj", "conj_physical", "imag", "is_conj", "is_neg", "isreal", "polar", "real",
    "resolve_conj", "resolve_neg", "view_as_complex", "view_as_real",
]  # fmt: skip


# ---- Views of the parts


@op(
    _C.view_as_real,
    view=True,
    method=False,
    node_name="ViewAsRealBackward0",
    input=lambda g: view_as_complex(g.contiguous()).conj(),
)
def view_as_real(input):
    """The real and imaginary parts of a complex tensor, as a view with a last dimension of size 2 more.

    >>> import tensorx as tx
    >>> tx.view_as_real(tx.tensor([1 + 2j, 3.0]))
    tensor([[1., 2.],
            [3., 0.]])
    """


@op(
    _C.view_as_complex,
    view=True,
    method=False,
    node_name="ViewAsComplexBackward0",
    input=lambda g: view_as_real(g.conj()),
)
def view_as_complex(input):
    """A tensor whose last dimension, of size 2, holds real and imaginary parts, as a complex view without it.

    >>> import tensorx as tx
    >>> tx.view_as_complex(tx.tensor([[1.0, 2.0], [3.0, 0.0]]))
    tensor([1.+2.j, 3.+0.j])
    """


@op(_C.real, view=True, method=False, node_name="RealBackward0", input=lambda g, input_dtype: g.to(input_dtype))
def _real(input):
    """The real parts of a complex tensor."""


@op(_C.imag, view=True, method=False, node_name="ImagBackward0", input=lambda g: g * -1j)
def imag(input):
    """The imaginary parts of a complex tensor, as a view.

    >>> import tensorx as tx
    >>> tx.imag(tx.tensor([1 + 2j]))
    tensor([2.])
    """


def real(input):
    """The real parts of a complex tensor, as a view; a real tensor itself.

    >>> import tensorx as tx
    >>> tx.real(tx.tensor([1 + 2j]))
    tensor([1.])
    """
    return _real(input) if input.dtype.is_complex else input


# ---- Making complex tensors


@op(_C.complex, broadcasts=True, method=False, real=lambda g: g.real, imag=lambda g: -g.imag)
def complex(real, imag):
    """The complex tensor with these real and imaginary parts, both of them float32 or both float64.

    >>> import tensorx as tx
    >>> tx.complex(tx.tensor([1.0, 2.0]), tx.tensor([0.0, -1.0]))
    tensor([1.+0.j, 2.-1.j])
    """


@op(
    _C.polar,
    broadcasts=True,
    method=False,
    abs=lambda g, angle: g.real * cos(angle) - g.imag * sin(angle),
    angle=lambda g, out: (g * out * 1j).real,
)
def polar(abs, angle):
    """The complex tensor with these absolute values and angles: abs * cos(angle) + abs * sin(angle) * 1j.

    >>> import tensorx as tx
    >>> tx.polar(tx.tensor([2.0]), tx.tensor([0.0]))
    tensor([2.+0.j])
    """


# ---- Conjugates


@op(_C.conj, broadcasts=True, method=False, node_name="ConjBackward0", input=lambda g: _conj(g))
def _conj(input):
    """The complex conjugate of each element."""


@function
def conj_physical(input, *, out=None):
    """The complex conjugate of each element, in new memory; a real tensor itself."""
    if input.dtype.is_complex:
        return _conj(input, out=out)
    return into(out, input)


@function
def conj(input):
    """The complex conjugate of each element; a real tensor itself.

    >>> import tensorx as tx
    >>> tx.conj(tx.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return _conj(input) if input.dtype.is_complex else input


@method
def conj_physical_(self):
    """In-place form of `conj_physical`."""
    return self.copy_(self.conj())


@function
def resolve_conj(input):
    """The tensor itself: conjugates are never left to be made later."""
    return input


@function
def resolve_neg(input):
    """The tensor itself: signs are never left to be changed later."""
    return input


@function
def is_conj(input):
    """False: conjugates are never left to be made later."""
    return False


@function
def is_neg(input):
    """False: signs are never left to be changed later."""
    return False


@function
def adjoint(input):
    """The last two dimensions swapped, and complex numbers conjugated.

    >>> import tensorx as tx
    >>> tx.adjoint(tx.tensor([[1j, 2.0]]))
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return input.transpose(-2, -1).conj()


# ---- Angles, and whether a number is real


def _angle(input):
    if input.dtype.is_complex:
        return _C.atan2(_C.imag(input), _C.real(input))
    floating = input.dtype.is_floating_point
    turned = _C.mul(_C.cast(_C.lt(input, 0), input.dtype if floating else _C.get_default_dtype()), pi)
    return _C.where(_C.isnan(input), input, turned) if floating else turned


def _angle_gradient(g, input):
    if not input.dtype.is_complex:
        return g * 0
    return where(input == 0, 0.0, g * -1j / input)


@op(_angle, broadcasts=True, input=_angle_gradient)
def angle(input):
    """The angle of each element in radians, in (-pi, pi]: of a real one 0, or pi where it is negative.

    >>> import tensorx as tx
    >>> tx.angle(tx.tensor([1j, -2.0 + 0j]))
    tensor([1.5708, 3.1416])
    """


@function
def isreal(input):
    """True where an element has no imaginary part.

    >>> import tensorx as tx
    >>> tx.isreal(tx.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    return input.imag == 0 if input.dtype.is_complex else _C.full(input.shape, True, _C.bool, input.device)


_C.set_hook("conjugate", conj)

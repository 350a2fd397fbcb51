"""The Tensor class: TensorBase (data and autograd slots, in C) plus every method.

Most methods are ops and functions of tensorx.ops, put here by name from `ops.define.methods`; this file holds those
that are about the object itself.
"""

from . import _C
from .autograd import engine
from .interop import install
from .ops.complex import imag, real
from .ops.convert import legacy_tensor
from .ops.define import methods
from .ops.layout import strided
from .size import Size


class Tensor(_C.TensorBase):
    """A multi-dimensional array of one dtype on one device, with a history for gradients.

    Made by `tensorx.tensor`, `tensorx.zeros`, `tensorx.from_numpy` and others, or by any op.
    """

    __slots__ = ()
    __array_priority__ = 1000  # NumPy leaves `array * tensor` to us
    _post_accumulate_grad_hooks = None

    def __new__(cls, *args, device=None):
        """Tensor(2, 3): uninitialised. Tensor([1, 2]): data in the default dtype. Prefer `tensorx.tensor`."""
        made = legacy_tensor(args, _C.get_default_dtype(), device)
        return made if cls is Tensor else _C.make_subclass(cls, made)

    @staticmethod
    def _make_subclass(cls, data, require_grad=False):
        """The data of a tensor as a leaf of a subclass; for the __new__ of subclasses."""
        made = _C.make_subclass(cls, data)
        if require_grad:
            made.requires_grad = True
        return made

    def as_subclass(self, cls):
        """The same data and history as an instance of a subclass of Tensor."""
        made = _C.make_subclass(cls, self)
        if self.grad_fn is not None:
            made._set_history(self.grad_fn, self.output_nr)
        elif self.requires_grad:
            made.requires_grad = True
        return made

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Accumulate the gradient of this tensor into the leaves of its graph; see `autograd.backward`."""
        engine.backward((self,), None if gradient is None else (gradient,), retain_graph, create_graph, inputs)

    # ---- autograd

    def detach(self):
        """The same data without history; in-place changes to either are seen by both."""
        return self._alias()

    def detach_(self):
        """Forget this tensor's history, making it a leaf."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._set_history(None, 0)
        self.requires_grad = False
        return self

    def requires_grad_(self, requires_grad=True):
        """Set `requires_grad` in place and return the tensor."""
        self.requires_grad = requires_grad
        return self

    def register_hook(self, hook):
        """Call hook(grad) when this tensor's gradient is computed; it may return a new one. Returns a handle."""
        from .autograd.hooks import register_tensor_hook

        return register_tensor_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook):
        """Call hook(tensor) after a backward pass has added to this leaf's `grad`. Returns a handle."""
        from .autograd.hooks import register_post_accumulate_grad_hook

        return register_post_accumulate_grad_hook(self, hook)

    def retain_grad(self):
        """Keep the gradient of this tensor in `grad` although it is no leaf."""
        from .autograd.hooks import retain_grad

        retain_grad(self)

    @property
    def retains_grad(self):
        """True for a tensor that is no leaf and keeps its gradient."""
        return self._retains_grad

    @property
    def data(self):
        """The same data without history. Assigning replaces the data."""
        return self._alias()

    @data.setter
    def data(self, value):
        self._set_array(value)

    @property
    def T(self):
        """The transpose: all dimensions reversed."""
        return self.permute(tuple(range(self.ndim - 1, -1, -1)))

    @property
    def mT(self):
        """The last two dimensions swapped."""
        if self.ndim < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor."
            )
        return self.transpose(-2, -1)

    @property
    def H(self):
        """The transpose of a matrix (the conjugate transpose of a complex one)."""
        if self.ndim not in (0, 2):
            raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.")
        return self.t().conj()

    @property
    def mH(self):
        """The last two dimensions swapped, and complex numbers conjugated."""
        return self.mT.conj()

    @property
    def real(self):
        """The real parts, as a view; a real tensor itself. Assigning writes them."""
        return real(self)

    @real.setter
    def real(self, value):
        real(self).copy_(value if isinstance(value, _C.TensorBase) else _C.full((), value, None, self.device))

    @property
    def imag(self):
        """The imaginary parts, as a view. Assigning writes them."""
        return imag(self)

    @imag.setter
    def imag(self, value):
        imag(self).copy_(value if isinstance(value, _C.TensorBase) else _C.full((), value, None, self.device))

    # ---- the object

    layout = strided
    is_sparse = is_sparse_csr = False

    def is_floating_point(self):
        """True for the float dtypes."""
        return self.dtype.is_floating_point

    def is_complex(self):
        """True for the complex dtypes."""
        return self.dtype.is_complex

    def is_signed(self):
        """True when the dtype has negative values."""
        return self.dtype.is_signed

    def get_device(self):
        """The number of the CUDA device; -1 on the CPU."""
        index = self.device.index
        return -1 if index is None else index

    def __complex__(self):
        return complex(self.item())

    def __rdiv__(self, other):  # Python 2's name, which PyTorch keeps
        return other / self

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, value):
        return bool((self == value).any().item())

    def __reversed__(self):
        return self if self.ndim == 0 else self.flip(0)

    def __format__(self, spec):
        return format(self.item(), spec) if self.ndim == 0 and not self.requires_grad else object.__format__(self, spec)

    def __dir__(self):
        return sorted({*dir(type(self)), *self.__dict__})


def install_methods():
    """Put every op and function that registered itself onto Tensor."""
    for name, function in methods.items():
        setattr(Tensor, name, function)
    install(Tensor)


_C.set_classes(Tensor, Size)

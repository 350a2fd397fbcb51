"""Functions of functions: their derivatives (grad, vjp, jvp, jacrev, jacfwd, hessian) and their batched form (vmap).

They compose: vmap(grad(f)), grad of vmap, jacrev of jacfwd, vmap in vmap.

>>> import tensorx as tx
>>> def loss(w, x, y):
...     return (tx.dot(w, x) - y) ** 2
>>> w, x, y = tx.tensor([1.0, -1.0]), tx.tensor([[1.0, 2.0], [3.0, 4.0]]), tx.tensor([0.0, 1.0])
>>> tx.func.vmap(tx.func.grad(loss), in_dims=(None, 0, 0))(w, x, y)  # the gradient of each example
tensor([[ -2.,  -4.],
        [-12., -16.]])
"""

from .mapping import vmap
from .stateful import functional_call, stack_module_state
from .transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, value_and_grad, vjp

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "value_and_grad",
    "vjp",
    "vmap",
]

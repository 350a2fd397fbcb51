"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ... import Tensor, cat


def parameters_to_vector(parameters: Tensor | Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, one after the other.

    >>> import tensorx as tx
    >>> tx.nn.utils.parameters_to_vector(tx.nn.Linear(3, 2).parameters()).shape
    tensorx.Size([8])
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Tensor | Iterable[Tensor]) -> None:
    """Cut `vec` up as `parameters_to_vector` would have put it together; the parameters' data become views of it."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected Tensor, but got: {type(vec).__name__}")
    parameters = list(parameters)
    needed = sum(parameter.numel() for parameter in parameters)
    if vec.numel() < needed:
        raise ValueError(f"vector_to_parameters: the parameters have {needed} elements, the vector {vec.numel()}")
    begin = 0
    for parameter in parameters:
        end = begin + parameter.numel()
        parameter.data = vec[begin:end].view_as(parameter).data
        begin = end

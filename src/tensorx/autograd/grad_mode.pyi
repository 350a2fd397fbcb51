from collections.abc import Callable
from typing import Any, Self, TypeVar, overload

from .._C import GradMode

_F = TypeVar("_F", bound=Callable[..., Any])

class _Mode(GradMode):
    def __call__(self, function: _F) -> _F: ...

class no_grad(_Mode):
    @overload
    def __new__(cls, function: None = None) -> Self: ...
    @overload
    def __new__(cls, function: _F) -> _F: ...  # type: ignore[misc]

class enable_grad(_Mode):
    @overload
    def __new__(cls, function: None = None) -> Self: ...
    @overload
    def __new__(cls, function: _F) -> _F: ...  # type: ignore[misc]

class set_grad_enabled(_Mode):
    mode: bool
    def __init__(self, mode: bool) -> None: ...

class inference_mode(_Mode):
    mode: bool
    @overload
    def __new__(cls, mode: bool = True) -> Self: ...
    @overload
    def __new__(cls, mode: _F) -> _F: ...  # type: ignore[misc]

def is_grad_enabled() -> bool: ...
def is_inference_mode_enabled() -> bool: ...

"""Turning recording on and off. The flag lives in C, one per thread."""

from functools import wraps

from .. import _C

_GENERATOR = 0x20  # inspect.CO_GENERATOR; importing inspect costs more than all of tensorx


class _Mode(_C.GradMode):
    """A context manager that is a decorator too; one object may be entered again."""

    def _copy(self):
        return type(self)()

    def __call__(self, function):
        if getattr(getattr(function, "__code__", None), "co_flags", 0) & _GENERATOR:
            return _wrap_generator(self._copy, function)

        @wraps(function)
        def wrapper(*args, **kwargs):
            with self._copy():
                return function(*args, **kwargs)

        return wrapper


def _wrap_generator(make_mode, function):
    """The mode holds while the generator runs, not between its values."""

    @wraps(function)
    def wrapper(*args, **kwargs):
        generator = function(*args, **kwargs)
        send, value = generator.send, None
        try:
            while True:
                try:
                    with make_mode():
                        item = send(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    value, send = (yield item), generator.send
                except GeneratorExit:
                    raise
                except BaseException as error:
                    value, send = error, generator.throw
        finally:
            generator.close()

    return wrapper


class no_grad(_Mode):
    """Record nothing: results do not require a gradient, and no memory is held for one.

    A context manager or a decorator (`@no_grad()`); per thread.

    >>> import tensorx as tx
    >>> x = tx.ones(2, requires_grad=True)
    >>> with tx.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, function=None):
        return _Mode.__new__(cls) if function is None else cls()(function)

    def __init__(self):
        super().__init__(False, None)


class enable_grad(_Mode):
    """Record again inside a `no_grad` block. A context manager or a decorator."""

    def __new__(cls, function=None):
        return _Mode.__new__(cls) if function is None else cls()(function)

    def __init__(self):
        super().__init__(True, None)


class set_grad_enabled(_Mode):
    """Turn recording on or off: as a function at once, as a context manager for a block.

    >>> import tensorx as tx
    >>> with tx.set_grad_enabled(False):
    ...     tx.is_grad_enabled()
    False
    """

    def __init__(self, mode):
        super().__init__(bool(mode), None)
        self.mode = bool(mode)
        super().__enter__()

    def _copy(self):
        return set_grad_enabled(self.mode)

    def __call__(self, function):
        super().__exit__()  # used as a decorator: only the function's calls are affected
        return super().__call__(function)

    def __enter__(self):
        """It acts already."""


class inference_mode(_Mode):
    """As no_grad, for code that will never need gradients. A context manager or a decorator.

    >>> import tensorx as tx
    >>> with tx.inference_mode():
    ...     tx.is_inference_mode_enabled()
    True
    """

    def __new__(cls, mode=True):
        return cls()(mode) if callable(mode) else _Mode.__new__(cls)

    def __init__(self, mode=True):
        super().__init__(not mode, bool(mode))
        self.mode = bool(mode)

    def _copy(self):
        return inference_mode(self.mode)


is_grad_enabled = _C.is_grad_enabled
is_inference_mode_enabled = _C.is_inference_enabled

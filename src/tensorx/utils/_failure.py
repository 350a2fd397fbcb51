"""Failure: an exception on its way to another process."""

from __future__ import annotations

import pickle
from traceback import format_exception


class Failure:
    """Of an exception: its type, its text with the traceback, and the exception itself where it can be pickled."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.where, self.text = where, "".join(format_exception(error))
        kinds = type(error).__mro__  # a class within a function cannot be sent, but what it derives from can
        self.type = next(kind for kind in kinds if issubclass(kind, BaseException) and _pickled(kind))
        self.name = type(error).__name__
        self.pickled = _pickled(error)

    def exception(self) -> BaseException:
        """The exception to raise here: of the same type, with the traceback of the other process in its message.

        Its __cause__ is the exception as it was raised there. A type that is not made of a message is raised itself,
        with the traceback as a note.
        """
        message = f"Caught {self.name} {self.where}.\nOriginal {self.text}"
        original = self._original()
        if issubclass(self.type, StopIteration):  # would end the loop around the loader, silently
            return _caused(RuntimeError(message), original)
        try:
            error = self.type(_Message(message))
            if self.text in str(error):
                error.__dict__.update(vars(original) if original else {})
                return _caused(error, original)
        except Exception:  # it takes other arguments
            pass
        if original is None:
            return RuntimeError(message)
        original.add_note(message)
        return original

    def _original(self):
        try:
            return pickle.loads(self.pickled) if self.pickled else None
        except Exception:  # it could be read there
            return None


class _Message(str):
    """Shown as it is also by KeyError, which shows repr() of its argument."""

    __repr__ = str.__str__


def _caused(error, cause):
    error.__cause__ = cause
    return error


def _pickled(value):
    """The pickle of a value, if it can be read again; None if not."""
    try:
        data = pickle.dumps(value)
        pickle.loads(data)
        return data
    except Exception:
        return None

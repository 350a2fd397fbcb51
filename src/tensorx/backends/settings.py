"""Settings that are attributes: reading one calls a function, and so does assigning to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


class Settings(ModuleType):
    """A module (or an object like one) with settings. Assigning to a name that is none of them is an error."""

    def __setattr__(self, name: str, value: Any) -> None:
        settings = [key for key, member in vars(type(self)).items() if isinstance(member, property)]
        if name not in settings and not name.startswith("_"):
            raise AttributeError(f"{self.__name__} has no setting '{name}': it has {', '.join(settings)}")
        super().__setattr__(name, value)


Setting = tuple[Callable[[], Any], Callable[[Any], None]]  # what reading and what assigning call


def _class(settings: dict[str, Setting]) -> type[Settings]:
    def member(get: Callable[[], Any], set: Callable[[Any], None]) -> property:
        return property(lambda self: get(), lambda self, value: set(value))

    return type("Settings", (Settings,), {name: member(*setting) for name, setting in settings.items()})


def install(module: str, **settings: Setting) -> None:
    """Give a module that is being imported these settings."""
    sys.modules[module].__class__ = _class(settings)


def group(name: str, doc: str, **settings: Setting) -> Any:
    """An object with these settings."""
    return _class(settings)(name, doc)


def remembered(name: str, value: bool) -> Setting:
    """A setting that is kept for who asks, and switches nothing."""
    kept = [value]

    def assign(value: bool) -> None:
        kept[0] = boolean(name, value)

    return lambda: kept[0], assign


def boolean(name: str, value: object) -> bool:
    """`value` if it is a bool; otherwise raise TypeError."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, got {value!r}")
    return value

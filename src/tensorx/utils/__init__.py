"""Utilities: `utils.data` (data sets and loaders), `utils.hooks`."""


def __getattr__(name):
    if name == "data":
        from . import data

        return data
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
